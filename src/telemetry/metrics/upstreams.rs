//! Upstreams: how they fail, and whether their addresses pass their checks.

use prometheus::{IntCounterVec, Registry};

use super::{
    Telemetry,
    family::{add, counter_vec},
};
use crate::telemetry::{
    UpstreamError,
    upstream_health::{UpstreamHealth, UpstreamsHealthy},
};

/// The families of upstreams.
pub(super) struct Upstreams {
    errors: IntCounterVec,
    healthy: UpstreamsHealthy,
}

impl Upstreams {
    /// Registers them.
    pub fn new(r: &Registry) -> prometheus::Result<Self> {
        let errors = counter_vec(r, "keygate_upstream_errors_total", "Failures of the backend.", &["kind"])?;
        for error in UpstreamError::ALL {
            errors.with_label_values(&[error.kind()]);
        }
        Ok(Self { errors, healthy: add(r, UpstreamsHealthy::new()?)? })
    }
}

impl Telemetry {
    /// The backend failed.
    pub fn upstream_failed(&self, error: UpstreamError) {
        self.upstreams.errors.with_label_values(&[error.kind()]).inc();
    }

    /// From now on these addresses of upstreams are checked, and no others.
    pub fn upstreams(&self, addresses: Vec<UpstreamHealth>) {
        self.upstreams.healthy.watch(addresses);
    }
}
