//! What only happens under load, often enough to be seen. `KEYGATE_LONG=1` runs as many as a claim needs, one run after the other.

#[path = "../proxy/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the proxy's tests use all of it")]
mod support;

mod load;

#[cfg(target_os = "linux")]
mod ceiling;
mod drain;
#[cfg(target_os = "linux")]
mod flat;
mod reloads;
#[cfg(target_os = "linux")]
mod revoked;
#[cfg(target_os = "linux")]
mod soak;
mod upgrade_race;
mod upgrades;
