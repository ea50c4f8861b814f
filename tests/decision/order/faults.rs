//! Faults that a request or its circumstances can have, and the scene that has all of some.

use std::{net::IpAddr, sync::Arc};

use keygate::gate::{
    Gate,
    blocks::Target,
    capability::{Operation, Operations},
    channel::ChannelSource,
    credential::{Environment, Kind, Locations},
    denial::Denial,
    keys::{KeyLimits, KeyRecord, RareFields, State},
    limit::{Quota, Quotas},
    peer::{Networks, PeerAddress},
    policy::{Demand, Policy, Route},
    testing,
};

use crate::world::{Ask, LISTED, NOW, PEER, UNLISTED, at_once, block, blocks, gate, key_of};

/// One thing that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    PeerBlocked,
    NoKeySet,
    StaleKeySet,
    PeerSpent,
    NoRoute,
    NoKey,
    TwoKeys,
    InTheClear,
    InCookie,
    Mistyped,
    Unknown,
    KeyBlocked,
    Revoked,
    Disabled,
    Expired,
    TestKey,
    ForeignAddress,
    SecretInQuery,
    SecretInBrowser,
    NoOrigin,
    UnlistedOrigin,
    NotCapable,
    NoChannel,
    TwoChannels,
    NotAChannel,
    NoPlace,
    QuotaSpent,
    RateSpent,
}

impl Fault {
    /// What the gate says to a request that has this fault alone.
    pub(super) const fn denial(self) -> Denial {
        match self {
            Self::PeerBlocked => Denial::PeerBlocked,
            Self::NoKeySet => Denial::NotReady,
            Self::StaleKeySet => Denial::KeysStale,
            Self::PeerSpent => Denial::PeerLimited,
            Self::NoRoute => Denial::NoRoute,
            Self::NoKey => Denial::MissingKey,
            Self::TwoKeys => Denial::AmbiguousKey,
            Self::InTheClear => Denial::TlsRequired,
            Self::InCookie => Denial::KeyInCookie,
            Self::Mistyped => Denial::MalformedKey,
            Self::Unknown => Denial::UnknownKey,
            Self::KeyBlocked => Denial::KeyBlocked,
            Self::Revoked => Denial::KeyRevoked,
            Self::Disabled => Denial::KeyDisabled,
            Self::Expired => Denial::KeyExpired,
            Self::TestKey => Denial::WrongEnvironment,
            Self::ForeignAddress => Denial::AddressRefused,
            Self::SecretInQuery => Denial::SecretInQuery,
            Self::SecretInBrowser => Denial::SecretInBrowser,
            Self::NoOrigin => Denial::OriginMissing,
            Self::UnlistedOrigin => Denial::OriginRefused,
            Self::NotCapable => Denial::NotCapable,
            Self::NoChannel => Denial::ChannelMissing,
            Self::TwoChannels => Denial::ChannelAmbiguous,
            Self::NotAChannel => Denial::ChannelInvalid,
            Self::NoPlace => Denial::KeyConnections,
            Self::QuotaSpent => Denial::QuotaExceeded,
            Self::RateSpent => Denial::RateLimited,
        }
    }

    /// Whether one request can have both.
    pub(super) fn goes_with(self, other: Self) -> bool {
        let excludes = |one, other| match one {
            // No key at all has no text, and stands nowhere.
            Self::NoKey => {
                matches!(
                    other,
                    Self::TwoKeys | Self::InTheClear | Self::InCookie | Self::Mistyped | Self::Unknown | Self::SecretInQuery
                )
            }
            // What there is not is not too old.
            Self::NoKeySet => other == Self::StaleKeySet,
            // A channel is absent, or there twice, or once and none.
            Self::NoChannel => matches!(other, Self::TwoChannels | Self::NotAChannel),
            Self::TwoChannels => other == Self::NotAChannel,
            // A key stands in one place.
            Self::InCookie => matches!(other, Self::InTheClear | Self::SecretInQuery),
            Self::InTheClear => other == Self::SecretInQuery,
            Self::Mistyped => other == Self::Unknown,
            Self::Revoked => other == Self::Disabled,
            // An Origin is asked of publishable keys; and one is either absent or unlisted.
            Self::NoOrigin => matches!(other, Self::SecretInQuery | Self::SecretInBrowser | Self::UnlistedOrigin),
            _ => false,
        };
        self != other && !excludes(self, other) && !excludes(other, self)
    }
}

/// A request, and the gate that it is put to.
pub(super) struct Scene {
    pub(super) gate: Gate,
    pub(super) ask: Ask,
    pub(super) peer: PeerAddress,
    pub(super) key: Arc<KeyRecord>,
    pub(super) key_quota: Quota,
    pub(super) peer_quota: Quota,
}

