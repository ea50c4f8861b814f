//! Requests and gates in the words of these tests.

use std::{net::IpAddr, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keygate::gate::{
    Admitted, Gate,
    blocks::{Block, Blocks, Target},
    denial::Denial,
    keys::{KeyRecord, KeySet, KeySetBuilder},
    limit::{Places, Quota},
    peer::PeerAddress,
    permit::{Permit, Refusal},
    policy::Policy,
    request::{Header, RequestHead},
    time::Timestamp,
};

/// The moment of every decision that does not say otherwise.
pub(crate) const NOW: Timestamp = Timestamp { unix_ms: 1_000_000, ticks_ns: 1_000_000 };
pub(crate) const PEER: [u8; 4] = [192, 0, 2, 1];
/// A secure request's own origin is `https://app.test`.
pub(crate) const HOST: &str = "app.test";
pub(crate) const LISTED: &str = "https://app.test";
pub(crate) const UNLISTED: &str = "https://evil.test";

/// A request being described.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: &'static str,
    target: String,
    headers: Vec<(&'static str, String)>,
    peer: PeerAddress,
    secure: bool,
    body: String,
}

impl Ask {
    pub(crate) fn new(method: &'static str, target: &str) -> Self {
        Self {
            method,
            target: target.to_owned(),
            headers: vec![("Host", HOST.to_owned())],
            peer: PEER.into(),
            secure: true,
            body: String::new(),
        }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn host(mut self, host: &str) -> Self {
        self.headers[0].1 = host.to_owned();
        self
    }

    pub(crate) fn query(mut self, pair: &str) -> Self {
        self.target.push(if self.target.contains('?') { '&' } else { '?' });
        self.target.push_str(pair);
        self
    }

    pub(crate) fn from(mut self, peer: impl Into<IpAddr>) -> Self {
        self.peer = peer.into().into();
        self
    }

    pub(crate) fn body(mut self, text: &str) -> Self {
        self.body = text.to_owned();
        self
    }

    /// Over a connection that others can read along.
    pub(crate) fn in_the_clear(mut self) -> Self {
        self.secure = false;
        self
    }

    pub(crate) fn basic(self, text: &str) -> Self {
        self.header("Authorization", &format!("Basic {}", STANDARD.encode(text)))
    }

    pub(crate) fn key(self, text: &str) -> Self {
        self.header("X-Api-Key", text)
    }

    pub(crate) fn origin(self, origin: &str) -> Self {
        self.header("Origin", origin)
    }

    pub(crate) fn websocket(self) -> Self {
        self.header("Upgrade", "websocket")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    pub(crate) fn event_stream(self) -> Self {
        self.header("Accept", "text/event-stream")
    }

    /// Shows the request's head to `see`, as the edge would.
    pub(crate) fn with_head<T>(&self, see: impl FnOnce(&RequestHead<'_>) -> T) -> T {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect();
        see(&RequestHead::new(self.method, &self.target, &headers, self.peer, self.secure).expect("a head with one reading"))
    }

    pub(crate) fn at(&self, gate: &Gate, now: Timestamp) -> Result<Permit, Refusal> {
        match self.with_head(|head| gate.admit(head, now))? {
            Admitted::Permit(permit) => Ok(permit),
            Admitted::NeedBody(need) => gate.finish(need, self.body.as_bytes(), now),
        }
    }

    /// The outcome alone: what a permit held is given back.
    pub(crate) fn outcome(&self, gate: &Gate) -> Result<(), Denial> {
        self.at(gate, NOW).map(drop).map_err(|refusal| refusal.denial)
    }
}

/// A gate with this policy and these keys.
pub(crate) fn gate(policy: Policy, records: impl IntoIterator<Item = KeyRecord>) -> Gate {
    let gate = Gate::new(policy.clone());
    gate.publish(Arc::new(policy), Arc::new(set(records)));
    gate
}

/// The key of a gate that has one.
pub(crate) fn key_of(gate: &Gate) -> Arc<KeyRecord> {
    let snapshot = gate.snapshot();
    let keys = snapshot.keys.as_ref().expect("keys");
    Arc::clone(keys.records().next().expect("a key"))
}

pub(crate) fn set(records: impl IntoIterator<Item = KeyRecord>) -> KeySet {
    let mut builder = KeySetBuilder::default();
    for record in records {
        builder.add(record);
    }
    builder.build().expect("a key set")
}

/// A block since [`NOW`].
pub(crate) fn block(target: &Target, until_ms: i64) -> Block {
    Block { target: target.clone(), since_ms: NOW.unix_ms, until_ms, reason: "".into() }
}

pub(crate) fn blocks(blocks: impl IntoIterator<Item = Block>) -> Arc<Blocks> {
    Arc::new(Blocks::new(blocks).expect("not too many"))
}

/// `burst` at once and then no more within a test.
pub(crate) fn at_once(burst: u32) -> Quota {
    Quota::new(1, 3600, burst).expect("a quota")
}

/// Places that the key's streams hold.
pub(crate) fn places(key: &KeyRecord) -> u32 {
    AsRef::<Places>::as_ref(&*key.usage).taken()
}
