//! What a process holds, as Linux tells in /proc.

use super::super::support::Gate;

/// The gate's anonymous memory in KiB, shared pages in parts. Without the pages of its file, which the system drops and reads again as
/// it likes.
pub fn memory(gate: &Gate) -> i64 {
    let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", gate.program.id())).expect("a process");
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss_Anon:")).expect("Pss_Anon");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
