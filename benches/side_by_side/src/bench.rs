//! The rounds: in each, every peer in turn does every kind of work, so that a slow minute of the machine hits them all.

use anyhow::Result;

use crate::backend::Backend;
use crate::figures::{Results, Work};
use crate::load::LANES;
use crate::machine::{self, Cores};
use crate::peers::Peer;
use crate::rows;
use crate::tls::Identity;

/// How much work. Requests and handshakes are multiples of the lanes; of echoes every socket has its turns.
pub struct Plan {
    pub rounds: u32,
    pub quick: bool,
    pub origin: bool,
    pub sockets: usize,
    pub identity: Identity,
    pub requests: usize,
    pub handshakes: usize,
    pub small_turns: usize,
    pub large_turns: usize,
    works: Vec<Work>,
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
            works: Work::ALL.to_vec(),
        })
    }

    /// The same, of these kinds of work alone; of all, where none is named.
    pub fn of(mut self, works: &[Work]) -> Self {
        self.works.retain(|work| works.is_empty() || works.contains(work));
        self
    }

    /// In this process: the load's end and the backend's end of every idle socket, and a little for the rest.
    fn descriptors(&self) -> u64 {
        2 * self.sockets as u64 + 1000
    }
}

/// Runs all rounds. A row that fails is one of the results, and the rest goes on.
///
/// # Errors
/// If this machine is not one to measure on.
pub async fn run(plan: &Plan, peers: &[&'static Peer]) -> Result<Results> {
    machine::raise_descriptor_limit(plan.descriptors())?;
    let cores = Cores::claim()?;

    let mut results = Results::default();
    for round in 1..=plan.rounds {
        for &peer in peers {
            // A backend for each, and so a port: one for all would run short of connections that have left TIME_WAIT.
            let backend = Backend::start()?;
            for &work in &plan.works {
                eprintln!("round {round} of {}: {}, {}", plan.rounds, peer.name, work.title());
                match rows::figure(plan, peer, &backend, cores, work).await {
                    Ok(Some(figure)) => results.add(peer.name, work, figure),
                    Ok(None) => {}
                    Err(error) => results.fail(peer.name, work, format!("{error:#}")),
                }
            }
        }
    }
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_that_are_named_or_all() -> Result<()> {
        let plan = |works: &[Work]| Ok::<_, anyhow::Error>(Plan::new(true, None, false)?.of(works).works);
        assert!(plan(&[])? == Work::ALL);
        assert!(plan(&[Work::Idle, Work::Refused])? == [Work::Refused, Work::Idle]);
        Ok(())
    }
}
