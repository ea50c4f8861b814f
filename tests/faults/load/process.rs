//! What a process holds, as Linux tells in /proc.

use std::time::Duration;

use super::super::support::Gate;

/// The gate's anonymous memory in KiB, shared pages in parts. Without the pages of its file, which the system drops and reads again as
/// it likes.
pub fn memory(gate: &Gate) -> i64 {
    let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", gate.program.id())).expect("a process");
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss_Anon:")).expect("Pss_Anon");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// The processor time that the gate has used: its own, and the kernel's for it (proc_pid_stat(5), fields 14 and 15, in hundredths of a
/// second).
pub fn processor_time(gate: &Gate) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", gate.program.id())).expect("a process");
    let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}
