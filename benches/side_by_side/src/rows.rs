//! One figure: a peer, started for it alone, does one kind of work.

use std::future::Future;

use anyhow::Result;

use crate::backend::Backend;
use crate::bench::Plan;
use crate::figures::Work;
use crate::load::{self, LANES, Load};
use crate::machine::Cores;
use crate::peers::Peer;
use crate::proxy::Proxy;

/// Bytes of the small message and of the large one.
const SMALL: usize = 64;
const LARGE: usize = 16 * 1024;

struct Row<'a> {
    plan: &'a Plan,
    proxy: &'a Proxy,
    load: Load<'a>,
}

/// What one unit of the work takes of the peer; `None` for what it does not speak.
///
/// # Errors
/// If the peer does not start, or does not do all of the work, in time.
pub async fn figure(plan: &Plan, peer: &Peer, backend: &Backend, cores: Cores, work: Work) -> Result<Option<f64>> {
    if work == Work::IdleTls && !peer.tls {
        return Ok(None);
    }
    // A process of its own: what other work has freed there would hide what a socket takes, and one that failed would fail again.
    let proxy = Proxy::start(peer, backend.port, plan, cores).await?;
    let plain = Some(&proxy.target);
    let target = if work == Work::IdleTls { proxy.in_tls.as_ref() } else { plain };
    let Some(target) = target.cloned() else { return Ok(None) };
    let row = Row { plan, proxy: &proxy, load: Load { target, backend } };
    proxy.at(row.figure(work)).await.map(Some)
}

impl Row<'_> {
    async fn figure(&self, work: Work) -> Result<f64> {
        let Self { plan, load, .. } = self;
        if !work.is_memory() {
            load.accepted(10 * LANES).await?;
            load.handshakes(LANES).await?;
        }
        match work {
            Work::Accepted => self.microseconds(plan.requests, load.accepted(plan.requests)).await,
            Work::Refused => self.microseconds(plan.requests, load.refused(plan.requests)).await,
            Work::Handshake => self.microseconds(plan.handshakes, load.handshakes(plan.handshakes)).await,
            Work::SmallEcho => self.echo_microseconds(SMALL, plan.small_turns).await,
            Work::LargeEcho => self.echo_microseconds(LARGE, plan.large_turns).await,
            Work::Idle | Work::IdleTls => {
                let echo = async |sockets| load::echo(sockets, SMALL, 1).await.map(drop);
                self.idle_kilobytes(async |total| load.open(total).await, echo).await
            }
            Work::IdleEvents => {
                let hear = async |streams| load.hear(streams).await.map(drop);
                self.idle_kilobytes(async |total| load.open_events(total).await, hear).await
            }
        }
    }

    /// Of the proxy's CPU, the part of one of `count` that are done in `work`.
    async fn microseconds<T>(&self, count: usize, work: impl Future<Output = Result<T>>) -> Result<f64> {
        let (seconds, _) = self.proxy.cpu_of(work).await?;
        Ok(seconds * 1e6 / count as f64)
    }

    async fn echo_microseconds(&self, size: usize, turns: usize) -> Result<f64> {
        let sockets = self.load.open(self.plan.sockets).await?;
        // The first message of a socket is not like the others: buffers are made for it.
        let sockets = load::echo(sockets, SMALL, 1).await?;
        self.microseconds(turns * self.plan.sockets, load::echo(sockets, size, turns)).await
    }

    /// Of the proxy's memory, the part of one of many idle connections. `open` opens so many; `carry` has each carry a message.
    async fn idle_kilobytes<C>(
        &self,
        open: impl AsyncFn(usize) -> Result<C>,
        carry: impl AsyncFn(C) -> Result<()>,
    ) -> Result<f64> {
        let sockets = self.plan.sockets;
        drop(open(LANES).await?);
        self.load.all_closed().await?;
        let before = self.proxy.memory().await?;

        // A proxy outlives its sockets, and memory used a second time can cost more than fresh pages never touched: the
        // figure is that of the second generation, with whatever the first left behind.
        drop(open(sockets).await?);
        self.load.all_closed().await?;
        let idle = open(sockets).await?;
        let after = self.proxy.memory().await?;

        // Memory of sockets that were quietly dropped would be no figure: all must still carry a message.
        carry(idle).await?;
        Ok((after - before) / sockets as f64 / 1024.0)
    }
}
