//! Keys and policies for tests and benches, with everything that a test does not name at its plainest.

use std::sync::Arc;

use super::{
    capability::{Capabilities, Operation, Operations, Pattern, Right},
    channel::ChannelSource,
    credential::{Digester, Environment, Kind, Locations, StoredDigest},
    keys::{BrowserRule, KeyLimits, KeyRecord, PreviousDigest, Rare, RareFields, State, Thin},
    limit::StreamLimits,
    origin::OriginPattern,
    peer::Networks,
    policy::{Demand, Mode, PathPattern, Policy, Route},
};

/// The plain digest of `text`.
#[must_use]
pub fn digest(text: &str) -> StoredDigest {
    StoredDigest { pepper: None, digest: Digester::Sha256.digest(text) }
}

/// These operations on every channel.
#[must_use]
pub fn on_every_channel(operations: Operations) -> Arc<Capabilities> {
    Arc::new(Capabilities::on_every_channel(operations))
}

/// Capabilities as a key file has them, but that `admin` and `keygate:keys` may stand anywhere. Panics on what is no pattern or no right.
#[must_use]
#[expect(clippy::expect_used, reason = "tests write their capabilities down")]
pub fn capable(entries: &[(&str, &[&str])]) -> Arc<Capabilities> {
    let (mut admin, mut keys) = (Vec::new(), false);
    let mut operations = |names: &[&str]| {
        names.iter().fold(Operations::NONE, |held, name| match Right::parse(name).expect("a right") {
            Right::Operation(operation) => held.with(operation),
            Right::Every => Operations::ALL,
            Right::Admin(right) => {
                admin.push(right);
                held
            }
            Right::Keys => {
                keys = true;
                held
            }
        })
    };
    let entries: Vec<_> =
        entries.iter().map(|(text, names)| (Pattern::parse(text).expect("a pattern"), operations(names))).collect();
    let made = Capabilities::new(entries, admin.into_iter().collect());
    Arc::new(if keys { made.with_keys() } else { made })
}

/// A live secret key that may do everything, without limits.
#[must_use]
pub fn secret(id: &str, text: &str) -> KeyRecord {
    KeyRecord {
        id: id.into(),
        app: "app".into(),
        kind: Kind::Secret,
        environment: Environment::Live,
        state: State::Active,
        capabilities: Arc::new(Capabilities::everything()),
        missing_origin: false,
        expires_at_ms: i64::MAX,
        origins: Thin::default(),
        limits: Arc::new(KeyLimits::default()),
        digest: digest(text),
        rare: Rare::default(),
        usage: Arc::default(),
    }
}

/// What a key has whose secret was rotated, and nothing else that is rare.
#[must_use]
pub fn rotated(previous: impl Into<Box<[PreviousDigest]>>) -> Rare {
    RareFields { previous: previous.into(), ..RareFields::default() }.into()
}

/// What a key has that says this of browsers, and nothing else that is rare.
#[must_use]
pub fn in_browsers(browser: BrowserRule) -> Rare {
    RareFields { browser, ..RareFields::default() }.into()
}

/// A live publishable key that may subscribe from `origins`.
#[must_use]
pub fn publishable(id: &str, text: &str, origins: &[&str]) -> KeyRecord {
    KeyRecord {
        kind: Kind::Publishable,
        capabilities: on_every_channel(Operations::NONE.with(Operation::Subscribe)),
        origins: origins.iter().filter_map(|text| OriginPattern::parse(text).ok()).collect(),
        ..secret(id, text)
    }
}

/// A route of any host and method. Panics on a pattern that is none.
#[must_use]
#[expect(clippy::expect_used, reason = "tests write their patterns down")]
pub fn route(name: &str, path: &str, demand: Demand) -> Route {
    Route {
        name: name.into(),
        host: None,
        path: PathPattern::parse(path).expect("a path pattern"),
        methods: Box::default(),
        demand,
        enforced_inside: false,
        one_way: false,
        channel: ChannelSource::Unnamed,
        mode: None,
    }
}

/// A policy of these routes that lets live keys in.
#[must_use]
pub fn policy(routes: impl IntoIterator<Item = Route>) -> Policy {
    Policy {
        environments: vec![Environment::Live],
        locations: Locations { bearer: true, query: ["key".into()].into(), ..Locations::default() },
        routes: routes.into_iter().map(Arc::new).collect(),
        mode: Mode::Enforce,
        peer_refusals: None,
        streams: StreamLimits::default(),
        trusted_proxies: Networks::default(),
    }
}
