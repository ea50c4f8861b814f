//! What the configuration asks of a request: where credentials stand, which environments are let in, and the routes.

mod mode;
mod path;
mod rewrite;
mod route;

use std::sync::Arc;

pub use mode::Mode;
pub use path::PathPattern;
pub use rewrite::Rewrite;
pub use route::{Demand, HostRule, Mismatch, Route};

use super::{
    cors,
    credential::{Environment, Locations},
    keys::KeyRecord,
    limit::{Quota, StreamLimits},
    peer::Networks,
    request::RequestHead,
};

/// The configuration as decisions use it.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Which keys this gate lets in.
    pub environments: Vec<Environment>,
    /// The places that belong to Keygate.
    pub locations: Locations,
    /// First match wins.
    pub routes: Vec<Arc<Route>>,
    /// Whether refusals are, where neither route nor key say otherwise.
    pub mode: Mode,
    /// The bucket that a peer's refusals use up; `None` is off.
    pub peer_refusals: Option<Quota>,
    /// What clients may send in one stream.
    pub streams: StreamLimits,
    /// Whose `X-Forwarded-For`, `Forwarded` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Networks,
}

impl Policy {
    /// Whether refusals are, of requests that took this route with this key. The most special word counts: the key's, then the
    /// route's.
    #[must_use]
    pub fn mode_of(&self, route: Option<usize>, key: Option<&KeyRecord>) -> Mode {
        let of_route = || route.and_then(|at| self.routes[at].mode);
        key.and_then(KeyRecord::mode).or_else(of_route).unwrap_or(self.mode)
    }

    /// The place of the first route that matches, by the method that a preflight asks for or else by the request's own.
    #[must_use]
    pub fn route(&self, head: &RequestHead<'_>, method: &str) -> Option<usize> {
        self.routes.iter().position(|route| route.matches(head.host, head.path, method))
    }

    /// Each route that does not take the request, by its place, and why. For `explain`.
    pub fn mismatches<'p>(&'p self, head: &RequestHead<'p>) -> impl Iterator<Item = (usize, Mismatch)> + 'p {
        let (host, path, method) = (head.host, head.path, cors::routed_method(head));
        self.routes.iter().enumerate().filter_map(move |(at, route)| Some((at, route.mismatch(host, path, method)?)))
    }
}
