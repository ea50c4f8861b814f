//! The proof that a backend meant to open a WebSocket (RFC 6455 section 4.1): an answer of 101 alone is none.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest;

use super::answer_head::Answered;
use crate::gate::{
    credential::{Locations, OWN_PROTOCOL},
    request::RequestHead,
};

/// RFC 6455 section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What a client's handshake lets the backend answer.
pub struct Expected {
    accept: String,
    /// The subprotocols that the backend was offered.
    offered: Vec<Box<[u8]>>,
    /// Whether the client waits for the gate's own subprotocol if the backend selects none.
    own_protocol: bool,
}

impl Expected {
    /// Of the handshake in `head`.
    #[must_use]
    pub fn of(head: &RequestHead<'_>, locations: &Locations) -> Self {
        let key = head.values("sec-websocket-key").next().unwrap_or_default();
        let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        hash.update(key);
        hash.update(GUID);
        Self {
            accept: STANDARD.encode(hash.finish()),
            offered: locations.strip_protocols(head).map(Into::into).collect(),
            own_protocol: locations.offers_own_protocol(head),
        }
    }

    /// Whether the answer opens the WebSocket that was asked for.
    #[must_use]
    pub fn is_met_by(&self, answered: &Answered<'_>) -> bool {
        let selected_is_offered =
            answered.protocol.is_none_or(|selected| self.offered.iter().any(|offered| **offered == *selected));
        answered.status == 101 && answered.upgrades && answered.accept == Some(self.accept.as_bytes()) && selected_is_offered
    }

    /// The subprotocol that the gate selects itself: browsers fail a connection whose offers nobody took.
    #[must_use]
    pub fn own_selection(&self, answered: &Answered<'_>) -> Option<&'static str> {
        (self.own_protocol && answered.protocol.is_none()).then_some(OWN_PROTOCOL)
    }
}
