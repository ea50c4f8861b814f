//! Blocks over the control socket: what is asked, what is answered, and who asked.
//!
//! Knows how a block is written down in JSON; whether it is in force and kept is for [`Governed`] to say.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{ConnectInfo, State, connect_info::Connected, rejection::JsonRejection},
    http::StatusCode,
    serve::IncomingStream,
};
use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ControlSocket, Governed};
use crate::gate::blocks::{Block, MAX_REASON_CHARS, Target};

/// The longest that a block can be asked for; for longer, it is until somebody lifts it.
const MAX_SPAN: Duration = Duration::from_secs(3650 * 24 * 3600);

/// Who speaks on a connection to the control socket.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    /// The user, where the system tells.
    pub uid: Option<u32>,
}

/// A block that somebody wants.
#[derive(Debug)]
pub struct Wanted {
    /// Of what.
    pub target: Target,
    /// For how long; `None` is until somebody lifts it.
    pub span: Option<Duration>,
    /// Why; printable, at most [`MAX_REASON_CHARS`] characters.
    pub reason: String,
}

/// A block, as it is told. Exactly one of `key` and `ip` is there.
#[derive(Debug, Serialize, Deserialize)]
pub struct BlockView {
    /// The id of a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// An address, or a network in CIDR notation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// RFC 3339.
    pub since: String,
    /// RFC 3339; `None` is until somebody lifts it.
    pub until: Option<String>,
    /// Empty where nothing was said.
    pub reason: String,
}

/// A block that is in force.
#[derive(Debug, Serialize, Deserialize)]
pub struct Blocked {
    /// It.
    #[serde(flatten)]
    pub block: BlockView,
    /// How many live streams and exchanges it ended.
    pub cut: usize,
    /// Of a key, whether the key set has one of this id; `None` for an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<bool>,
    /// How the change outlives the process.
    #[serde(flatten)]
    pub kept: Kept,
}

/// A block that is no longer in force.
#[derive(Debug, Serialize, Deserialize)]
pub struct Lifted {
    /// What it was.
    #[serde(flatten)]
    pub block: BlockView,
    /// How the change outlives the process.
    #[serde(flatten)]
    pub kept: Kept,
}

/// Whether a change is on the disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// Whether a restart keeps it. `false` without an `error`: the configuration names no state file.
    pub kept: bool,
    /// Why it could not be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl From<&Block> for BlockView {
    fn from(block: &Block) -> Self {
        let (key, ip) = match &block.target {
            Target::Key(id) => (Some(id.to_string()), None),
            network @ Target::Network(_) => (None, Some(network.to_string())),
        };
        let until = (block.until_ms != i64::MAX).then(|| written(block.until_ms));
        Self { key, ip, since: written(block.since_ms), until, reason: block.reason.to_string() }
    }
}

fn written(unix_ms: i64) -> String {
    DateTime::from_timestamp_millis(unix_ms).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl Connected<IncomingStream<'_, ControlSocket>> for Asker {
    fn connect_info(stream: IncomingStream<'_, ControlSocket>) -> Self {
        Self { uid: stream.io().peer_cred().ok().map(|peer| peer.uid()) }
    }
}

/// The body of `POST /block` and, of that, what names the target, of `POST /unblock`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    key: Option<String>,
    ip: Option<String>,
    for_ms: Option<u64>,
    #[serde(default)]
    reason: String,
}

type Gate = State<Arc<dyn Governed>>;
type Answer = (StatusCode, Json<Value>);

pub(super) async fn block(
    State(gate): Gate,
    ConnectInfo(asker): ConnectInfo<Asker>,
    body: Result<Json<Body>, JsonRejection>,
) -> Answer {
    let wanted = match body.map_err(|error| error.body_text()).and_then(|Json(body)| body.wanted()) {
        Ok(wanted) => wanted,
        Err(error) => return refused(&error),
    };
    gate.block(wanted, asker).await.map_or_else(|error| refused(&error), |blocked| (StatusCode::OK, Json(json!(blocked))))
}

pub(super) async fn unblock(
    State(gate): Gate,
    ConnectInfo(asker): ConnectInfo<Asker>,
    body: Result<Json<Body>, JsonRejection>,
) -> Answer {
    let target = match body.map_err(|error| error.body_text()).and_then(|Json(body)| body.target()) {
        Ok(target) => target,
        Err(error) => return refused(&error),
    };
    gate.unblock(target, asker).await.map_or_else(|error| refused(&error), |lifted| (StatusCode::OK, Json(json!(lifted))))
}

pub(super) async fn blocks(State(gate): Gate) -> Json<Value> {
    Json(json!({ "blocks": gate.blocks() }))
}

fn refused(error: &str) -> Answer {
    (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": error })))
}

impl Body {
    fn target(&self) -> Result<Target, String> {
        match (&self.key, &self.ip) {
            (Some(id), None) => Target::key(id).map_err(|error| format!("key: {error}")),
            (None, Some(ip)) => Target::network(ip).map_err(|error| format!("ip: {error}")),
            (Some(_), Some(_)) | (None, None) => Err("name a `key` or an `ip`, and not both".to_owned()),
        }
    }

    fn wanted(self) -> Result<Wanted, String> {
        let target = self.target()?;
        let span = self.for_ms.map(Duration::from_millis);
        if span.is_some_and(|span| span.is_zero() || span > MAX_SPAN) {
            return Err(
                "for: must be longer than nothing and at most 3650d; without it, a block is until somebody lifts it".to_owned()
            );
        }
        if self.reason.chars().count() > MAX_REASON_CHARS || self.reason.chars().any(char::is_control) {
            return Err(format!("reason: must be at most {MAX_REASON_CHARS} printable characters"));
        }
        Ok(Wanted { target, span, reason: self.reason })
    }
}
