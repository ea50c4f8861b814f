//! Cutting live connections over the control socket: which, and what became of them.
//!
//! Knows how that is written in JSON; [`Governed`] does it. Whoever is cut may come back: to keep it out is what blocks are for.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{ConnectInfo, State, rejection::JsonRejection},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Asker, Filter, Governed,
    connections::{network, transport},
    word,
};

/// The longest that an answer waits for connections to end.
pub const MAX_CUT_WAIT: Duration = Duration::from_secs(60);

/// Connections that somebody wants cut.
#[derive(Debug, PartialEq, Eq)]
pub struct Cut {
    /// Which of those that live now.
    pub filter: Filter,
    /// How long the answer waits for them to end, at most [`MAX_CUT_WAIT`].
    pub wait: Duration,
}

/// What became of them.
#[derive(Debug, Serialize, Deserialize)]
pub struct Severed {
    /// How many were told to end.
    pub cut: usize,
    /// How many of those that were to go are still there.
    pub remaining: usize,
    /// Of a key, whether the key set has one of this id; `None` for anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<bool>,
}

/// The body of `POST /connections/cut`.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    all: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<String>,
    #[serde(default, skip_serializing)]
    wait_ms: u64,
}

/// `POST /connections/cut`.
pub(super) async fn cut(
    State(gate): State<Arc<dyn Governed>>,
    ConnectInfo(asker): ConnectInfo<Asker>,
    body: Result<Json<Body>, JsonRejection>,
) -> (StatusCode, Json<Value>) {
    let refused = |error: String| (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": error })));
    match body.map_err(|error| error.body_text()).and_then(|Json(body)| body.wanted()) {
        Ok(wanted) => gate.cut(wanted, asker).await.map_or_else(refused, |severed| (StatusCode::OK, Json(json!(severed)))),
        Err(error) => refused(error),
    }
}

impl Body {
    pub(super) fn wanted(self) -> Result<Cut, String> {
        let selectors = [self.id.is_some(), self.key.is_some(), self.peer.is_some(), self.all];
        if selectors.into_iter().filter(|said| *said).count() != 1 {
            return Err("name an `id`, a `key` or a `peer`, or say `all`, and only one of them".to_owned());
        }
        let wait = Duration::from_millis(self.wait_ms);
        if wait > MAX_CUT_WAIT {
            return Err(format!("wait: must be at most {}s", MAX_CUT_WAIT.as_secs()));
        }
        let filter = Filter {
            id: self.id,
            key: self.key.map(|text| word("key", &text)).transpose()?,
            peer: self.peer.as_deref().map(network).transpose()?,
            transport: self.transport.as_deref().map(transport).transpose()?,
            ..Filter::default()
        };
        Ok(Cut { filter, wait })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Cut, String> {
        serde_json::from_str::<Body>(text).map_err(|error| error.to_string())?.wanted()
    }

    #[test]
    fn exactly_one_selector_is_taken() {
        let all = read(r#"{ "all": true, "wait_ms": 5000 }"#).unwrap();
        assert_eq!(all, Cut { filter: Filter::default(), wait: Duration::from_secs(5) });
        assert_eq!(read(r#"{ "id": 7 }"#).unwrap().filter.id, Some(7));
        let narrowed = read(r#"{ "key": "web", "transport": "sse" }"#).unwrap().filter;
        assert_eq!(narrowed.key.as_deref().zip(narrowed.transport.map(|kind| kind.name())), Some(("web", "sse")));
        for (text, why) in [
            ("{}", "only one of them"),
            (r#"{ "all": false }"#, "only one of them"),
            (r#"{ "transport": "sse" }"#, "only one of them"),
            (r#"{ "id": 7, "all": true }"#, "only one of them"),
            (r#"{ "key": "a", "peer": "10.0.0.1" }"#, "only one of them"),
            (r#"{ "key": "a b" }"#, "key: must be"),
            (r#"{ "peer": "10.0.0.1/40" }"#, "peer: must be"),
            (r#"{ "all": true, "wait_ms": 60001 }"#, "wait: must be at most 60s"),
            (r#"{ "all": true, "older": 5 }"#, "unknown field"),
            (r#"{ "id": -7 }"#, "invalid value"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
