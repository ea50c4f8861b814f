//! A process and its descendants as `/proc` shows them: who they are, their CPU time, their memory.

use std::fs;

use anyhow::{Context, Result};
use rustix::param::clock_ticks_per_second;

/// The process and all that came of it, oldest first.
pub fn family(root: u32) -> Vec<u32> {
    let parents = parents();
    let mut family = vec![root];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        let children = parents.iter().filter(|(_, of)| *of == parent);
        family.extend(children.map(|(child, _)| child));
        next += 1;
    }
    family
}

/// User and system time of the family so far, with that of children already waited for.
pub fn cpu_seconds(root: u32) -> Result<f64> {
    let mut ticks = 0;
    for process in family(root) {
        // utime, stime, cutime, cstime: fields 14 to 17 of proc(5), of which `stat` gives those from the third on.
        for time in &stat(process).context("a proxy process is gone")?[11..15] {
            ticks += time.parse::<u64>()?;
        }
    }
    Ok(ticks as f64 / clock_ticks_per_second() as f64)
}

/// Proportional memory of the family: pages that are shared count by their share.
pub fn memory_bytes(root: u32) -> Result<f64> {
    let mut kilobytes = 0.0;
    for process in family(root) {
        let rollup =
            fs::read_to_string(format!("/proc/{process}/smaps_rollup")).context("reading the memory of a proxy process")?;
        let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
        let pss = pss.and_then(|pss| pss.trim().strip_suffix(" kB"));
        kilobytes += pss.context("no Pss in smaps_rollup")?.trim().parse::<f64>()?;
    }
    Ok(kilobytes * 1024.0)
}

/// Every process of the machine with its parent.
fn parents() -> Vec<(u32, u32)> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|process| Some((process, stat(process)?.get(1)?.parse().ok()?)))
        .collect()
}

/// The fields from the state on: the name before it may hold blanks and brackets.
fn stat(process: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    Some(fields.split(' ').map(str::to_owned).collect())
}
