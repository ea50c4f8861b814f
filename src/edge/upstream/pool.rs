//! Choosing one of several addresses: pingora's round robin and its ketama ring, and the fewest in use.
//!
//! pingora knows servers by socket addresses. Here an address may be a name, whose meaning changes while the gate runs, or a Unix
//! socket, which its ring leaves out. So every address stands in pingora's tables by an IPv6 address made of a digest of its text: the
//! ring depends on what is written, not on its order nor on what a name resolves to, and is the same for every gate.

use std::{
    collections::BTreeSet,
    net::{Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::FutureExt as _;
use pingora::{
    lb::{Backend, Backends, Extensions, LoadBalancer, discovery::Static, selection},
    protocols::l4::socket,
};
use ring::digest;

use super::{Address, health::Check};
use crate::upstream::Balance;

/// pingora's ring has 160 points for each address, and may have to be walked along.
const POINTS: usize = 160;
/// Others take their turns meanwhile, so that one round may not meet every address.
const ROUNDS: usize = 4;

/// Addresses to choose from, with their health.
pub struct Pool {
    places: Box<[socket::SocketAddr]>,
    choice: Choice,
}

enum Choice {
    RoundRobin(LoadBalancer<selection::RoundRobin>),
    LeastConnections(Backends, AtomicUsize),
    ConsistentHash(LoadBalancer<selection::Consistent>),
}

impl Pool {
    /// A pool of `addresses`, which are checked by `check`.
    ///
    /// # Errors
    /// If two addresses are one to pingora.
    pub fn new(balance: &Balance, addresses: &[Arc<Address>], check: Option<Check>) -> Result<Self, String> {
        let places: Box<[_]> = addresses.iter().map(|address| place(address)).collect();
        let servers: BTreeSet<_> =
            places.iter().map(|place| Backend { addr: place.clone(), weight: 1, ext: Extensions::new() }).collect();
        if servers.len() != addresses.len() {
            return Err("an address stands twice in an upstream".to_owned());
        }
        let mut servers = Backends::new(Static::new(servers));
        if let Some(check) = check {
            servers.set_health_check(Box::new(check));
        }
        // A fixed list is there at once.
        let choice = match balance {
            Balance::RoundRobin => {
                let balancer = LoadBalancer::from_backends(servers);
                balancer.update().now_or_never();
                Choice::RoundRobin(balancer)
            }
            Balance::ConsistentHash(_) => {
                let balancer = LoadBalancer::from_backends(servers);
                balancer.update().now_or_never();
                Choice::ConsistentHash(balancer)
            }
            Balance::LeastConnections => {
                servers.update(|_| {}).now_or_never();
                Choice::LeastConnections(servers, AtomicUsize::new(0))
            }
        };
        Ok(Self { places, choice })
    }

    /// Checks every address once.
    pub async fn check(&self) {
        let servers = match &self.choice {
            Choice::RoundRobin(balancer) => balancer.backends(),
            Choice::ConsistentHash(balancer) => balancer.backends(),
            Choice::LeastConnections(servers, _) => servers,
        };
        servers.run_health_check(true).await;
    }

    /// The index of one of the `addresses` that are accepted; `None` where none is.
    pub fn choose(&self, addresses: &[Arc<Address>], hash: u32, accept: &dyn Fn(usize) -> bool) -> Option<usize> {
        // Asked first, for to find nobody would take everybody's turns.
        let first = (0..addresses.len()).find(|&index| accept(index))?;
        let takes = |server: &Backend, _: bool| self.index(server).is_some_and(accept);
        let chosen = match &self.choice {
            Choice::RoundRobin(balancer) => balancer.select_with(&[], ROUNDS * addresses.len(), takes),
            Choice::ConsistentHash(balancer) => balancer.select_with(&hash.to_le_bytes(), POINTS * addresses.len(), takes),
            Choice::LeastConnections(_, turn) => {
                // Of those that are equal, not always the first.
                let turn = turn.fetch_add(1, Ordering::Relaxed);
                let indices = (0..addresses.len()).map(|at| (turn % addresses.len() + at) % addresses.len());
                return indices.filter(|&index| accept(index)).min_by_key(|&index| addresses[index].uses());
            }
        };
        chosen.and_then(|server| self.index(&server)).or(Some(first))
    }

    fn index(&self, server: &Backend) -> Option<usize> {
        self.places.iter().position(|place| *place == server.addr)
    }
}

/// Where an address stands in pingora's tables.
pub fn place(address: &Address) -> socket::SocketAddr {
    let digest = digest::digest(&digest::SHA256, address.label().as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_ref()[..16]);
    socket::SocketAddr::Inet(SocketAddr::from((Ipv6Addr::from(bytes), 0)))
}
