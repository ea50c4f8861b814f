//! What the composition root tells the edge, all of it replaceable while running.
//!
//! Settings belong to one policy: a request goes where the policy that let it in says, or nowhere. So they are applied before their
//! policy is published, and keep what belongs to the last ones before it, by which requests are still decided meanwhile.

use std::{sync::Arc, time::Duration};

use super::{
    forwarding::{Forward, SetHeaders},
    upstream::Upstream,
};
use crate::{
    downstream::{HandshakeRefusal, LimitHeaders, Streams},
    gate::{permit::Permit, policy::Policy},
    telemetry::UpstreamHealth,
    upstream::{ForwardSpec, UpstreamSpec},
};

/// Settings of one configuration.
pub struct Settings {
    /// How long things may take.
    pub timeouts: Timeouts,
    /// How long streams may live and be silent.
    pub streams: Streams,
    /// How WebSocket handshakes are refused.
    pub handshake_refusal: HandshakeRefusal,
    /// How many connections there may be.
    pub caps: ConnectionCaps,
    /// Which answers tell of limits.
    pub limit_headers: LimitHeaders,
    current: Routes,
    /// Of those before, the latest first.
    previous: Vec<Routes>,
    upstreams: Vec<Arc<Upstream>>,
}

/// Policies that settings know besides their own. One would do, were nobody ever kept from the processor between two steps of a decision:
/// at fifty changes a second on a busy machine one of 149,032 requests was decided by the last but one.
const REMEMBERED: usize = 8;

/// A policy, and what becomes of the requests of each of its routes.
#[derive(Clone)]
struct Routes {
    policy: Arc<Policy>,
    forwards: Arc<[Arc<Forward>]>,
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From a head's first byte to its end; a TLS handshake too.
    pub head: Duration,
    /// Between exchanges of a kept connection.
    pub idle: Duration,
    /// For each piece of a body, sent by the client or taken in by it; `None` is without limit.
    pub body: Option<Duration>,
}

/// How many connections there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionCaps {
    /// In all.
    pub total: u32,
    /// Per peer; `None` is without limit.
    pub per_peer: Option<u32>,
}

impl Settings {
    /// Settings for the requests that `policy` lets in: `forwards` says what becomes of them, route by route. Upstreams that are as
    /// they were `before` are the same ones, with their health and what is in use.
    ///
    /// # Errors
    /// If there is not one of `forwards` for each route, a header of theirs cannot be sent, or the system's certificate authorities, which a TLS backend needs, cannot
    /// be read.
    pub fn new(
        policy: Arc<Policy>,
        forwards: &[ForwardSpec],
        timeouts: Timeouts,
        caps: ConnectionCaps,
        before: Option<&Self>,
    ) -> Result<Self, String> {
        if policy.routes.len() != forwards.len() {
            return Err("the routes of the policy are not those of the settings".to_owned());
        }
        let mut upstreams = Vec::new();
        let before_upstreams = before.map_or(&[][..], |before| &before.upstreams);
        let forwards: Result<_, String> = forwards
            .iter()
            .map(|spec| {
                let mut one = |spec: &Option<Arc<UpstreamSpec>>| {
                    spec.as_ref().map(|spec| shared(spec, &mut upstreams, before_upstreams)).transpose()
                };
                let (live, test) = (one(&spec.live)?, one(&spec.test)?);
                Ok(Arc::new(Forward::new(live, test, spec.rewrite.clone(), SetHeaders::new(&spec.headers)?)))
            })
            .collect();
        let current = Routes { policy, forwards: forwards? };
        let (streams, limit_headers) = (Streams::default(), LimitHeaders::default());
        Ok(Self {
            timeouts,
            streams,
            handshake_refusal: HandshakeRefusal::default(),
            caps,
            limit_headers,
            current,
            previous: before.map(Self::history).unwrap_or_default(),
            upstreams,
        })
    }

    /// What the settings after these know besides their own.
    fn history(&self) -> Vec<Routes> {
        std::iter::once(&self.current).chain(&self.previous).take(REMEMBERED).cloned().collect()
    }

    /// The policy that they belong to.
    #[must_use]
    pub const fn policy(&self) -> &Arc<Policy> {
        &self.current.policy
    }

    /// What becomes of a request that `permit` lets in; `None` if it was decided by a policy of which these settings know nothing,
    /// neither theirs nor one of the last before it.
    #[must_use]
    pub fn for_permit(&self, permit: &Permit) -> Option<&Arc<Forward>> {
        let (policy, index) = permit.policy();
        let same = |routes: &&Routes| Arc::ptr_eq(&routes.policy, policy);
        let routes = std::iter::once(&self.current).chain(&self.previous).find(same)?;
        routes.forwards.get(index)
    }

    /// How healthy the addresses of the upstreams are, of those that are checked.
    #[must_use]
    pub fn health(&self) -> Vec<UpstreamHealth> {
        self.upstreams.iter().flat_map(|upstream| upstream.health()).collect()
    }

    /// Begins to check upstreams, and ends the checks of those of `before` that are no more. Needs a runtime.
    pub fn take_over(&self, before: Option<&Self>) {
        for gone in before.map_or(&[][..], |before| &before.upstreams) {
            if !self.upstreams.iter().any(|upstream| Arc::ptr_eq(upstream, gone)) {
                gone.stop_checks();
            }
        }
        for upstream in &self.upstreams {
            upstream.start_checks();
        }
    }
}

/// The upstream that `spec` describes: one of `made`, one of `before`, or a new one; it is among `made` then.
fn shared(spec: &Arc<UpstreamSpec>, made: &mut Vec<Arc<Upstream>>, before: &[Arc<Upstream>]) -> Result<Arc<Upstream>, String> {
    let same = |upstream: &&Arc<Upstream>| upstream.spec() == &**spec;
    if let Some(upstream) = made.iter().find(same) {
        return Ok(Arc::clone(upstream));
    }
    let upstream = match before.iter().find(same) {
        Some(upstream) => Arc::clone(upstream),
        None => Arc::new(Upstream::new(Arc::clone(spec))?),
    };
    made.push(Arc::clone(&upstream));
    Ok(upstream)
}

#[cfg(test)]
mod tests;
