//! What the machine has and what is taken of it, as Linux tells in /proc.

use rustix::process::{Resource, getrlimit};

use crate::support::Gate;

/// Descriptors that a process may have.
pub(super) fn descriptors() -> usize {
    let most = getrlimit(Resource::Nofile).maximum.unwrap_or(1 << 20);
    usize::try_from(most).expect("a number of descriptors")
}

/// Memory that could be had without swapping (proc_meminfo(5)).
pub(super) fn available_kib() -> u64 {
    kib_in("/proc/meminfo", "MemAvailable:")
}

/// Memory of the gates, pages that are shared in parts: what is their own alone, and with the pages of files.
pub(super) fn gates_kib(gates: &[Gate]) -> (u64, u64) {
    let sum =
        |line: &str| -> u64 { gates.iter().map(|gate| kib_in(&format!("/proc/{}/smaps_rollup", gate.program.id()), line)).sum() };
    (sum("Pss_Anon:"), sum("Pss:"))
}

/// The kernel's own count of sockets over TCP, and of the pages that they hold.
pub(super) fn sockstat() -> String {
    let text = std::fs::read_to_string("/proc/net/sockstat").expect("sockstat");
    text.lines().find(|line| line.starts_with("TCP:")).unwrap_or_default().to_owned()
}

fn kib_in(file: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(file).expect("a file of /proc");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect(name);
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
