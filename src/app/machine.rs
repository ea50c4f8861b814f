//! What the process asks of the machine: more descriptors, and that nobody reads its memory.

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// Descriptors that are not for clients: listeners, files, the store, the backend's idle connections.
const RESERVED_DESCRIPTORS: u64 = 128;
/// A limit where the machine sets none.
const UNLIMITED: u64 = 1 << 20;

/// No core dumps and no reading of the memory by other processes of the user: keys pass through it. As many descriptors as are
/// allowed. What the machine refuses stays as it is.
pub fn harden() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let files = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, maximum: files.maximum });
}

/// How many client connections fit into the descriptors of this process: two for each, its own and the one to the backend.
#[must_use]
pub fn connections() -> u32 {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(UNLIMITED);
    u32::try_from(files.saturating_sub(RESERVED_DESCRIPTORS) / 2).unwrap_or(u32::MAX).max(1)
}

/// The name of this machine, or pod.
#[must_use]
pub fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
