//! What happened, told once: one struct per event, which becomes metrics and a log line together.
//!
//! Labels come from closed enums and from names of routes and upstreams, which the configuration bounds; never from a key, a path, an
//! origin or an address. Knows nothing of sockets or HTTP libraries.

mod access_log;
mod counters;
mod events;
mod metrics;
mod seldom;
mod upstream_health;
mod usage;

pub use access_log::{AccessFormat, AccessLog};
pub use events::{
    Decided, Ended, Exchange, Initiator, KeySetLoaded, LimitScope, Opened, Outcome, ProxyHeaderError, Reload, Unheard,
    UpstreamError,
};
pub use metrics::Telemetry;
pub use upstream_health::UpstreamHealth;
pub use usage::{Misuse, Misuses};
