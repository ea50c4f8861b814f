//! The one place that reads clocks, so that everything else can be told the time.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::gate::time::Timestamp;

/// Both clocks; its ticks count from when it was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start_ns: u64,
}

impl Clock {
    /// Starts counting.
    #[must_use]
    pub fn start() -> Self {
        Self { start_ns: boot_ns() }
    }

    /// The moment, as both clocks tell it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp { unix_ms: i64::try_from(unix.as_millis()).unwrap_or(i64::MAX), ticks_ns: self.ticks_ns() }
    }

    /// Monotonic nanoseconds, those that the machine slept through among them: keys age in its sleep as well.
    #[must_use]
    pub fn ticks_ns(&self) -> u64 {
        boot_ns().saturating_sub(self.start_ns)
    }
}

/// Since the machine was started, its sleep included (clock_gettime(2), `CLOCK_BOOTTIME`), which `Instant` does not count. The kernel adds
/// the sleep before it lets any process go on, and answers without a system call, as fast as for the clock of `Instant`.
fn boot_ns() -> u64 {
    let since = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(since.tv_sec).unwrap_or_default();
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(since.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const SLEPT: &str = "KEYGATE_TEST_SLEPT";
    const SECONDS: i64 = 1_000_000;

    /// A time namespace (time_namespaces(7)) shifts the clock that counts sleep, as a sleep does, and not the other one. This test runs in
    /// one as a process of its own; where that is forbidden, as in some containers, nothing is learnt.
    #[test]
    fn the_time_that_the_machine_slept_counts() {
        let awake_ns = monotonic_ns();
        let apart_ns = boot_ns() - awake_ns;
        if std::env::var_os(SLEPT).is_some() {
            assert!(apart_ns >= u64::try_from(SECONDS).unwrap() * 1_000_000_000, "{apart_ns} ns apart");
            return;
        }
        let shifted = |command: &[&std::ffi::OsStr]| {
            let mut unshare = Command::new("unshare");
            unshare.args(["--user", "--map-root-user", "--time", "--fork", "--boottime", &SECONDS.to_string()]);
            unshare.args(command).env(SLEPT, "1").output()
        };
        if !shifted(&["true".as_ref()]).is_ok_and(|probe| probe.status.success()) {
            return;
        }
        let own = std::env::current_exe().unwrap();
        let test = "edge::clock::tests::the_time_that_the_machine_slept_counts";
        let told = shifted(&[own.as_ref(), "--exact".as_ref(), test.as_ref()]).unwrap();
        let text = String::from_utf8_lossy(&told.stdout);
        assert!(told.status.success() && text.contains("1 passed"), "{text}");
    }

    fn monotonic_ns() -> u64 {
        let since = clock_gettime(ClockId::Monotonic);
        u64::try_from(since.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(since.tv_nsec).unwrap()
    }
}
