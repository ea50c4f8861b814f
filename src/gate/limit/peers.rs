//! What is known of peers: a bucket of refusals and a count of connections for each.
//!
//! Anyone can make up addresses, so the table of buckets has a fixed size and forgets the least recently refused. Counts of
//! connections must not be forgotten; there are never more of them than connections.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use lru::LruCache;
use parking_lot::Mutex;

use super::{Gcra, Pace, Quota};
use crate::gate::peer::PeerAddress;

/// A peer as limits see it: an IPv4 address, or the /64 of an IPv6 address, which is what one customer is given (RFC 6177). All that
/// comes through Unix sockets and is nobody's that is known is one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerKey(u128);

impl PeerKey {
    /// No address becomes this: those of IPv6 end in 64 zeros, those of IPv4 are mapped.
    const UNIX: Self = Self(1);
}

impl From<PeerAddress> for PeerKey {
    fn from(address: PeerAddress) -> Self {
        match address.to_canonical() {
            PeerAddress::Ip(IpAddr::V4(v4)) => Self(v4.to_ipv6_mapped().to_bits()),
            PeerAddress::Ip(IpAddr::V6(v6)) => Self(v6.to_bits() >> 64 << 64),
            PeerAddress::Unix => Self::UNIX,
        }
    }
}

impl std::fmt::Display for PeerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if *self == Self::UNIX {
            return PeerAddress::Unix.fmt(f);
        }
        match Ipv6Addr::from_bits(self.0).to_canonical() {
            IpAddr::V4(v4) => write!(f, "{v4}"),
            IpAddr::V6(v6) => write!(f, "{v6}/64"),
        }
    }
}

const SHARDS: usize = 16;
/// Peers remembered, about 6 MiB when full.
const CAPACITY: usize = 65_536;

/// Buckets of refusals, for at most [`CAPACITY`] peers.
pub struct PeerTable {
    shards: [Shard; SHARDS],
    hasher: ahash::RandomState,
    evictions: AtomicU64,
}

struct Shard {
    buckets: Mutex<LruCache<PeerKey, Gcra, ahash::RandomState>>,
    /// From this moment on every bucket here is full again, so that nobody need look: the latest [`Gcra::full_at`] of them.
    /// Relaxed: who reads it while a charge is being made stands before that charge, as with the lock.
    full_at: AtomicU64,
}

impl Default for PeerTable {
    fn default() -> Self {
        let each = NonZeroUsize::new(CAPACITY / SHARDS).unwrap_or(NonZeroUsize::MIN);
        // Grown when used: a gate without `limits.ip` pays nothing.
        let shard = |_| {
            let mut buckets = LruCache::unbounded_with_hasher(ahash::RandomState::new());
            buckets.resize(each);
            Shard { buckets: Mutex::new(buckets), full_at: AtomicU64::new(0) }
        };
        Self { shards: std::array::from_fn(shard), hasher: ahash::RandomState::new(), evictions: AtomicU64::new(0) }
    }
}

impl PeerTable {
    /// How the peer stands, charging nothing. Where no bucket is in use, which is nearly always, this takes no lock.
    #[must_use]
    pub fn peek(&self, peer: PeerKey, quota: &Quota, now_ns: u64) -> Pace {
        let shard = self.shard(peer);
        let passes = Pace::Within { remaining: 0 };
        if shard.full_at.load(Ordering::Relaxed) <= now_ns {
            return passes;
        }
        shard.buckets.lock().peek(&peer).map_or(passes, |bucket| bucket.peek(quota, now_ns))
    }

