//! Requests: what was decided about them, what limits said, and how long their answers took.

use std::time::Duration;

use prometheus::{Histogram, IntCounter, IntGauge, Registry};
use tracing::warn;

use super::{
    Telemetry,
    family::{counter, counter_vec, gauge, histogram, raise_to},
};
use crate::{
    gate::credential::Location,
    telemetry::{
        Decided, Exchange, LimitScope, Unheard,
        counters::{ByEnum, RouteCounters},
        seldom::Seldom,
    },
};

/// Upper bounds in seconds of a decision, which takes about a microsecond.
const DECISION_BUCKETS: &[f64] = &[1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 1e-3, 5e-3, 25e-3];
/// Of an exchange with a backend.
const EXCHANGE_BUCKETS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// What a limit answers.
const RESULTS: [&str; 2] = ["ok", "limited"];

/// How long a warning about what clients send is not told again.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// The families of requests.
pub(super) struct Requests {
    routes: RouteCounters,
    decision_seconds: Histogram,
    credential_sources: ByEnum<{ Location::ALL.len() }>,
    /// By scope, and by what came of it.
    limits: [[IntCounter; RESULTS.len()]; LimitScope::ALL.len()],
    exchange_seconds: Histogram,
    peers: IntGauge,
    peer_evictions: IntCounter,
    unheard: IntCounter,
    unheard_told: Seldom,
}

impl Requests {
    /// Registers them.
    pub fn new(r: &Registry) -> prometheus::Result<Self> {
        let decisions = counter_vec(
            r,
            "keygate_auth_decisions_total",
            "Decisions about requests, by what was decided and why.",
            &["route", "transport", "outcome", "reason"],
        )?;
        let answers = counter_vec(r, "keygate_http_requests_total", "Answers, by route and status.", &["route", "code"])?;
        let sources = counter_vec(r, "keygate_credential_source_total", "Permits, by where the credential stood.", &["source"])?;
        let limits = counter_vec(r, "keygate_rate_limit_decisions_total", "Answers of limits.", &["scope", "result"])?;
        Ok(Self {
            routes: RouteCounters::new(decisions, answers),
            decision_seconds: histogram(r, "keygate_auth_duration_seconds", "Time to decide about a request.", DECISION_BUCKETS)?,
            credential_sources: ByEnum::new(&sources, Location::ALL.map(|location| [location.name()])),
            limits: LimitScope::ALL.map(|scope| RESULTS.map(|result| limits.with_label_values(&[scope.name(), result]))),
            exchange_seconds: histogram(
                r,
                "keygate_http_request_duration_seconds",
                "Time from a request's head to the end of its answer, the backend's time included.",
                EXCHANGE_BUCKETS,
            )?,
            peers: gauge(r, "keygate_rate_limit_states", "Peers whose refusals are remembered.")?,
            peer_evictions: counter(r, "keygate_rate_limit_evictions_total", "Peers forgotten to make room for others.")?,
            unheard: counter(
                r,
                "keygate_untrusted_forwarded_total",
                "Requests with X-Forwarded-For or Forwarded from addresses that are not in trusted_proxies.",
            )?,
            unheard_told: Seldom::new(TELL_AGAIN),
        })
    }

    /// The peer table's occupancy and evictions, which the gate counts.
    pub fn peers(&self, (remembered, evicted): (usize, u64)) {
        self.peers.set(i64::try_from(remembered).unwrap_or(i64::MAX));
        raise_to(&self.peer_evictions, evicted);
    }
}

impl Telemetry {
    /// The gate decided.
    pub fn decided(&self, decided: &Decided<'_>) {
        let families = &self.requests;
        families.routes.decided(decided.route.map_or("", |route| route), decided.transport, decided.outcome);
        families.decision_seconds.observe(decided.took.as_secs_f64());
        if let Some(location) = decided.location {
            families.credential_sources.count(location as usize);
        }
    }

    /// A limit answered.
    pub fn limit_asked(&self, scope: LimitScope, passed: bool) {
        self.requests.limits[scope as usize][usize::from(!passed)].inc();
    }

    /// An exchange ended, at `ticks_ns` of the gate's clock.
    pub fn exchanged(&self, exchange: &Exchange<'_>, ticks_ns: u64) {
        self.requests.routes.answered(exchange.route.unwrap_or_default(), exchange.status);
        if !exchange.transport.is_stream() || exchange.denial.is_some() {
            self.requests.exchange_seconds.observe(exchange.took.as_secs_f64());
        }
        self.access_log.write(exchange, ticks_ns);
    }

    /// Headers that name a client were not believed, at `ticks_ns` of the gate's clock.
    pub fn unheard(&self, unheard: &Unheard, ticks_ns: u64) {
        self.requests.unheard.inc();
        if self.requests.unheard_told.is_due(ticks_ns) {
            warn!(
                socket = %unheard.socket,
                "X-Forwarded-For or Forwarded is not believed: its sender is not in trusted_proxies. If it is a proxy of yours, all \
                 its clients count as one; name it there. (Told once a minute; keygate_untrusted_forwarded_total counts.)"
            );
        }
    }
}
