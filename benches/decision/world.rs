//! A gate with everything on, as many keys as wanted, and a request as a browser sends it. Shared with `tests/decision_alloc.rs`.

use std::sync::Arc;

use keygate::gate::{
    Gate,
    capability::{Capabilities, Operation, Operations},
    credential::{Digester, Environment, Kind, Locations, Pepper, StoredDigest, compose},
    keys::{KeyLimits, KeyRecord, KeySetBuilder},
    limit::{Quota, Quotas},
    policy::{Demand, Policy, Route},
    request::{Header, RequestHead},
    testing,
    time::Timestamp,
};

pub(crate) const ORIGIN: &str = "https://app.example.com";
pub(crate) const PATH: &str = "/api/rooms/42?limit=50&order=desc";

/// A gate and the texts of its keys.
pub(crate) struct World {
    pub(crate) gate: Gate,
    pub(crate) texts: Vec<String>,
}

/// How the digests of a world are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Digests {
    Sha256,
    Hmac,
}

impl Digests {
    pub(crate) const ALL: [Self; 2] = [Self::Sha256, Self::Hmac];
}

impl World {
    /// A gate with `count` publishable keys.
    pub(crate) fn new(count: usize, digests: Digests) -> Self {
        Self::with_quotas(count, digests, Quotas::default())
    }

    /// The same, each of whose keys has these quotas.
    pub(crate) fn with_quotas(count: usize, digests: Digests, quotas: Quotas) -> Self {
        let texts = texts(count);
        let gate = Gate::new(policy());
        gate.publish(Arc::new(policy()), Arc::new(builder(&texts, digests, quotas).build().expect("a key set")));
        Self { gate, texts }
    }
}

/// The texts of `count` generated keys, always the same ones.
pub(crate) fn texts(count: usize) -> Vec<String> {
    let mut random = Random(42);
    let text = |_| compose(None, Kind::Publishable, Environment::Live, random.bytes()).expect("bytes without end");
    (0..count).map(text).collect()
}

/// Everything but the set: records as a key file gives them.
pub(crate) fn builder(texts: &[String], digests: Digests, quotas: Quotas) -> KeySetBuilder {
    let pepper = Arc::new(Pepper::new(&[7; 32]).expect("a pepper"));
    let pattern = testing::publishable("pattern", "pattern", &[ORIGIN, "https://*.example.org"]);
    let quota = Quota::new(1_000_000, 1, u32::MAX).expect("a quota");
    let limits = Arc::new(KeyLimits { rate: Some(quota), connections: Some(10_000), quotas, ..KeyLimits::default() });
    let capabilities = Arc::new(Capabilities::on_every_channel(Operations::ALL));
    let mut builder = KeySetBuilder::new((digests == Digests::Hmac).then(|| Arc::clone(&pepper)));
    for text in texts {
        let digest = match digests {
            Digests::Sha256 => testing::digest(text),
            Digests::Hmac => StoredDigest::parse(&Digester::Hmac(&pepper).stored(text)).expect("a digest"),
        };
        let record = KeyRecord {
            kind: Kind::Publishable,
            capabilities: Arc::clone(&capabilities),
            digest,
            app: pattern.app.clone(),
            origins: pattern.origins.clone(),
            limits: Arc::clone(&limits),
            ..testing::secret(&text[8..20], "")
        };
        builder.add(record);
    }
    builder
}

/// The headers of a browser's request, thirteen of them, with `key` in `x-api-key`, or without one.
pub(crate) fn headers(key: Option<&str>) -> [Header<'_>; 13] {
    let header = |name, value: &'static str| Header { name, value: value.as_bytes() };
    let key = Header { name: if key.is_some() { "x-api-key" } else { "x-no-key" }, value: key.unwrap_or("none").as_bytes() };
    [
        header("Host", "realtime.example.com"),
        header("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        header("Accept", "application/json"),
        header("Accept-Language", "en-US,en;q=0.5"),
        header("Accept-Encoding", "gzip, deflate, br, zstd"),
        header("Referer", "https://app.example.com/rooms/42"),
        header("Content-Type", "application/json"),
        key,
        header("Origin", ORIGIN),
        header("Connection", "keep-alive"),
        header("Sec-Fetch-Dest", "empty"),
        header("Sec-Fetch-Mode", "cors"),
        header("Sec-Fetch-Site", "cross-site"),
    ]
}

pub(crate) fn head<'a>(target: &'a str, headers: &'a [Header<'a>]) -> RequestHead<'a> {
    RequestHead::new("GET", target, headers, [192, 0, 2, 1].into(), true).expect("a head with one reading")
}

/// A moment, and the one after it: a microsecond apart, so that no limit is ever reached.
#[derive(Debug)]
pub(crate) struct Clock(u64);

impl Default for Clock {
    fn default() -> Self {
        Self(1_000_000_000)
    }
}

impl Clock {
    pub(crate) fn tick(&mut self) -> Timestamp {
        self.0 += 1_000;
        Timestamp { unix_ms: 1_800_000_000_000, ticks_ns: self.0 }
    }
}

pub(crate) fn policy() -> Policy {
    let route = |name, path, operation| testing::route(name, path, Demand::Operation(operation));
    Policy {
        locations: Locations {
            bearer: true,
            query: ["key".into(), "api_key".into(), "access_token".into()].into(),
            ..Locations::default()
        },
        peer_refusals: Some(Quota::new(1_000_000, 1, u32::MAX).expect("a quota")),
        ..testing::policy([
            Route { methods: ["POST".into()].into(), ..route("publish", "/realtime", Operation::Publish) },
            route("socket", "/connection/**", Operation::Subscribe),
            route("events", "/events/*", Operation::Subscribe),
            route("api", "/api/**", Operation::History),
        ])
    }
}

/// Quotas that no bench and no test uses up.
#[allow(dead_code, reason = "not every user of this file has keys with quotas")]
pub(crate) const QUOTAS: Quotas = Quotas { day: Some(u32::MAX), month: Some(u32::MAX) };

/// SplitMix64: enough to spread keys.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn bytes(&mut self) -> impl Iterator<Item = u8> {
        std::iter::repeat_with(|| self.word().to_le_bytes()).flatten()
    }
}