    /// Charges the peer with a refusal.
    pub fn charge(&self, peer: PeerKey, quota: &Quota, now_ns: u64) {
        let shard = self.shard(peer);
        let mut buckets = shard.buckets.lock();
        let charge = |bucket: &Gcra| {
            bucket.charge(quota, now_ns);
            shard.full_at.fetch_max(bucket.full_at(), Ordering::Relaxed);
        };
        if let Some(bucket) = buckets.get(&peer) {
            return charge(bucket);
        }
        let bucket = Gcra::default();
        charge(&bucket);
        if buckets.push(peer, bucket).is_some() {
            self.evictions.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Peers remembered now, and how many were forgotten for others.
    #[must_use]
    pub fn occupancy(&self) -> (usize, u64) {
        (self.shards.iter().map(|shard| shard.buckets.lock().len()).sum(), self.evictions.load(Ordering::Relaxed))
    }

    fn shard(&self, peer: PeerKey) -> &Shard {
        let hash = self.hasher.hash_one(peer);
        &self.shards[usize::try_from(hash >> 32).unwrap_or(0) % SHARDS]
    }
}

/// Connections open per peer.
#[derive(Debug, Default)]
pub struct PeerPlaces(Mutex<HashMap<PeerKey, u32, ahash::RandomState>>);

/// A connection of a peer; gives its place back when dropped.
#[derive(Debug)]
pub struct PeerLease {
    places: Arc<PeerPlaces>,
    peer: PeerKey,
}

impl PeerPlaces {
    /// Takes a place for `peer`; `None` if it has `max`.
    pub fn take(self: &Arc<Self>, peer: PeerKey, max: u32) -> Option<PeerLease> {
        let mut open = self.0.lock();
        let count = open.entry(peer).or_default();
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(PeerLease { places: Arc::clone(self), peer })
    }
}

impl Drop for PeerLease {
    fn drop(&mut self) {
        let mut open = self.places.0.lock();
        if let Some(count) = open.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> PeerKey {
        text.parse::<PeerAddress>().unwrap().into()
    }

    #[test]
    fn one_customer_is_one_peer() {
        assert_eq!(peer("2001:db8:1:2::1"), peer("2001:db8:1:2:ffff::9"));
        assert_ne!(peer("2001:db8:1:2::1"), peer("2001:db8:1:3::1"));
        assert_eq!(peer("::ffff:10.0.0.1"), peer("10.0.0.1"));
        assert_ne!(peer("10.0.0.1"), peer("10.0.0.2"));
        assert_eq!(peer("2001:db8:1:2::1").to_string(), "2001:db8:1:2::/64");
        assert_eq!(peer("10.0.0.1").to_string(), "10.0.0.1");
        assert_eq!((peer("unix"), peer("unix").to_string()), (PeerAddress::Unix.into(), "unix".to_owned()));
        for address in ["::", "::1", "0.0.0.0", "0.0.0.1"] {
            assert_ne!(peer("unix"), peer(address), "{address}");
        }
    }

    #[test]
    fn only_refusals_use_up_a_bucket() {
        let (table, quota) = (PeerTable::default(), Quota::new(1, 1, 2).unwrap());
        let me = peer("10.0.0.1");
        for _ in 0..1000 {
            assert!(matches!(table.peek(me, &quota, 0), Pace::Within { .. }));
        }
        table.charge(me, &quota, 0);
        table.charge(me, &quota, 0);
        assert!(matches!(table.peek(me, &quota, 0), Pace::Beyond { .. }));
        assert!(matches!(table.peek(peer("10.0.0.2"), &quota, 0), Pace::Within { .. }));
        assert!(matches!(table.peek(me, &quota, 1_000_000_000), Pace::Within { .. }));
        // As soon as no bucket is in use, nobody waits for the lock.
        let full_at = table.shard(me).full_at.load(Ordering::Relaxed);
        assert_eq!(full_at, 2_000_000_000);
        let _held = table.shard(me).buckets.lock();
        assert!(matches!(table.peek(me, &quota, full_at), Pace::Within { .. }));
    }

    #[test]
    fn the_table_is_bounded_under_made_up_addresses() {
        let (table, quota) = (PeerTable::default(), Quota::new(1, 1, 1).unwrap());
        for n in 0..200_000u32 {
            table.charge(PeerAddress::from(n.to_be_bytes()).into(), &quota, 0);
        }
        let (peers, evictions) = table.occupancy();
        assert!(peers <= CAPACITY && evictions == 200_000 - peers as u64, "{peers} kept, {evictions} evicted");
    }

    #[test]
    fn places_are_counted_per_peer_and_forgotten_when_free() {
        let places = Arc::new(PeerPlaces::default());
        let (one, two) = (places.take(peer("10.0.0.1"), 2), places.take(peer("10.0.0.1"), 2));
        assert!(one.is_some() && two.is_some());
        assert!(places.take(peer("10.0.0.1"), 2).is_none());
        assert!(places.take(peer("10.0.0.2"), 2).is_some());
        let remembered = || places.0.lock().len();
        drop(one);
        assert_eq!(remembered(), 1);
        drop(two);
        assert_eq!(remembered(), 0);
    }
}
