//! The metric families, on a registry of our own. Names and units follow Prometheus' conventions; `promtool check metrics` is a test.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use prometheus::{
    Encoder as _, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder, core::Collector, process_collector::ProcessCollector,
};
use tracing::warn;

use super::{
    AccessLog, Decided, Ended, Exchange, KeySetLoaded, LimitScope, Opened, ProxyHeaderError, Reload, Unheard, UpstreamError,
    counters::{ByEnum, RouteCounters},
    seldom::Seldom,
    upstream_health::{UpstreamHealth, UpstreamsHealthy},
};
use crate::gate::{
    credential::{Kind, Location},
    keys::State,
    request::Transport,
};

/// Upper bounds in seconds of a decision, which takes about a microsecond.
const DECISION_BUCKETS: &[f64] = &[1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 1e-3, 5e-3, 25e-3];
/// Of an exchange with a backend.
const EXCHANGE_BUCKETS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Of a stream's life.
const LIFE_BUCKETS: &[f64] = &[1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0];
/// From a key's end to its streams' ends: the promise is one second.
const CUT_BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// How long a warning about what clients send is not told again.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// Where events go.
pub struct Telemetry {
    registry: Registry,
    access_log: AccessLog,
    routes: RouteCounters,
    decision_seconds: Histogram,
    credential_sources: ByEnum<{ Location::ALL.len() }>,
    limits: ByEnum<6>,
    client_connections: IntGauge,
    connections: IntGaugeVec,
    opened: IntCounterVec,
    closed: IntCounterVec,
    life_seconds: HistogramVec,
    /// Received and sent, by transport.
    bytes: [[IntCounter; 2]; Transport::ALL.len()],
    cut_seconds: Histogram,
    forced_resets: IntCounter,
    exchange_seconds: Histogram,
    upstream_errors: IntCounterVec,
    upstreams_healthy: UpstreamsHealthy,
    reloads: IntCounterVec,
    reload_successful: IntGauge,
    reload_success_at: Gauge,
    keys: IntGaugeVec,
    key_set_generation: IntGauge,
    key_set_age: Gauge,
    key_set_checked: Mutex<Option<SystemTime>>,
    blocks: IntGaugeVec,
    draining: IntGauge,
    lines_dropped: IntCounter,
    peers: IntGauge,
    peer_evictions: IntCounter,
    unheard: IntCounter,
    unheard_told: Seldom,
    proxy_header_errors: ByEnum<3>,
}

