//! The gate's last word in a WebSocket that it ends (RFC 6455 section 7.4).

use crate::{
    dialect::{CloseCode, close_frame},
    edge::registry::CutReason,
};

/// The Close frame of a reason, masked where it goes to the backend. To a revoked client it says that coming back is no use, to a
/// drained one that it is.
pub fn goodbye(reason: CutReason, masked: bool) -> Vec<u8> {
    match reason {
        CutReason::Drain => close_frame(CloseCode::ServiceRestart, "service restart", masked),
        CutReason::Removed
        | CutReason::Revoked
        | CutReason::Disabled
        | CutReason::Expired
        | CutReason::Environment
        | CutReason::Capability
        | CutReason::KeyBlocked
        | CutReason::Address
        | CutReason::Origin
        | CutReason::Operator => close_frame(CloseCode::PolicyViolation, "the API key no longer allows this", masked),
        CutReason::Policy => close_frame(CloseCode::PolicyViolation, "this is no longer allowed", masked),
        CutReason::Idle => close_frame(CloseCode::GoingAway, "idle for too long", masked),
        CutReason::MaxAge => close_frame(CloseCode::ServiceRestart, "old enough; connect again", masked),
        CutReason::Unanswered | CutReason::Stalled => close_frame(CloseCode::GoingAway, "the client is not there", masked),
        CutReason::ClientMessage => close_frame(CloseCode::PolicyViolation, "no messages are taken here", masked),
        CutReason::PeerBlocked => close_frame(CloseCode::PolicyViolation, "this address is blocked", masked),
    }
}
