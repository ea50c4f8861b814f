//! The side of the gate that is replaced: `POST /upgrade` on its control socket.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Request, State},
    http::{
        HeaderValue, StatusCode,
        header::{CONNECTION, UPGRADE},
    },
    response::{IntoResponse as _, Response},
};
use hyper::upgrade::OnUpgrade;
use hyper_util::{rt::TokioIo, server::conn::auto::upgrade::downcast};
use serde_json::json;
use tokio::{net::UnixStream, sync::Mutex, time::timeout};
use tracing::{info, warn};

use super::{Offered, PROTOCOL, line::Lines};
use crate::admin::{Governed, Place};

/// How long the new process may take to load and bind; its death is seen at once.
const PREPARING: Duration = Duration::from_secs(120);
/// How long it may take for any other word. From `blocks` to `ready` nobody can be blocked.
const ANSWERING: Duration = Duration::from_secs(5);

/// Who may take the gate over: one at a time.
#[derive(Clone)]
pub struct Turn {
    gate: Arc<dyn Governed>,
    place: Arc<Place>,
    taken: Arc<Mutex<()>>,
}

impl Turn {
    /// Of `gate`, whose control socket is at `place`.
    #[must_use]
    pub fn new(gate: Arc<dyn Governed>, place: Arc<Place>) -> Self {
        Self { gate, place, taken: Arc::default() }
    }
}

/// Agrees to hand over, and then does, as long as the other side goes on.
pub async fn upgrade(State(turn): State<Turn>, mut request: Request) -> Response {
    let known = HeaderValue::from_static(PROTOCOL);
    if request.headers().get(UPGRADE) != Some(&known) {
        return (
            StatusCode::UPGRADE_REQUIRED,
            [(UPGRADE, known)],
            Json(json!({ "error": format!("needs Upgrade: {PROTOCOL}") })),
        )
            .into_response();
    }
    let refused = |why: &str| (StatusCode::CONFLICT, Json(json!({ "error": why }))).into_response();
    let Ok(taken) = Arc::clone(&turn.taken).try_lock_owned() else {
        return refused("another upgrade of this gate is under way");
    };
    let sockets = match turn.gate.offer() {
        Ok(sockets) => sockets,
        Err(why) => return refused(&why),
    };
    let Some(upgraded) = request.extensions_mut().remove::<OnUpgrade>() else {
        return refused("this connection cannot become another");
    };
    tokio::spawn(async move {
        let outcome = hand_over(&turn, upgraded, sockets).await;
        // Whoever reads that it came to nothing may ask again.
        drop(taken);
        match outcome {
            Ok(aside) => info!(control = %aside.display(), "another process has taken over"),
            Err(error) => warn!(%error, "an upgrade came to nothing, this gate goes on"),
        }
    });
    (StatusCode::SWITCHING_PROTOCOLS, [(CONNECTION, HeaderValue::from_static("upgrade")), (UPGRADE, known)]).into_response()
}

/// Hands over. Returns where the control socket of this gate is afterwards.
async fn hand_over(turn: &Turn, upgraded: OnUpgrade, sockets: Vec<Offered>) -> io::Result<PathBuf> {
    let upgraded = timeout(ANSWERING, upgraded).await?.map_err(io::Error::other)?;
    let parts = downcast::<TokioIo<UnixStream>>(upgraded).map_err(|_| io::Error::other("the connection is of another kind"))?;
    let mut lines = Lines::new(parts.io.into_inner(), &parts.read_buf);
    expect(&mut lines, "sockets", ANSWERING).await?;
    for offered in sockets {
        // One that nobody accepts on any more is closing.
        let Some(socket) = offered.socket.upgrade() else { continue };
        lines.pass(&format!("{} {}", offered.role.name(), offered.address), socket.as_fd()).await?;
    }
    lines.say("end").await?;
    expect(&mut lines, "prepared", PREPARING).await?;
    let given = give(turn, &mut lines).await;
    if given.is_err() {
        turn.gate.thaw_blocks();
    }
    given
}

async fn give(turn: &Turn, lines: &mut Lines) -> io::Result<PathBuf> {
    let blocks = turn.gate.freeze_blocks().await.map_err(io::Error::other)?;
    timeout(ANSWERING, lines.say(&format!("blocks {blocks}"))).await??;
    expect(lines, "ready", ANSWERING).await?;
    let aside = turn.place.give_way()?;
    // It looks where the path leads if this does not reach it.
    let _ = timeout(ANSWERING, lines.say("yours")).await;
    turn.gate.replaced();
    Ok(aside)
}

async fn expect(lines: &mut Lines, word: &str, patience: Duration) -> io::Result<()> {
    let gone = |error| io::Error::other(format!("the new process went before it was ready: {error}"));
    let heard = timeout(patience, lines.hear()).await?.map_err(gone)?;
    if heard == word {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, format!("the new process said something else than `{word}`")))
}
