//! What the run needs of the machine: two cores to itself and enough descriptors.

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The proxy has one core alone; load and backend share the other, so that neither is on the proxy's bill.
#[derive(Clone, Copy)]
pub struct Cores {
    proxy: usize,
    load: usize,
}

impl Cores {
    /// The first two cores this process may use; the calling thread and those it starts stay on the second.
    pub fn claim() -> Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
        let (Some(proxy), Some(load)) = (cores.next(), cores.next()) else {
            anyhow::bail!("two cores are needed: one for the proxy, one for load and backend");
        };
        pin(load)?;
        Ok(Self { proxy, load })
    }

    /// Runs `start` on the proxy's core. A process inherits the core of the thread that starts it.
    pub fn for_proxy<T>(self, start: impl FnOnce() -> T) -> Result<T> {
        pin(self.proxy)?;
        let started = start();
        pin(self.load)?;
        Ok(started)
    }
}

/// Raises the soft limit on open files to the hard one, here and so in every peer, and checks that it is enough.
pub fn raise_descriptor_limit(needed: u64) -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let hard = limit.maximum.unwrap_or(u64::MAX);
    setrlimit(Resource::Nofile, limit).context("raising the limit on open files")?;
    ensure!(hard >= needed, "{needed} open files are needed, the hard limit is {hard}");
    Ok(())
}

fn pin(core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).with_context(|| format!("pinning to core {core}"))
}
