//! Gates that follow a manager: real processes, and between them a wire that can be cut, hang, or lead to somebody else.

#[path = "../proxy/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the proxy's tests use all of it")]
mod support;

mod distrust;
mod fleet;
mod life;
mod million;
mod outage;
mod wire;
mod world;
