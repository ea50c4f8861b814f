use std::{collections::BTreeMap, sync::atomic::Ordering, time::Duration};

use super::*;
use crate::upstream::{Backend, Balance, HashOn, UpstreamTimeouts};

fn upstream(balance: Balance, addresses: &[&str]) -> Arc<Upstream> {
    let backend = |address: &&str| {
        let (host, port) = address.split_once(':').unwrap();
        Backend::Tcp { host: host.to_owned(), port: port.parse().unwrap(), tls: false }
    };
    let second = Duration::from_secs(1);
    Arc::new(
        Upstream::new(Arc::new(UpstreamSpec {
            name: "upstream".into(),
            addresses: addresses.iter().map(backend).collect(),
            balance,
            health: None,
            timeouts: UpstreamTimeouts { connect: second, head: second, idle: second },
        }))
        .unwrap(),
    )
}

fn ring(addresses: &[&str]) -> Arc<Upstream> {
    upstream(Balance::ConsistentHash(HashOn::Key), addresses)
}

fn set_health(upstream: &Upstream, at: usize, healthy: bool) {
    upstream.addresses[at].health().store(healthy, Ordering::Relaxed);
}

/// How often each address is chosen in so many turns.
fn counts(upstream: &Upstream, turns: u32) -> Vec<usize> {
    let mut counts = vec![0; upstream.addresses.len()];
    for turn in 0..turns {
        counts[upstream.choose(stable_hash(&turn.to_le_bytes()), 0).unwrap()] += 1;
    }
    counts
}

/// What each hash of some is sent to, by the text of the address.
fn table(upstream: &Upstream) -> BTreeMap<u32, String> {
    let chosen = |hash: u32| upstream.addresses[upstream.choose(hash, 0).unwrap()].label().to_string();
    (0..1000u32).map(|number| stable_hash(&number.to_le_bytes())).map(|hash| (hash, chosen(hash))).collect()
}

const THREE: [&str; 3] = ["a:1", "b:1", "c:1"];

#[test]
fn turns_are_even_and_pass_over_who_is_not_well() {
    let upstream = upstream(Balance::RoundRobin, &THREE);
    assert_eq!(counts(&upstream, 30), [10, 10, 10]);
    set_health(&upstream, 1, false);
    let counts = counts(&upstream, 30);
    assert!(counts[1] == 0 && counts[0] > 0 && counts[2] > 0, "{counts:?}");
}

#[test]
fn where_nobody_is_well_all_are_tried() {
    for balance in [Balance::RoundRobin, Balance::LeastConnections, Balance::ConsistentHash(HashOn::Key)] {
        let upstream = upstream(balance.clone(), &THREE);
        (0..3).for_each(|at| set_health(&upstream, at, false));
        let all = counts(&upstream, 60);
        assert!(all.iter().all(|&count| count > 0), "{balance:?} {all:?}");
        set_health(&upstream, 2, true);
        assert_eq!(counts(&upstream, 60), [0, 0, 60], "{balance:?}");
    }
}

#[test]
fn each_address_is_tried_once() {
    for balance in [Balance::RoundRobin, Balance::LeastConnections, Balance::ConsistentHash(HashOn::Key)] {
        let upstream = upstream(balance, &THREE);
        set_health(&upstream, 0, false);
        let mut tried = 0;
        let mut order = Vec::new();
        while let Some(index) = upstream.choose(7, tried) {
            tried |= 1 << index;
            order.push(index);
        }
        assert_eq!(order.last(), Some(&0), "who is not well comes last: {order:?}");
        order.sort_unstable();
        assert_eq!(order, [0, 1, 2]);
    }
    let alone = upstream(Balance::RoundRobin, &["a:1"]);
    assert_eq!((alone.choose(7, 0), alone.choose(7, 1)), (Some(0), None));
}

#[test]
fn the_fewest_in_use_are_chosen() {
    let upstream = upstream(Balance::LeastConnections, &THREE);
    let mut held: Vec<_> = (0..2).map(|_| InUse::new(&upstream.addresses[0])).collect();
    held.push(InUse::new(&upstream.addresses[2]));
    assert_eq!(counts(&upstream, 10), [0, 10, 0]);
    held.push(InUse::new(&upstream.addresses[1]));
    let between = counts(&upstream, 10);
    assert!(between[0] == 0 && between[1] > 0 && between[2] > 0, "the equal ones take turns: {between:?}");
    drop(held);
    assert!(upstream.addresses.iter().all(|address| address.uses() == 0));
}

#[test]
fn the_ring_depends_on_what_is_written_alone() {
    let one = table(&ring(&THREE));
    assert_eq!(one, table(&ring(&["c:1", "a:1", "b:1"])));
    let each = THREE.map(|address| one.values().filter(|chosen| *chosen == address).count());
    assert!(each.iter().all(|&count| count > 200), "{each:?}");
}

#[test]
fn few_move_when_an_address_comes_or_is_not_well() {
    let upstream = ring(&THREE);
    let before = table(&upstream);
    let more = table(&ring(&["a:1", "b:1", "c:1", "d:1"]));
    for (hash, address) in &before {
        assert!(more[hash] == *address || more[hash] == "d:1", "only to the new one");
    }
    set_health(&upstream, 1, false);
    for (hash, address) in table(&upstream) {
        assert!(address != "b:1" && (before[&hash] == "b:1" || before[&hash] == address), "only those of the one that went");
    }
    set_health(&upstream, 1, true);
    assert_eq!(table(&upstream), before);
}

#[test]
fn an_address_that_stands_twice_is_refused() {
    let spec = ring(&THREE).spec().clone();
    let addresses = vec![spec.addresses[0].clone(), spec.addresses[0].clone()];
    for addresses in [addresses, Vec::new()] {
        assert!(Upstream::new(Arc::new(UpstreamSpec { addresses, ..spec.clone() })).is_err());
    }
}

/// pingora keeps idle connections by a hash of the peer: what makes two upstreams different must be in it.
#[tokio::test]
async fn connections_are_shared_by_equal_peers_only() {
    use pingora::upstreams::peer::{HttpPeer, Peer as _};
    let hash = |tls: bool, name: &str| HttpPeer::new("127.0.0.1:443", tls, name.to_owned()).reuse_hash();
    let hashes = [hash(false, "a"), hash(true, "a"), hash(true, "b"), hash(false, "b")];
    for (at, one) in hashes.iter().enumerate() {
        assert!(hashes[at + 1..].iter().all(|other| other != one), "{at}");
    }
    assert_eq!(hash(true, "a"), hashes[1]);
    let peer = upstream(Balance::RoundRobin, &["127.0.0.1:443"]).addresses[0].peer().await.unwrap();
    assert_eq!(peer.reuse_hash(), HttpPeer::new("127.0.0.1:443", false, "127.0.0.1".to_owned()).reuse_hash());
    assert!(peer.options.verify_cert && peer.options.verify_hostname);
}
