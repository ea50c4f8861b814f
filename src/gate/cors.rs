//! Cross-origin questions that come without a key: preflights (Fetch standard, section 3.3.2), and which page may read a refusal.

use super::{Gate, Snapshot, denial::Denial, origin::Claimed, request::RequestHead};

/// A preflight, recognised: whether the page may go on to send the request it asks about.
pub type Preflight = Result<(), Denial>;

impl Gate {
    /// Answers a preflight; `None` if the request is not one. A preflight is an `OPTIONS` with `Origin` and
    /// `Access-Control-Request-Method`, routed by the method that it asks for. It carries no key by design of the web, so it is
    /// allowed where some key of the environments that are let in lists the origin.
    #[must_use]
    pub fn preflight(&self, head: &RequestHead<'_>) -> Option<Preflight> {
        let origin = head.origin.as_ref().filter(|_| head.method == "OPTIONS")?;
        let method = std::str::from_utf8(head.values("access-control-request-method").next()?).ok()?;
        let snapshot = self.snapshot.load();
        Some(if snapshot.keys.is_none() {
            Err(Denial::NotReady)
        } else if snapshot.policy.route(head, method).is_none() {
            Err(Denial::NoRoute)
        } else if !lists(&snapshot, origin) {
            Err(Denial::OriginRefused)
        } else {
            Ok(())
        })
    }
}

/// Whether some key of the environments that are let in lists `origin`.
pub(super) fn lists(snapshot: &Snapshot, origin: &Claimed<'_>) -> bool {
    let Some(keys) = &snapshot.keys else { return false };
    snapshot.policy.environments.iter().any(|&environment| keys.lists_origin(environment, origin))
}
