//! Handing over: how a running gate gives its listening sockets to the process that takes its place.
//!
//! The new process asks on the control socket, and the connection becomes a talk in lines:
//!
//! ```text
//! new → old   POST /upgrade with `Upgrade: keygate-handover/1`
//! old → new   101, or 409 with why not
//! new → old   sockets
//! old → new   gate 0.0.0.0:8080     for each socket what it is for and the address that the configuration asks for; its descriptor
//! old → new   status 0.0.0.0:9090   comes with the line (SCM_RIGHTS, unix(7))
//! old → new   gate unix:/run/gate   likewise; its file is the new one's from `yours` on
//! old → new   end
//! new → old   prepared              everything is loaded and bound, its control socket beside the old one's
//! old → new   blocks {…}            what is blocked, as in the state file; from here the old one changes it no more
//! new → old   ready
//! old → new   yours                 the control socket's path leads to the new one now
//! ```
//!
//! Up to `ready` the old one serves and the new one accepts nothing: whoever dies, nothing is lost. The one moment of change is when
//! the old one renames the new one's control socket over its own: before, it goes on; after, it leaves. Then both may accept for an
//! instant, from the same queues. If the old one dies before, the new one has everything that it takes to serve, and serves.
//!
//! Descriptors are received by rustix, which is safe Rust; who speaks is known by the user of the process at the other end, on both
//! sides. Knows nothing of what the sockets are used for.

mod give;
mod line;
mod take;

use std::{os::fd::AsFd, sync::Weak};

pub(super) use self::give::{Turn, upgrade};
pub use self::take::{MeetError, Predecessor};
use crate::downstream::ListenAddress;

/// The protocol's name for HTTP.
const PROTOCOL: &str = "keygate-handover/1";

/// What a listening socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Clients.
    Gate,
    /// Health and metrics.
    Status,
    /// For those who manage keys.
    Admin,
}

/// A listening socket that can be handed over.
#[derive(Clone)]
pub struct Offered {
    /// What it is for.
    pub role: Role,
    /// What the configuration asks for: with port 0 not what the socket has.
    pub address: ListenAddress,
    /// The socket, while somebody accepts on it.
    pub socket: Weak<dyn AsFd + Send + Sync>,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Status => "status",
            Self::Admin => "admin",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        [Self::Gate, Self::Status, Self::Admin].into_iter().find(|role| role.name() == name)
    }
}
