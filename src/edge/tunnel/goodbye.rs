//! The gate's last word in a stream that it ends (RFC 6455 section 7.4; WHATWG HTML section 9.2.6), and its ping.

use crate::{
    dialect::{CloseCode, close_frame, event},
    edge::registry::CutReason,
    gate::denial::Denial,
};

/// A ping without content (RFC 6455 section 5.5.2).
pub const PING: [u8; 2] = [0x89, 0];

/// After how long an event stream's client should connect again that may come back. Browsers take some seconds of their own choice;
/// that not all come at once is seen to by not ending all at once.
const RETRY_MS: u64 = 1000;

/// The event of a reason: `keygate`, with the status and the code that a request would be refused with now. A client that is let in
/// again is told when to come.
pub fn goodbye_event(reason: CutReason) -> Vec<u8> {
    let denial = Denial::from(reason);
    let data = format!(r#"{{"status":{},"code":"{}"}}"#, denial.status(), denial.code());
    event("keygate", &data, (denial == Denial::Draining).then_some(RETRY_MS))
}

/// The Close frame of a reason, masked where it goes to the backend. To a revoked client it says that coming back is no use, to a
/// drained one that it is.
pub fn goodbye(reason: CutReason, masked: bool) -> Vec<u8> {
    match reason {
        CutReason::Drain => close_frame(CloseCode::ServiceRestart, "service restart", masked),
        CutReason::Operator => close_frame(CloseCode::ServiceRestart, "closed by the operator; connect again", masked),
        CutReason::Removed
        | CutReason::Revoked
        | CutReason::Disabled
        | CutReason::Expired
        | CutReason::Environment
        | CutReason::Capability
        | CutReason::KeyBlocked
        | CutReason::Address
        | CutReason::Origin => close_frame(CloseCode::PolicyViolation, "the API key no longer allows this", masked),
        CutReason::Policy => close_frame(CloseCode::PolicyViolation, "this is no longer allowed", masked),
        CutReason::Idle => close_frame(CloseCode::GoingAway, "idle for too long", masked),
        CutReason::MaxAge => close_frame(CloseCode::ServiceRestart, "old enough; connect again", masked),
        CutReason::Unanswered | CutReason::Stalled => close_frame(CloseCode::GoingAway, "the client is not there", masked),
        CutReason::MessageRate => close_frame(CloseCode::PolicyViolation, "message rate exceeded", masked),
        CutReason::ByteRate => close_frame(CloseCode::PolicyViolation, "byte rate exceeded", masked),
        // It is not the backend whose message it was.
        CutReason::MessageTooBig if masked => close_frame(CloseCode::GoingAway, "the client is not there", masked),
        CutReason::MessageTooBig => close_frame(CloseCode::MessageTooBig, "message too big", masked),
        // Not 1013, "try again later": two clients that come back would evict each other without end.
        CutReason::Evicted => close_frame(CloseCode::PolicyViolation, "replaced by a newer connection", masked),
        CutReason::ClientMessage => close_frame(CloseCode::PolicyViolation, "no messages are taken here", masked),
        CutReason::PeerBlocked => close_frame(CloseCode::PolicyViolation, "this address is blocked", masked),
    }
}