impl Scene {
    /// A scene in which all of `faults` are wrong and nothing else is.
    pub(super) fn with(faults: &[Fault]) -> Self {
        let has = |fault| faults.contains(&fault);
        // One more refusal and the peer has spent what it has; one more request, and so has the key.
        let (key_quota, peer_quota, peer) = (at_once(1), at_once(1), PeerAddress::from(PEER));
        let policy = Policy { peer_refusals: Some(peer_quota), ..testing::policy([subscribing()]) };
        let locations = Locations { basic: true, cookie: Some("token".into()), ..policy.locations };
        let policy = Policy { locations, ..policy };
        let set_of_one = gate(policy.clone(), [record(&has, key_quota)]);
        let key = key_of(&set_of_one);
        let gate = if has(Fault::NoKeySet) { Gate::new(policy) } else { set_of_one };
        if has(Fault::StaleKeySet) {
            gate.keys_are_fresh_until(NOW.ticks_ns);
        }
        if has(Fault::PeerSpent) {
            gate.refuse_unread(peer, NOW);
        }
        if has(Fault::QuotaSpent) {
            let _ = key.usage.meters().charge(&QUOTAS, NOW.unix_ms);
        }
        if has(Fault::RateSpent) {
            let _ = key.usage.rate.charge(&key_quota, NOW.ticks_ns);
        }
        let peer_blocked = has(Fault::PeerBlocked).then(|| block(&Target::Network(IpAddr::from(PEER).into()), i64::MAX));
        let key_blocked = has(Fault::KeyBlocked).then(|| block(&Target::Key("key".into()), i64::MAX));
        let _ = gate.publish_blocks(&blocks(peer_blocked.into_iter().chain(key_blocked)));
        Self { gate, ask: ask(&has), peer, key, key_quota, peer_quota }
    }
}

/// The day's is spent with one request, the month's is not.
const QUOTAS: Quotas = Quotas { day: Some(1), month: Some(2) };
const TEXT: &str = "sk_live_abc";
/// A generated key's shape, without its checksum.
const MISTYPED: &str = "sk_live_00000000000000000000000000000000000000000000000000";

fn subscribing() -> Route {
    let channel = ChannelSource::Query { name: "channel".into(), separator: None };
    Route { channel, one_way: true, ..testing::route("stream", "/stream", Demand::Operation(Operation::Subscribe)) }
}

fn record(has: &impl Fn(Fault) -> bool, rate: Quota) -> KeyRecord {
    let kind = if has(Fault::SecretInQuery) || has(Fault::SecretInBrowser) { Kind::Secret } else { Kind::Publishable };
    let is = |fault, faulty, fine| if has(fault) { faulty } else { fine };
    let address = if has(Fault::ForeignAddress) { [192, 0, 2, 2] } else { PEER };
    let state = is(Fault::Disabled, State::Disabled, State::Active);
    KeyRecord {
        kind,
        state: is(Fault::Revoked, State::Revoked, state),
        environment: if has(Fault::TestKey) { Environment::Test } else { Environment::Live },
        expires_at_ms: if has(Fault::Expired) { NOW.unix_ms } else { i64::MAX },
        capabilities: testing::on_every_channel(if has(Fault::NotCapable) { Operations::NONE } else { Operations::ALL }),
        limits: Arc::new(KeyLimits {
            rate: Some(rate),
            connections: Some(u32::from(!has(Fault::NoPlace))),
            quotas: QUOTAS,
            ..KeyLimits::default()
        }),
        rare: RareFields { ips: Networks::new([IpAddr::from(address).into()]).ok(), ..RareFields::default() }.into(),
        ..testing::publishable("key", TEXT, &[LISTED])
    }
}

fn ask(has: &impl Fn(Fault) -> bool) -> Ask {
    let mut ask = Ask::get(if has(Fault::NoRoute) { "/nowhere" } else { "/stream" }).websocket();
    ask = match () {
        () if has(Fault::NoChannel) => ask,
        () if has(Fault::TwoChannels) => ask.query("channel=a&channel=b"),
        () if has(Fault::NotAChannel) => ask.query("channel=%00"),
        () => ask.query("channel=a"),
    };
    let text = match (has(Fault::Mistyped), has(Fault::Unknown)) {
        (true, _) => MISTYPED,
        (_, true) => "nobody",
        _ => TEXT,
    };
    if has(Fault::TwoKeys) {
        ask = ask.key(text);
    }
    ask = match () {
        () if has(Fault::NoKey) => ask,
        () if has(Fault::SecretInQuery) => ask.query(&format!("key={text}")),
        () if has(Fault::InTheClear) => ask.in_the_clear().basic(&format!("{text}:")),
        () if has(Fault::InCookie) => ask.header("Cookie", &format!("token={text}")),
        () => ask.key(text),
    };
    if has(Fault::SecretInBrowser) {
        ask = ask.header("Sec-Fetch-Site", "cross-site");
    }
    match (has(Fault::NoOrigin), has(Fault::UnlistedOrigin)) {
        (true, _) => ask,
        (_, true) => ask.origin(UNLISTED),
        _ => ask.origin(LISTED),
    }
}
