//! The metric families, on a registry of our own. Names and units follow Prometheus' conventions; `promtool check metrics` is a test.
//!
//! Families of one matter stand in one file, with the events that they count. Series that alerts watch exist from the start, so that
//! their first increase is seen.

mod connections;
mod family;
mod in_force;
mod requests;
mod upstreams;

use std::sync::Arc;

use prometheus::{Encoder as _, IntCounter, Registry, TextEncoder, process_collector::ProcessCollector};
use tokio::sync::broadcast;

use self::{
    connections::Connections,
    family::{counter, gauge_vec, raise_to},
    in_force::InForce,
    requests::Requests,
    upstreams::Upstreams,
};
use super::{AccessLog, usage::UsedKeys};

/// Where events go.
pub struct Telemetry {
    registry: Registry,
    access_log: AccessLog,
    lines_dropped: IntCounter,
    requests: Requests,
    connections: Connections,
    upstreams: Upstreams,
    in_force: InForce,
    pub(super) used: UsedKeys,
}

impl Telemetry {
    /// Registers every family.
    ///
    /// # Errors
    /// If two families share a name, which is a mistake in this room.
    pub fn new(access_log: AccessLog) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let r = &registry;
        r.register(Box::new(ProcessCollector::for_self()))?;
        let build = gauge_vec(r, "keygate_build_info", "The build: always 1.", &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Ok(Self {
            access_log,
            lines_dropped: counter(r, "keygate_log_lines_dropped_total", "Access log lines not written, to keep the gate fast.")?,
            requests: Requests::new(r)?,
            connections: Connections::new(r)?,
            upstreams: Upstreams::new(r)?,
            in_force: InForce::new(r)?,
            used: UsedKeys::default(),
            registry,
        })
    }

    /// Exchanges as they end, each a JSON object. Whoever does not keep up misses some.
    pub fn decisions(&self) -> broadcast::Receiver<Arc<str>> {
        self.access_log.watch()
    }

    /// Every family in the text format, 0.0.4. `peers` are the peer table's occupancy and evictions.
    ///
    /// # Errors
    /// If the encoder fails.
    pub fn render(&self, peers: (usize, u64)) -> prometheus::Result<Vec<u8>> {
        self.in_force.age();
        raise_to(&self.lines_dropped, self.access_log.dropped());
        self.requests.peers(peers);
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        downstream::Logged,
        gate::{denial::Denial, request::Transport},
        telemetry::{AccessFormat, Decided, Outcome},
    };

    #[test]
    fn every_family_renders_and_no_client_text_becomes_a_label() {
        let telemetry = Telemetry::new(AccessLog::new(Logged::Off, AccessFormat::Json, std::io::sink())).unwrap();
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
