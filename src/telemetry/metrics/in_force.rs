//! What is in force: the configuration, the keys and the blocks, and how long ago each was looked at; and whether the gate drains.

use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use prometheus::{Gauge, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::{
    Telemetry,
    family::{add, counter_vec, gauge, gauge_vec},
};
use crate::{
    gate::{
        credential::Kind,
        keys::{State, Warning},
    },
    telemetry::{KeySetLoaded, Reload},
};

/// The families of what is in force.
pub(super) struct InForce {
    reloads: IntCounterVec,
    reload_successful: IntGauge,
    reload_success_at: Gauge,
    keys: IntGaugeVec,
    key_warnings: IntGaugeVec,
    key_set_generation: IntGauge,
    key_set_age: Gauge,
    key_set_checked: Mutex<Option<SystemTime>>,
    blocks: IntGaugeVec,
    draining: IntGauge,
}

impl InForce {
    /// Registers them.
    pub fn new(r: &Registry) -> prometheus::Result<Self> {
        let reloads = counter_vec(r, "keygate_config_reloads_total", "Readings of configuration and keys.", &["result"])?;
        for result in ["success", "failure"] {
            reloads.with_label_values(&[result]);
        }
        Ok(Self {
            reloads,
            reload_successful: gauge(r, "keygate_config_last_reload_successful", "Whether the last reading took effect.")?,
            reload_success_at: add(
                r,
                Gauge::new("keygate_config_last_reload_success_timestamp_seconds", "When a reading last took effect.")?,
            )?,
            keys: gauge_vec(r, "keygate_keys", "Keys in the set.", &["kind", "state"])?,
            key_warnings: gauge_vec(
                r,
                "keygate_keys_warnings",
                "Keys in the store that work and that somebody should see to, as they were counted last.",
                &["warning"],
            )?,
            key_set_generation: gauge(r, "keygate_keyset_generation", "Counts the key sets and policies that were in force.")?,
            key_set_age: add(
                r,
                Gauge::new("keygate_keyset_age_seconds", "Time since the key set was last read from its source.")?,
            )?,
            key_set_checked: Mutex::new(None),
            blocks: gauge_vec(r, "keygate_blocks", "Blocks in force, by what they shut out.", &["kind"])?,
            draining: gauge(r, "keygate_draining", "Whether the gate is draining.")?,
        })
    }

    /// Brings the age of the key set up to now.
    pub fn age(&self) {
        let age = self.key_set_checked.lock().and_then(|at| at.elapsed().ok());
        self.key_set_age.set(age.unwrap_or_default().as_secs_f64());
    }
}

impl Telemetry {
    /// Configuration and keys were read.
    pub fn reloaded(&self, reload: &Reload) {
        let families = &self.in_force;
        families.reloads.with_label_values(&[if reload.successful { "success" } else { "failure" }]).inc();
        families.reload_successful.set(i64::from(reload.successful));
        if reload.successful {
            let now = SystemTime::now();
            families.reload_success_at.set(now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
            if reload.from_source {
                *families.key_set_checked.lock() = Some(now);
            }
        }
    }

    /// A key set took effect.
    pub fn key_set_loaded(&self, loaded: &KeySetLoaded<'_>) {
        self.in_force.key_set_generation.set(i64::try_from(loaded.generation).unwrap_or(i64::MAX));
        for kind in Kind::ALL {
            for state in State::ALL {
                let count = loaded.keys.counts().of(kind, state);
                self.in_force.keys.with_label_values(&[kind.name(), state.name()]).set(i64::try_from(count).unwrap_or(i64::MAX));
            }
        }
    }

    /// So many keys have each of [`Warning::ALL`]. Before that is known, there are no series: where keys are in a file, nobody knows it.
    pub fn key_warnings(&self, counts: [u64; Warning::ALL.len()]) {
        for (warning, count) in Warning::ALL.into_iter().zip(counts) {
            self.in_force.key_warnings.with_label_values(&[warning.name()]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// The source was read and held what is in force already.
    pub fn key_set_unchanged(&self) {
        self.key_set_known_at(Some(SystemTime::now()));
    }

    /// The key set was what its source had, at that time; `None` is never.
    pub fn key_set_known_at(&self, at: Option<SystemTime>) {
        *self.in_force.key_set_checked.lock() = Some(at.unwrap_or(UNIX_EPOCH));
    }

    /// So many keys and so many addresses or networks are blocked now.
    pub fn blocks(&self, keys: usize, networks: usize) {
        for (kind, count) in [("key", keys), ("ip", networks)] {
            self.in_force.blocks.with_label_values(&[kind]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// The gate began to drain.
    pub fn draining(&self) {
        self.in_force.draining.set(1);
    }
}
