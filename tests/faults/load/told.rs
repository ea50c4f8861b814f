//! What a client was told at the end of its stream, and whether that was right.

use std::time::Instant;

use super::{
    super::support::{Answer, chunks_in},
    heard::Heard,
    member::Kind,
};

/// What a client that can be told something must be told at the end.
pub struct Farewell {
    /// The code and the reason of a WebSocket's Close.
    pub close: (u16, &'static str),
    /// The status of a handshake that was still open.
    pub status: u16,
}

/// How one ended, as the client saw it.
pub struct Told {
    /// When it saw the end.
    pub at: Instant,
    /// What came on a WebSocket.
    pub heard: Heard,
    /// Whether its end was none by an error.
    pub clean: bool,
    /// What came that is no frame: an answer, or events.
    pub rest: Vec<u8>,
}

impl Told {
    /// Whether something came that was no frame.
    pub const fn is_broken(&self) -> bool {
        self.heard.broken.is_some()
    }

    /// Whether a reset ended it inside a frame: what the gate may do where the rest of the frame does not come in time.
    pub fn is_cut_short(&self) -> bool {
        !self.clean && !self.heard.is_whole() && !self.is_broken()
    }

    /// What is wrong with the way in which it ended. To be cut short is not: whether the gate counted it is for others to ask.
    pub fn mistold(&self, kind: Kind, farewell: &Farewell) -> Option<String> {
        match kind {
            _ if self.is_broken() => self.heard.broken.clone(),
            Kind::Idle | Kind::Busy if self.is_cut_short() => None,
            Kind::Idle | Kind::Busy => {
                let close = self.heard.close.as_ref().map(|(code, reason)| (*code, reason.as_str()));
                let whole = self.clean && self.heard.is_whole() && close == Some(farewell.close);
                (!whole).then(|| format!("{close:?}, whole: {}, clean: {}", self.heard.is_whole(), self.clean))
            }
            // Nothing can be written to it.
            Kind::Blocked => None,
            Kind::Opening => {
                let status = Answer::head_in(&self.rest).map(|(answer, _)| answer.status);
                (status != Some(farewell.status)).then(|| format!("{status:?}"))
            }
            Kind::Events => {
                let whole = chunks_in(&self.rest).is_some_and(|(_, length)| length == self.rest.len());
                (!whole || !self.clean).then(|| format!("the body is whole: {whole}, clean: {}", self.clean))
            }
        }
    }
}
