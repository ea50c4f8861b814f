//! Whether the addresses of upstreams pass their checks: read where it is kept at the moment that somebody asks, so that addresses
//! which a reload takes away leave no series behind.
//!
//! The labels are names and addresses as the configuration writes them.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use arc_swap::ArcSwap;
use prometheus::{
    IntGaugeVec, Opts,
    core::{Collector, Desc},
    proto::MetricFamily,
};

/// An address that is checked.
#[derive(Clone)]
pub struct UpstreamHealth {
    /// Where its upstream stands in the configuration.
    pub upstream: Arc<str>,
    /// As written in the configuration.
    pub address: Arc<str>,
    /// Whether it passes.
    pub healthy: Arc<AtomicBool>,
}

/// The family `keygate_upstream_healthy`.
#[derive(Clone)]
pub struct UpstreamsHealthy {
    watched: Arc<ArcSwap<Vec<UpstreamHealth>>>,
    desc: Desc,
}

const NAME: &str = "keygate_upstream_healthy";
const HELP: &str = "Whether an address of an upstream passes its health checks.";
const LABELS: [&str; 2] = ["upstream", "address"];

impl UpstreamsHealthy {
    /// The family, with nothing in it.
    ///
    /// # Errors
    /// If its name or a label is none, which is a mistake in this file.
    pub fn new() -> prometheus::Result<Self> {
        let labels = LABELS.map(str::to_owned).to_vec();
        let desc = Desc::new(NAME.to_owned(), HELP.to_owned(), labels, Default::default())?;
        Ok(Self { watched: Arc::default(), desc })
    }

    /// From now on, these addresses.
    pub fn watch(&self, addresses: Vec<UpstreamHealth>) {
        self.watched.store(Arc::new(addresses));
    }
}

impl Collector for UpstreamsHealthy {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Ok(family) = IntGaugeVec::new(Opts::new(NAME, HELP), &LABELS) else { return Vec::new() };
        for UpstreamHealth { upstream, address, healthy } in &**self.watched.load() {
            family.with_label_values(&[&**upstream, &**address]).set(i64::from(healthy.load(Ordering::Relaxed)));
        }
        let families = family.collect();
        families.into_iter().filter(|family| !family.get_metric().is_empty()).collect()
    }
}
