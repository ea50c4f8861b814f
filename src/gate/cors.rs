//! Cross-origin questions that come without a key: preflights (Fetch standard, section 3.3.2), and which page may read a refusal.

use super::{
    Gate, Snapshot,
    denial::Denial,
    origin::Claimed,
    policy::{Demand, Mode},
    request::RequestHead,
    time::Timestamp,
};

/// A preflight, recognised: whether the page may go on to send the request it asks about.
pub type Preflight = Result<(), Denial>;

impl Gate {
    /// Answers a preflight; `None` if the request is not one, or if a refusal would only be reported, for then the backend has to answer. A preflight is an `OPTIONS` with `Origin` and
    /// `Access-Control-Request-Method`, routed by the method that it asks for. It carries no key by design of the web, so it is
    /// allowed where some key of the environments that are let in lists the origin; never from a peer that is blocked at `now`.
    #[must_use]
    pub fn preflight(&self, head: &RequestHead<'_>, now: Timestamp) -> Option<Preflight> {
        let origin = head.origin.as_ref().filter(|_| head.method == "OPTIONS")?;
        let method = requested_method(head)?;
        let snapshot = self.snapshot.load();
        let route = snapshot.policy.route(head, method);
        let answer = if snapshot.blocks_peer_of(head, now) {
            Err(Denial::PeerBlocked)
        } else if let Err(denial) = snapshot.fresh_keys(now) {
            Err(denial)
        } else if route.is_none_or(|at| snapshot.policy.routes[at].demand == Demand::Unroutable) {
            Err(Denial::NoRoute)
        } else if !lists(&snapshot, origin) {
            Err(Denial::OriginRefused)
        } else {
            Ok(())
        };
        let is_reported = |denial: Denial| snapshot.policy.mode_of(route, None) == Mode::Report && denial.can_be_reported();
        Some(answer).filter(|answer| !answer.is_err_and(is_reported))
    }
}

/// The method that a preflight asks for.
fn requested_method<'h>(head: &RequestHead<'h>) -> Option<&'h str> {
    std::str::from_utf8(head.values("access-control-request-method").next()?).ok()
}

/// The method by which a request is routed: a preflight by the one that it asks for.
pub(super) fn routed_method<'h>(head: &RequestHead<'h>) -> &'h str {
    let preflight = (head.method == "OPTIONS" && head.origin.is_some()).then(|| requested_method(head)).flatten();
    preflight.unwrap_or(head.method)
}

/// Whether some key of the environments that are let in lists `origin`.
pub(super) fn lists(snapshot: &Snapshot, origin: &Claimed<'_>) -> bool {
    let Some(keys) = &snapshot.keys else { return false };
    snapshot.policy.environments.iter().any(|&environment| keys.lists_origin(environment, origin))
}
