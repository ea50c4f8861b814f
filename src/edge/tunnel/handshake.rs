//! The proof that a backend meant to open a WebSocket (RFC 6455 section 4.1): an answer of 101 alone is none. And the same proof given
//! by the gate, to say why it refuses.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest;

use super::answer_head::Answered;
use crate::{
    dialect::{CloseCode, close_frame},
    gate::{
        credential::{Locations, OWN_PROTOCOL},
        denial::Denial,
        request::{RequestHead, is_tchar},
    },
};

/// A digest of SHA-1, in base64.
const ACCEPT_BYTES: usize = 28;

/// RFC 6455 section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What a client's handshake lets the backend answer.
pub struct Expected {
    accept: [u8; ACCEPT_BYTES],
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
        let mut accept = [0; ACCEPT_BYTES];
        // Twenty bytes are twenty-eight in base64, and fit. Zeros would be met by no answer.
        let _ = STANDARD.encode_slice(hash.finish(), &mut accept);
        Self {
            accept,
            offered: locations.strip_protocols(head).map(Into::into).collect(),
            own_protocol: locations.offers_own_protocol(head),
        }
    }

    /// Whether the answer opens the WebSocket that was asked for.
    #[must_use]
    pub fn is_met_by(&self, answered: &Answered<'_>) -> bool {
        let selected_is_offered =
            answered.protocol.is_none_or(|selected| self.offered.iter().any(|offered| **offered == *selected));
        answered.status == 101 && answered.upgrades && answered.accept == Some(self.accept.as_slice()) && selected_is_offered
    }

    /// The answer that completes the handshake, and closes the WebSocket at once with what a refusal by HTTP would say: of that, a
    /// browser shows a page nothing. `None` for a request that may have two readings, whose client is told so before anything else.
    #[must_use]
    pub fn refusal(&self, denial: Denial, request_id: &str) -> Option<Vec<u8>> {
        let status = denial.status();
        if status == 400 {
            return None;
        }
        let mut answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nServer: keygate\r\nX-Request-Id: {request_id}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: "
        )
        .into_bytes();
        answer.extend_from_slice(&self.accept);
        answer.extend_from_slice(b"\r\n");
        if let Some(protocol) = self.selected() {
            answer.extend_from_slice(b"Sec-WebSocket-Protocol: ");
            answer.extend_from_slice(protocol);
            answer.extend_from_slice(b"\r\n");
        }
        answer.extend_from_slice(b"\r\n");
        answer.extend(close_frame(CloseCode::Refused { status }, denial.code(), false));
        Some(answer)
    }

    /// A subprotocol to select, for browsers fail a connection whose offers nobody took (WHATWG WebSockets). The gate's own, or the
    /// shortest: a longer one may hold a credential of the backend's, as Kubernetes has it, and is not repeated.
    fn selected(&self) -> Option<&[u8]> {
        let own = self.own_protocol.then_some(OWN_PROTOCOL.as_bytes());
        let tokens = self.offered.iter().map(|offered| &**offered).filter(|offered| offered.iter().all(|&b| is_tchar(b)));
        own.or_else(|| tokens.min_by_key(|offered| offered.len()))
    }

    /// The subprotocol that the gate selects itself: browsers fail a connection whose offers nobody took.
    #[must_use]
    pub fn own_selection(&self, answered: &Answered<'_>) -> Option<&'static str> {
        (self.own_protocol && answered.protocol.is_none()).then_some(OWN_PROTOCOL)
    }
}
