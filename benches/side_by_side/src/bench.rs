//! The rounds: in each, every peer in turn does every kind of work, so that a slow minute of the machine hits them all.

use anyhow::{Context, Result};

use crate::backend::Backend;
use crate::figures::{Results, Work};
use crate::load::{self, LANES, Load};
use crate::machine::{self, Cores};
use crate::peers::Peer;
use crate::proxy::Proxy;
use crate::tls::Identity;

/// How much work. Requests and handshakes are multiples of the lanes; of echoes every socket has its turns.
pub struct Plan {
    pub rounds: u32,
    pub quick: bool,
    pub origin: bool,
    pub sockets: usize,
    pub identity: Identity,
    requests: usize,
    handshakes: usize,
    small_turns: usize,
    large_turns: usize,
}

impl Plan {
    /// Full counts give each figure about a second of the proxy's CPU, which `/proc` tells by hundredths.
    pub fn new(quick: bool, rounds: Option<u32>, origin: bool) -> Result<Self> {
        let scale = if quick { LANES / 4 } else { LANES };
        Ok(Self {
            identity: Identity::generate()?,
            rounds: rounds.unwrap_or(if quick { 1 } else { 3 }),
            quick,
            origin,
            sockets: if quick { 1000 } else { 4000 },
            requests: 1000 * scale,
            handshakes: 128 * scale,
            small_turns: 16,
            large_turns: 5,
        })
    }

    /// In this process: the load's end and the backend's end of every idle socket, and a little for the rest.
    fn descriptors(&self) -> u64 {
        2 * self.sockets as u64 + 1000
    }
}

pub async fn run(plan: &Plan, peers: &[&'static Peer]) -> Result<Results> {
    machine::raise_descriptor_limit(plan.descriptors())?;
    let cores = Cores::claim()?;

    let mut results = Results::default();
    for round in 1..=plan.rounds {
        for &peer in peers {
            eprintln!("round {round} of {}: {}", plan.rounds, peer.name);
            let figures = measure(plan, peer, cores).await;
            for (work, figure) in figures.context(peer.name)? {
                results.add(peer.name, work, figure);
            }
        }
    }
    Ok(results)
}

async fn measure(plan: &Plan, peer: &Peer, cores: Cores) -> Result<Vec<(Work, f64)>> {
    // A backend for each, and so a port: one for all would run short of connections that have left TIME_WAIT.
    let backend = &Backend::start()?;

    // Memory on a process of its own: what other work has freed there would hide what a socket takes.
    let mut figures = Vec::new();
    for work in [Work::Idle, Work::IdleEvents, Work::IdleTls] {
        let proxy = Proxy::start(peer, backend.port, plan, cores).await?;
        let target = if work == Work::IdleTls { proxy.in_tls.clone() } else { Some(proxy.target.clone()) };
        let Some(target) = target else { continue };
        let load = Load { target, backend };
        let idle = if work == Work::IdleEvents {
            let hear = async |streams| load.hear(streams).await.map(drop);
            proxy.at(idle_kilobytes(plan, &proxy, &load, async |total| load.open_events(total).await, hear)).await?
        } else {
            let echo = async |sockets| load::echo(sockets, 64, 1).await.map(drop);
            proxy.at(idle_kilobytes(plan, &proxy, &load, async |total| load.open(total).await, echo)).await?
        };
        figures.push((work, idle));
    }

    let proxy = Proxy::start(peer, backend.port, plan, cores).await?;
    figures.extend(proxy.at(cpu_microseconds(plan, &proxy, backend)).await?);
    Ok(figures)
}

/// Of the proxy's memory, the part of one of many idle connections. `open` opens so many; `carry` has each carry a message.
async fn idle_kilobytes<C>(
    plan: &Plan,
    proxy: &Proxy,
    load: &Load<'_>,
    open: impl AsyncFn(usize) -> Result<C>,
    carry: impl AsyncFn(C) -> Result<()>,
) -> Result<f64> {
    drop(open(LANES).await?);
    load.all_closed().await;
    let before = proxy.memory().await?;

    // A proxy outlives its sockets, and memory used a second time can cost more than fresh pages never touched: the
    // figure is that of the second generation, with whatever the first left behind.
    drop(open(plan.sockets).await?);
    load.all_closed().await;
    let sockets = open(plan.sockets).await?;
    let after = proxy.memory().await?;

    // Memory of sockets that were quietly dropped would be no figure: all must still carry a message.
    carry(sockets).await?;
    Ok((after - before) / plan.sockets as f64 / 1024.0)
}

async fn cpu_microseconds(plan: &Plan, proxy: &Proxy, backend: &Backend) -> Result<Vec<(Work, f64)>> {
    let load = Load { target: proxy.target.clone(), backend };
    load.accepted(10 * LANES).await?;
    load.handshakes(LANES).await?;

    let (accepted, ()) = proxy.cpu_of(load.accepted(plan.requests)).await?;
    let (refused, ()) = proxy.cpu_of(load.refused(plan.requests)).await?;
    let (handshakes, ()) = proxy.cpu_of(load.handshakes(plan.handshakes)).await?;
    let sockets = load.open(plan.sockets).await?;
    let small = load::echo(sockets, 64, plan.small_turns);
    let (small, sockets) = proxy.cpu_of(small).await?;
    let large = load::echo(sockets, 16 * 1024, plan.large_turns);
    let (large, _) = proxy.cpu_of(large).await?;

    let each = |seconds: f64, count: usize| seconds * 1e6 / count as f64;
    Ok(vec![
        (Work::Accepted, each(accepted, plan.requests)),
        (Work::Refused, each(refused, plan.requests)),
        (Work::Handshake, each(handshakes, plan.handshakes)),
        (Work::SmallEcho, each(small, plan.small_turns * plan.sockets)),
        (Work::LargeEcho, each(large, plan.large_turns * plan.sockets)),
    ])
}
