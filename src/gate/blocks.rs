//! Blocks: keys and addresses that whoever runs the gate has shut out in an incident, and whether a request comes from one.
//!
//! A set of blocks never changes; one more or one less makes another set, which is put in force as policy and keys are. Knows
//! nothing of where blocks are kept or of who asked for them. Entry: [`Blocks`].

use std::{collections::HashMap, fmt, net::IpAddr};

use ipnet::{IpNet, Ipv4Net};

use super::{
    credential::{KeyShape, shape},
    keys::KeyId,
    peer::PeerAddress,
};

/// The most blocks at a time. Each is found by hash, so that this bounds what a change costs, and what a state file can grow to.
pub const MAX_BLOCKS: usize = 10_000;
/// The longest reason, in characters: it is a line of a list.
pub const MAX_REASON_CHARS: usize = 200;

/// IPv6 addresses are one customer's by /64 (RFC 6177), as in [`PeerKey`](super::limit::PeerKey).
const CUSTOMER_PREFIX: u8 = 64;

/// What is blocked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// The key with this id.
    Key(Box<str>),
    /// Every address of this network.
    Network(IpNet),
}

/// One block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What is blocked.
    pub target: Target,
    /// Since when, in Unix milliseconds.
    pub since_ms: i64,
    /// Until when, in Unix milliseconds; `i64::MAX` is until somebody lifts it.
    pub until_ms: i64,
    /// Why, in the words of whoever asked for it; empty where nothing was said.
    pub reason: Box<str>,
}

/// There are [`MAX_BLOCKS`] blocks already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyBlocks;

/// All blocks of one moment. A block whose end has come counts no more, whether or not somebody has taken it out.
#[derive(Clone, Debug, Default)]
pub struct Blocks {
    keys: HashMap<Box<str>, Block, ahash::RandomState>,
    networks: HashMap<IpNet, Block, ahash::RandomState>,
    /// The lengths of prefixes that occur in `networks`, of IPv4 and of IPv6: an address is asked for once by each.
    lengths: [Vec<u8>; 2],
}

impl Target {
    /// The key with the id `text`.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it: somebody may have taken the text of a key for its id.
    pub fn key(text: &str) -> Result<Self, &'static str> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        match text.len() {
            1..=64 if shape(text) != KeyShape::Foreign => Err("is the text of a key; a key is named by its id"),
            1..=64 if text.bytes().all(plain) => Ok(Self::Key(text.into())),
            _ => Err("must be the id of a key: 1 to 64 of A-Z, a-z, 0-9, `_` and `-`"),
        }
    }

    /// A network in CIDR notation, or the peer with this address: of IPv6 its /64, which is what one customer is given, so that a
    /// single address takes `/128`. IPv4 in IPv6 (`::ffff:…`) is IPv4, as it is in requests.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn network(text: &str) -> Result<Self, &'static str> {
        let network = match text.parse::<IpNet>() {
            Ok(network) => network,
            Err(_) => {
                let address: IpAddr = text.parse().map_err(|_| "must be an IP address, or a network such as `203.0.113.0/24`")?;
                peer_of(address.to_canonical())
            }
        };
        Ok(Self::Network(canonical(network)))
    }
}

impl fmt::Display for Target {
    /// `` key `web` ``, `203.0.113.7`, `203.0.113.0/24`; of a network it is what [`Target::network`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key `{id}`"),
            Self::Network(IpNet::V4(v4)) if v4.prefix_len() == v4.max_prefix_len() => write!(f, "{}", v4.addr()),
            Self::Network(network) => write!(f, "{network}"),
        }
    }
}

impl Block {
    /// Whether it counts at `now_ms`.
    #[must_use]
    pub const fn is_in_force(&self, now_ms: i64) -> bool {
        now_ms < self.until_ms
    }
}

impl Blocks {
    /// A set of these blocks; of two with the same target the later one counts.
    ///
    /// # Errors
    /// If they are more than [`MAX_BLOCKS`].
    pub fn new(blocks: impl IntoIterator<Item = Block>) -> Result<Self, TooManyBlocks> {
        let mut set = Self::default();
        for block in blocks {
            match block.target.clone() {
                Target::Key(id) => set.keys.insert(id, block),
                Target::Network(network) => set.networks.insert(network, block),
            };
            if set.keys.len() + set.networks.len() > MAX_BLOCKS {
                return Err(TooManyBlocks);
            }
        }
        for network in set.networks.keys() {
            let lengths = &mut set.lengths[usize::from(network.addr().is_ipv6())];
            if !lengths.contains(&network.prefix_len()) {
                lengths.push(network.prefix_len());
            }
        }
        Ok(set)
    }

    /// These blocks, without those that are over at `now_ms`, and `block`, which takes the place of one with an equal target.
    ///
    /// # Errors
    /// If there are [`MAX_BLOCKS`] already.
    pub fn with(&self, block: Block, now_ms: i64) -> Result<Self, TooManyBlocks> {
        Self::new(self.in_force(now_ms).cloned().chain([block]))
    }

    /// These blocks without the one of `target`; `None` if nothing is blocked by just that at `now_ms`.
    #[must_use]
    pub fn without(&self, target: &Target, now_ms: i64) -> Option<Self> {
        let block = match target {
            Target::Key(id) => self.keys.get(id),
            Target::Network(network) => self.networks.get(network),
        };
        block.filter(|block| block.is_in_force(now_ms))?;
        Self::new(self.in_force(now_ms).filter(|other| other.target != *target).cloned()).ok()
    }

    /// Whether there are none, not even some that are over.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.networks.is_empty()
    }

    /// All that count at `now_ms`, in no order.
    pub fn in_force(&self, now_ms: i64) -> impl Iterator<Item = &Block> {
        self.keys.values().chain(self.networks.values()).filter(move |block| block.is_in_force(now_ms))
    }

    /// The block of the key with this id, if there is one at `now_ms`.
    #[must_use]
    pub fn of_key(&self, id: &KeyId, now_ms: i64) -> Option<&Block> {
        if self.keys.is_empty() {
            return None;
        }
        self.keys.get(&**id).filter(|block| block.is_in_force(now_ms))
    }

    /// A block that takes in this address, if there is one at `now_ms`. Who comes through a Unix socket has none to be blocked by.
    #[must_use]
    pub fn of_peer(&self, peer: impl Into<PeerAddress>, now_ms: i64) -> Option<&Block> {
        if self.networks.is_empty() {
            return None;
        }
        let peer = peer.into().ip()?.to_canonical();
        let at = |&length: &u8| self.networks.get(&IpNet::new(peer, length).ok()?.trunc());
        self.lengths[usize::from(peer.is_ipv6())].iter().filter_map(at).find(|block| block.is_in_force(now_ms))
    }
}

fn peer_of(address: IpAddr) -> IpNet {
    match IpNet::from(address) {
        IpNet::V6(v6) => IpNet::new(v6.addr().into(), CUSTOMER_PREFIX).unwrap_or(IpNet::V6(v6)),
        v4 @ IpNet::V4(_) => v4,
    }
}

/// The network in the one spelling that it has here: no bits behind the prefix, and IPv4 as such.
fn canonical(network: IpNet) -> IpNet {
    const MAPPED: u8 = 96;
    let IpNet::V6(v6) = network.trunc() else { return network.trunc() };
    let mapped = v6.addr().to_ipv4_mapped().filter(|_| v6.prefix_len() >= MAPPED);
    let v4 = mapped.and_then(|v4| Ipv4Net::new(v4, v6.prefix_len() - MAPPED).ok());
    v4.map_or(IpNet::V6(v6), IpNet::V4)
}
