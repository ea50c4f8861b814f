//! What only happens under load, often enough to be seen. `KEYGATE_LONG=1` runs as many as a claim needs.

#[path = "../proxy/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the proxy's tests use all of it")]
mod support;

#[cfg(target_os = "linux")]
mod flat;
mod upgrade_race;
