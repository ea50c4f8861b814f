//! The two outcomes. A [`Permit`] is made by [`Gate::admit`](super::Gate::admit) alone, and nothing is forwarded without one.

use std::sync::Arc;

use super::{
    Standing,
    credential::{Location, Locations},
    denial::Denial,
    keys::{KeyRecord, KeyState, OverConnections},
    limit::{Allowance, Charges, Lease},
    policy::{Mode, Policy, Route},
    request::Transport,
};

/// What a decision has found out about a request before its limits are asked.
#[derive(Debug)]
pub(super) struct Found {
    pub policy: Arc<Policy>,
    pub route: usize,
    pub transport: Transport,
    pub standing: Option<Standing>,
    pub location: Option<Location>,
    pub generation: u64,
    pub until_ms: i64,
    pub origin_listed: bool,
    pub browser_report: bool,
}

/// Evidence that a request may pass. Holds the key's place for as long as it lives.
#[derive(Debug)]
#[must_use = "a permit is what lets a request be forwarded"]
pub struct Permit {
    pub(super) found: Found,
    pub(super) reported: Option<Denial>,
    pub(super) charges: Charges,
    pub(super) lease: Option<Lease<KeyState>>,
}

/// A request that may not pass.
#[derive(Debug)]
pub struct Refusal {
    /// Why.
    pub denial: Denial,
    /// The key, where the credential was one's.
    pub key: Option<Arc<KeyRecord>>,
    /// The route, where one matched.
    pub route: Option<Arc<Route>>,
    /// What the limits said, of a refusal by one of them.
    pub charges: Charges,
    /// Whether some key lists the request's Origin, so that its page may read the refusal.
    pub origin_listed: bool,
}

impl Refusal {
    /// A refusal of which nothing but the reason is known.
    #[must_use]
    pub fn bare(denial: Denial) -> Self {
        Self { denial, key: None, route: None, charges: Charges::default(), origin_listed: false }
    }
}

impl Permit {
    /// The key that was presented; `None` on a public route, and where a refusal for the want of a good one was only reported.
    #[must_use]
    pub fn key(&self) -> Option<&Arc<KeyRecord>> {
        self.found.standing.as_ref().filter(|standing| standing.good).map(|standing| &standing.key)
    }

    /// The route that was taken.
    #[must_use]
    pub fn route(&self) -> &Arc<Route> {
        &self.found.policy.routes[self.found.route]
    }

    /// The policy that let the request in, and the place of the route in it.
    #[must_use]
    pub const fn policy(&self) -> (&Arc<Policy>, usize) {
        (&self.found.policy, self.found.route)
    }

    /// What of the request belongs to Keygate, under the policy that let it in.
    #[must_use]
    pub fn locations(&self) -> &Locations {
        &self.found.policy.locations
    }

    /// How the answer will flow.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        self.found.transport
    }

    /// Where the credential stood, if one was found.
    #[must_use]
    pub const fn location(&self) -> Option<Location> {
        self.found.location
    }

    /// The generation of the snapshot that let the request in.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.found.generation
    }

    /// When the credential ends by itself, in Unix milliseconds; `i64::MAX` is never.
    #[must_use]
    pub const fn until_ms(&self) -> i64 {
        self.found.until_ms
    }

    /// What the key's limits said.
    #[must_use]
    pub const fn charges(&self) -> &Charges {
        &self.charges
    }

    /// Whether the page that asked may read the answer.
    #[must_use]
    pub const fn origin_listed(&self) -> bool {
        self.found.origin_listed
    }

    /// Whether a browser presented a secret key, on a key that reports that instead of refusing.
    #[must_use]
    pub const fn browser_report(&self) -> bool {
        self.found.browser_report
    }

    /// Why the request would have been refused, had the mode not been to report that only.
    #[must_use]
    pub const fn reported(&self) -> Option<Denial> {
        self.reported
    }

    /// What the client may send in the stream, by the limits of one stream and of its key; `None` where nothing is limited, and where
    /// whatever is refused is only reported.
    #[must_use]
    pub fn allowance(&self) -> Option<Allowance> {
        if self.only_reports() {
            return None;
        }
        let of_key = self.key().and_then(|key| Some((key.limits.stream, Arc::clone(key.rare.stream()?))));
        Allowance::new(self.found.policy.streams, of_key)
    }

    /// Beyond how many streams of its key this one ends the oldest; `None` is never.
    #[must_use]
    pub fn evicts_beyond(&self) -> Option<u32> {
        let limits = &self.key()?.limits;
        match limits.over_connections {
            OverConnections::EvictOldest if self.holds_place() && !self.only_reports() => limits.connections,
            OverConnections::EvictOldest | OverConnections::Reject => None,
        }
    }

    fn only_reports(&self) -> bool {
        let key = self.key().map(|key| &**key);
        self.found.policy.mode_of(Some(self.found.route), key) == Mode::Report
    }

    /// Whether the permit holds one of the key's places.
    #[must_use]
    pub const fn holds_place(&self) -> bool {
        self.lease.is_some()
    }

    /// Gives up the permit for the place that it holds, once it has served its purpose.
    #[must_use]
    pub fn into_lease(self) -> Option<Lease<KeyState>> {
        self.lease
    }

    /// What a stream under this permit stands on; `None` is nothing that could be taken away.
    #[must_use]
    pub const fn standing(&self) -> Option<&Standing> {
        self.found.standing.as_ref()
    }
}
