//! Attacks, and what is done about each: judged by what the backend received. Which row of the catalogue is tested where stands in
//! docs/security-tests.md.

#[path = "../proxy/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the proxy's tests use all of it")]
mod support;

mod catalogue;
mod identity;
mod mix;
mod origin;
mod path;
mod probing;
mod strictness;
mod upgrade;
