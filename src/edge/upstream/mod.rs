//! Upstreams: the servers behind the gate, which of them a request goes to, and how they are.
//!
//! Knows nothing of routes. Entry: [`Upstream::aim`], which an exchange or a stream then connects by.
//!
//! Of several addresses those are used that are healthy by their checks. Where none is, all are tried all the same: checks say what
//! to expect, and a backend that cannot be reached refuses by itself. To answer 502 unasked would make every mistake in a check (a
//! path that moved, a timeout too short) an outage of everything, where no byte is kept from anybody who may not have it; Envoy's
//! panic threshold and nginx decide alike.

mod address;
mod aim;
mod dial;
mod health;
mod pool;

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::AbortHandle;

pub use self::{
    address::{Address, InUse, UpstreamStream},
    aim::Aim,
};
use self::{health::Check, pool::Pool};
use crate::{
    telemetry::UpstreamHealth,
    upstream::{MAX_ADDRESSES, UpstreamSpec},
};

/// Servers that do the same work. Lives on over a reload that does not change it, with what it knows of them.
pub struct Upstream {
    spec: Arc<UpstreamSpec>,
    addresses: Box<[Arc<Address>]>,
    /// `None` where there is nothing to choose and nothing to check.
    pool: Option<Arc<Pool>>,
    checks: Mutex<Option<AbortHandle>>,
}

impl Upstream {
    /// The upstream that `spec` describes. It is not checked before [`Upstream::start_checks`].
    ///
    /// # Errors
    /// If it has no address or too many, or if TLS is wanted and a host cannot be a certificate's name, or the system's authorities
    /// cannot be read.
    pub fn new(spec: Arc<UpstreamSpec>) -> Result<Self, String> {
        if !(1..=MAX_ADDRESSES).contains(&spec.addresses.len()) {
            return Err(format!("{} has {} addresses; 1 to {MAX_ADDRESSES} can be", spec.name, spec.addresses.len()));
        }
        let addresses: Result<Box<[_]>, _> =
            spec.addresses.iter().map(|backend| Address::new(backend.clone(), spec.timeouts).map(Arc::new)).collect();
        let addresses = addresses?;
        let check = spec.health.as_ref().map(|health| Check::new(&spec.name, health, &addresses));
        let pool = (addresses.len() > 1 || check.is_some()).then(|| Pool::new(&spec.balance, &addresses, check).map(Arc::new));
        Ok(Self { pool: pool.transpose()?, addresses, spec, checks: Mutex::default() })
    }

    /// What it was made of.
    #[must_use]
    pub fn spec(&self) -> &UpstreamSpec {
        &self.spec
    }

    /// One request's way to it. Requests of one `hash` go to one address where the upstream balances by hash.
    #[must_use]
    pub fn aim(self: Arc<Self>, hash: u32) -> Aim {
        Aim::at(self, hash)
    }

    /// How healthy its addresses are, of an upstream that is checked.
    pub fn health(&self) -> impl Iterator<Item = UpstreamHealth> {
        let checked = self.spec.health.as_ref().map_or(&[][..], |_| &self.addresses);
        checked.iter().map(|address| UpstreamHealth {
            upstream: Arc::clone(&self.spec.name),
            address: Arc::clone(address.label()),
            healthy: Arc::clone(address.health()),
        })
    }

    /// Begins to check the addresses, where that is wanted and not done already. Needs a runtime.
    pub fn start_checks(&self) {
        let (Some(pool), Some(health)) = (&self.pool, &self.spec.health) else { return };
        let mut checks = self.checks.lock();
        if checks.is_none() {
            *checks = Some(tokio::spawn(health::check_for_ever(Arc::clone(pool), health.interval)).abort_handle());
        }
    }

    /// Ends the checks; what they found last stays.
    pub fn stop_checks(&self) {
        if let Some(checks) = self.checks.lock().take() {
            checks.abort();
        }
    }

    /// The index of the address for a request of `hash` that has tried the addresses whose bits are set in `tried`.
    fn choose(&self, hash: u32, tried: u64) -> Option<usize> {
        let untried = |index: usize| tried & 1 << index == 0;
        let Some(pool) = &self.pool else { return untried(0).then_some(0) };
        let healthy = |index: usize| untried(index) && self.addresses[index].is_healthy();
        pool.choose(&self.addresses, hash, &healthy).or_else(|| pool.choose(&self.addresses, hash, &untried))
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop_checks();
    }
}

/// A hash of what is equal for every gate and every start of it: not seeded.
#[must_use]
pub fn stable_hash(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

#[cfg(test)]
mod tests;
