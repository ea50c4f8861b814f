//! `websocket` and `sse` → how long streams may live and be silent.

use std::time::Duration;

use super::{
    fault::Place,
    raw::{self, OrOff, Span},
};
use crate::downstream::{HandshakeRefusal, StreamSpans, Streams};

/// The shortest of these spans: a mistake in the unit would close every stream at once.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest: a month. What lives longer is `off`.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 3600);

/// The spans of the configuration whose root is `place`.
pub(super) fn streams(websocket: Option<&raw::WebSocket>, sse: Option<&raw::EventStream>, root: &Place<'_>) -> Streams {
    let websocket = websocket.map_or_else(StreamSpans::default, |typed| {
        let place = root.field("websocket");
        let one = |typed, name| span(typed, name, &place);
        StreamSpans { idle: one(typed.idle, "idle"), max_age: one(typed.max_age, "max_age"), ping: one(typed.ping, "ping") }
    });
    let event_stream = sse.map_or_else(StreamSpans::default, |typed| {
        let place = root.field("sse");
        StreamSpans { idle: span(typed.idle, "idle", &place), max_age: span(typed.max_age, "max_age", &place), ping: None }
    });
    Streams { websocket, event_stream }
}

/// How handshakes are refused.
pub(super) fn refusal(websocket: Option<&raw::WebSocket>) -> HandshakeRefusal {
    match websocket.and_then(|typed| typed.refusal) {
        None | Some(raw::HandshakeRefusal::Http) => HandshakeRefusal::Http,
        Some(raw::HandshakeRefusal::Close) => HandshakeRefusal::Close,
    }
}

fn span(typed: Option<OrOff<Span>>, name: &str, place: &Place<'_>) -> Option<Duration> {
    let Some(OrOff::Limit(Span(span))) = typed else { return None };
    if !(SHORTEST..=LONGEST).contains(&span) {
        place.field(name).fault("must be from `1s` to `31d`, or `off`");
    }
    Some(span)
}
