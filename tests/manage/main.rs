//! Keys have a life: made, used, rotated, ended, by the program's own commands, in a gate that runs and in a store that none serves.

#[path = "../proxy/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the proxy's tests use all of it")]
mod support;

mod explain;
mod life;
mod lists;
mod moving;
mod repeats;
mod retention;
mod trail;
mod warnings;
mod world;