impl Telemetry {
    /// Registers every family.
    ///
    /// # Errors
    /// If two families share a name, which is a mistake in this file.
    pub fn new(access_log: AccessLog) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let r = &registry;
        r.register(Box::new(ProcessCollector::for_self()))?;
        let build = add(r, IntGaugeVec::new(Opts::new("keygate_build_info", "The build: always 1."), &["version"])?)?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let decisions = counter_vec(
            r,
            "keygate_auth_decisions_total",
            "Decisions about requests, by what was decided and why.",
            &["route", "transport", "outcome", "reason"],
        )?;
        let answers = counter_vec(r, "keygate_http_requests_total", "Answers, by route and status.", &["route", "code"])?;
        let sources = counter_vec(r, "keygate_credential_source_total", "Permits, by where the credential stood.", &["source"])?;
        let sources_by_location = Location::ALL.map(|location| [location.name()]);
        let limits = counter_vec(r, "keygate_rate_limit_decisions_total", "Answers of limits.", &["scope", "result"])?;
        // In the order of `LimitScope`.
        let limit_labels =
            [["key", "ok"], ["key", "limited"], ["ip", "ok"], ["ip", "limited"], ["gate", "ok"], ["gate", "limited"]];
        let bytes = counter_vec(
            r,
            "keygate_bytes_total",
            "Bytes relayed: of streams all, of other exchanges the bodies.",
            &["direction", "transport"],
        )?;
        let proxy_header_errors = counter_vec(
            r,
            "keygate_proxy_protocol_errors_total",
            "Connections closed for want of a header of the PROXY protocol that can be believed.",
            &["reason"],
        )?;
        let closed = "Streams that ended, by who ended them and why.";
        let this = Self {
            routes: RouteCounters::new(decisions, answers),
            decision_seconds: histogram(r, "keygate_auth_duration_seconds", "Time to decide about a request.", DECISION_BUCKETS)?,
            credential_sources: ByEnum::new(&sources, sources_by_location),
            limits: ByEnum::new(&limits, limit_labels),
            client_connections: gauge(r, "keygate_client_connections", "Client connections open now, idle ones included.")?,
            connections: add(r, IntGaugeVec::new(Opts::new("keygate_connections", "Streams open now."), &["transport"])?)?,
            opened: counter_vec(r, "keygate_connections_opened_total", "Streams opened.", &["transport"])?,
            closed: counter_vec(r, "keygate_connections_closed_total", closed, &["transport", "initiator", "reason"])?,
            life_seconds: add(
                r,
                HistogramVec::new(
                    HistogramOpts::new("keygate_connection_duration_seconds", "How long streams lived.")
                        .buckets(LIFE_BUCKETS.into()),
                    &["transport"],
                )?,
            )?,
            bytes: Transport::ALL
                .map(|transport| ["received", "sent"].map(|way| bytes.with_label_values(&[way, transport.name()]))),
            cut_seconds: histogram(
                r,
                "keygate_revocation_close_seconds",
                "From the moment a change of keys is in force to the last byte to the client of a stream that it ends.",
                CUT_BUCKETS,
            )?,
            forced_resets: counter(
                r,
                "keygate_forced_resets_total",
                "Streams ended without a word, since none could be said in time.",
            )?,
            exchange_seconds: histogram(
                r,
                "keygate_http_request_duration_seconds",
                "Time from a request's head to the end of its answer, the backend's time included.",
                EXCHANGE_BUCKETS,
            )?,
            upstream_errors: counter_vec(r, "keygate_upstream_errors_total", "Failures of the backend.", &["kind"])?,
            upstreams_healthy: add(r, UpstreamsHealthy::new()?)?,
            reloads: counter_vec(r, "keygate_config_reloads_total", "Readings of configuration and keys.", &["result"])?,
            reload_successful: gauge(r, "keygate_config_last_reload_successful", "Whether the last reading took effect.")?,
            reload_success_at: add(
                r,
                Gauge::new("keygate_config_last_reload_success_timestamp_seconds", "When a reading last took effect.")?,
            )?,
            keys: add(r, IntGaugeVec::new(Opts::new("keygate_keys", "Keys in the set."), &["kind", "state"])?)?,
            key_set_generation: gauge(r, "keygate_keyset_generation", "Counts the key sets and policies that were in force.")?,
            key_set_age: add(
                r,
                Gauge::new("keygate_keyset_age_seconds", "Time since the key set was last read from its source.")?,
            )?,
            key_set_checked: Mutex::new(None),
            blocks: add(r, IntGaugeVec::new(Opts::new("keygate_blocks", "Blocks in force, by what they shut out."), &["kind"])?)?,
            draining: gauge(r, "keygate_draining", "Whether the gate is draining.")?,
            lines_dropped: counter(r, "keygate_log_lines_dropped_total", "Access log lines not written, to keep the gate fast.")?,
            peers: gauge(r, "keygate_rate_limit_states", "Peers whose refusals are remembered.")?,
            peer_evictions: counter(r, "keygate_rate_limit_evictions_total", "Peers forgotten to make room for others.")?,
            unheard: counter(
                r,
                "keygate_untrusted_forwarded_total",
                "Requests with X-Forwarded-For or Forwarded from addresses that are not in trusted_proxies.",
            )?,
            unheard_told: Seldom::new(TELL_AGAIN),
            proxy_header_errors: ByEnum::new(&proxy_header_errors, ProxyHeaderError::ALL.map(|error| [error.name()])),
            access_log,
            registry,
        };
        this.zero();
        Ok(this)
    }

    /// Series that alerts watch exist from the start, so that their first increase is seen.
    fn zero(&self) {
        for transport in Transport::ALL {
            self.connections.with_label_values(&[transport.name()]).set(0);
        }
        for result in ["success", "failure"] {
            self.reloads.with_label_values(&[result]);
        }
        for kind in ["connect", "connect_timeout", "head_timeout", "closed", "protocol"] {
            self.upstream_errors.with_label_values(&[kind]);
        }
    }

    /// The gate decided.
    pub fn decided(&self, decided: &Decided<'_>) {
        self.routes.decided(decided.route.map_or("", |route| route), decided.transport, decided.outcome);
        self.decision_seconds.observe(decided.took.as_secs_f64());
        if let Some(location) = decided.location {
            self.credential_sources.count(location as usize);
        }
    }

    /// A limit answered.
    pub fn limit_asked(&self, scope: LimitScope, passed: bool) {
        self.limits.count(scope as usize * 2 + usize::from(!passed));
    }

    /// An exchange ended, at `ticks_ns` of the gate's clock.
    pub fn exchanged(&self, exchange: &Exchange<'_>, ticks_ns: u64) {
        self.routes.answered(exchange.route.unwrap_or_default(), exchange.status);
        if !exchange.transport.is_stream() || exchange.denial.is_some() {
            self.exchange_seconds.observe(exchange.took.as_secs_f64());
        }
        self.access_log.write(exchange, ticks_ns);
    }

    /// A client connected (`true`) or left.
    pub fn client(&self, connected: bool) {
        if connected { self.client_connections.inc() } else { self.client_connections.dec() }
    }

    /// A stream was opened.
    pub fn opened(&self, opened: &Opened) {
        let label = &[opened.transport.name()];
        self.opened.with_label_values(label).inc();
        self.connections.with_label_values(label).inc();
    }

    /// A stream ended.
    pub fn ended(&self, ended: &Ended) {
        let transport = ended.transport.name();
        self.connections.with_label_values(&[transport]).dec();
        self.closed.with_label_values(&[transport, ended.initiator.name(), ended.reason]).inc();
        self.life_seconds.with_label_values(&[transport]).observe(ended.lived.as_secs_f64());
        self.relayed(ended.transport, ended.received, ended.sent);
    }

    /// Bytes went through: of a stream all of them, of an exchange its bodies.
    pub fn relayed(&self, transport: Transport, received: u64, sent: u64) {
        let [from_client, to_client] = &self.bytes[transport as usize];
        from_client.inc_by(received);
        to_client.inc_by(sent);
    }

    /// A stream that a change of keys ends has ended, this long after the change was in force.
    pub fn cut(&self, after: Duration) {
        self.cut_seconds.observe(after.as_secs_f64());
    }

    /// A stream could not be told of its end.
    pub fn forced_reset(&self) {
        self.forced_resets.inc();
    }

    /// The backend failed.
    pub fn upstream_failed(&self, error: UpstreamError) {
        self.upstream_errors.with_label_values(&[error.kind()]).inc();
    }

    /// Headers that name a client were not believed, at `ticks_ns` of the gate's clock.
    pub fn unheard(&self, unheard: &Unheard, ticks_ns: u64) {
        self.unheard.inc();
        if self.unheard_told.is_due(ticks_ns) {
            warn!(
                socket = %unheard.socket,
                "X-Forwarded-For or Forwarded is not believed: its sender is not in trusted_proxies. If it is a proxy of yours, all \
                 its clients count as one; name it there. (Told once a minute; keygate_untrusted_forwarded_total counts.)"
            );
        }
    }

    /// A connection was closed for want of a header of the PROXY protocol.
    pub fn proxy_header_failed(&self, error: ProxyHeaderError) {
        self.proxy_header_errors.count(error as usize);
    }

    /// From now on these addresses of upstreams are checked, and no others.
    pub fn upstreams(&self, addresses: Vec<UpstreamHealth>) {
        self.upstreams_healthy.watch(addresses);
    }

    /// Configuration and keys were read.
    pub fn reloaded(&self, reload: &Reload) {
        self.reloads.with_label_values(&[if reload.successful { "success" } else { "failure" }]).inc();
        self.reload_successful.set(i64::from(reload.successful));
        if reload.successful {
            let now = SystemTime::now();
            self.reload_success_at.set(now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
            *self.key_set_checked.lock() = Some(now);
        }
    }

    /// A key set took effect.
    pub fn key_set_loaded(&self, loaded: &KeySetLoaded<'_>) {
        self.key_set_generation.set(i64::try_from(loaded.generation).unwrap_or(i64::MAX));
        for kind in [Kind::Publishable, Kind::Secret] {
            for (state, name) in [(State::Active, "active"), (State::Disabled, "disabled"), (State::Revoked, "revoked")] {
                let count = loaded.keys.iter().filter(|key| key.kind == kind && key.state == state).count();
                self.keys.with_label_values(&[kind.name(), name]).set(i64::try_from(count).unwrap_or(i64::MAX));
            }
        }
    }

    /// The source was read and held what is in force already.
    pub fn key_set_unchanged(&self) {
        *self.key_set_checked.lock() = Some(SystemTime::now());
    }

    /// So many keys and so many addresses or networks are blocked now.
    pub fn blocks(&self, keys: usize, networks: usize) {
        for (kind, count) in [("key", keys), ("ip", networks)] {
            self.blocks.with_label_values(&[kind]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// The gate began to drain.
    pub fn draining(&self) {
        self.draining.set(1);
    }

    /// Every family in the text format, 0.0.4. `peers` are the peer table's occupancy and evictions.
    ///
    /// # Errors
    /// If the encoder fails.
    pub fn render(&self, peers: (usize, u64)) -> prometheus::Result<Vec<u8>> {
        let age = self.key_set_checked.lock().and_then(|at| at.elapsed().ok());
        self.key_set_age.set(age.unwrap_or_default().as_secs_f64());
        raise_to(&self.lines_dropped, self.access_log.dropped());
        self.peers.set(i64::try_from(peers.0).unwrap_or(i64::MAX));
        raise_to(&self.peer_evictions, peers.1);
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

fn add<C: Collector + Clone + 'static>(registry: &Registry, family: C) -> prometheus::Result<C> {
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

fn counter_vec(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
    add(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
}

fn counter(registry: &Registry, name: &str, help: &str) -> prometheus::Result<IntCounter> {
    add(registry, IntCounter::new(name, help)?)
}

/// Brings a counter up to a count that is kept elsewhere.
fn raise_to(counter: &IntCounter, count: u64) {
    counter.inc_by(count.saturating_sub(counter.get()));
}

fn gauge(registry: &Registry, name: &str, help: &str) -> prometheus::Result<IntGauge> {
    add(registry, IntGauge::new(name, help)?)
}

fn histogram(registry: &Registry, name: &str, help: &str, buckets: &[f64]) -> prometheus::Result<Histogram> {
    add(registry, Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.into()))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        gate::denial::Denial,
        telemetry::{AccessFormat, AccessPolicy, Outcome},
    };

    #[test]
    fn every_family_renders_and_no_client_text_becomes_a_label() {
        let telemetry = Telemetry::new(AccessLog::new(AccessPolicy::Off, AccessFormat::Json, std::io::sink())).unwrap();
        let route = "all".into();
        for &denial in Denial::ALL {
            let decided = Decided {
                route: Some(&route),
                transport: Transport::WebSocket,
                outcome: Outcome::Deny(denial),
                location: None,
                took: Duration::from_nanos(300),
            };
            telemetry.decided(&decided);
        }
        let text = String::from_utf8(telemetry.render((0, 0)).unwrap()).unwrap();
        let expected = r#"keygate_auth_decisions_total{outcome="deny",reason="unknown_key",route="all",transport="websocket"} 1"#;
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("process_resident_memory_bytes") && text.contains("keygate_build_info{version="));
    }
}
