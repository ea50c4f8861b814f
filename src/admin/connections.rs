//! Live connections over the control socket: what is looked for, and what is told of them.
//!
//! Knows how that is written in a query and in JSON; which connections there are is for [`Governed`] to say.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Governed;
use crate::gate::{
    blocks::Target,
    credential::{AdminToken, KeyShape, shape},
    peer::PeerAddress,
    request::Transport,
};

/// The largest number that is taken: what a JSON number holds everywhere without loss (RFC 8259 section 6).
pub const MAX_NUMBER: u64 = (1 << 53) - 1;
/// The most connections, or groups of them, that one answer tells of: what the gate keeps for an answer does not grow with what is
/// open.
pub const MAX_PAGE: usize = 1000;

/// Which connections. Everything that is said must be so; nothing said is all.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The one with this id.
    pub id: Option<u64>,
    /// Those of the key with this id.
    pub key: Option<Box<str>>,
    /// Those of keys of this app.
    pub app: Option<Box<str>>,
    /// Those of this kind.
    pub transport: Option<Transport>,
    /// Those whose client is in this network.
    pub peer: Option<IpNet>,
    /// Those that were opened at least so long ago.
    pub older_than: Option<Duration>,
    /// Only those whose key has another secret by now, and which end when the grace period of theirs does.
    pub earlier_secret: bool,
}

/// A page of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Listing {
    /// Of which connections.
    pub filter: Filter,
    /// The id that it begins after: 0, or the `next` of the page before.
    pub after: u64,
    /// The most that it holds, from 1 to [`MAX_PAGE`].
    pub limit: usize,
}

/// What connections are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The id of their key.
    Key,
    /// The app of their key.
    App,
    /// The address of their client.
    Peer,
}

/// A list of groups, those with the most connections first.
#[derive(Debug, PartialEq, Eq)]
pub struct Grouping {
    /// Of which connections.
    pub filter: Filter,
    /// Counted by what.
    pub by: By,
    /// The most groups that it holds, from 1 to [`MAX_PAGE`].
    pub limit: usize,
}

/// Live connections.
#[derive(Debug, Serialize, Deserialize)]
pub struct Connections {
    /// All client connections, idle ones included.
    pub clients: u32,
    /// All streams and exchanges under way.
    pub total: usize,
    /// Those of them that were looked for, on this page or not.
    pub matching: usize,
    /// Those on this page, in the order in which they came.
    pub connections: Vec<Connection>,
    /// What the next page comes after; `None` where this is the last.
    pub next: Option<u64>,
}

/// One stream, or one exchange under way.
#[derive(Debug, Serialize, Deserialize)]
pub struct Connection {
    /// No other of this process has or had it, and those that came later have higher ones.
    pub id: u64,
    /// `None` where no key was asked for.
    pub key_id: Option<String>,
    pub app: Option<String>,
    pub transport: String,
    /// Whether its key has another secret by now: it ends when the grace period of its own does.
    pub earlier_secret: bool,
    /// The route that let it in; `None` of an exchange.
    pub route: Option<String>,
    pub peer: String,
    /// Seconds since it was opened.
    pub age_seconds: i64,
    /// Seconds since something flowed in it; `None` of an exchange.
    pub idle_seconds: Option<i64>,
    /// Bytes from the client; `None` of an exchange, as all counts that follow.
    pub received_bytes: Option<u64>,
    /// Bytes to the client.
    pub sent_bytes: Option<u64>,
    /// Messages from the client; `None` of all but WebSockets.
    pub received_messages: Option<u64>,
    /// Messages to the client; `None` of all but WebSockets.
    pub sent_messages: Option<u64>,
}

/// Live connections, counted.
#[derive(Debug, Serialize, Deserialize)]
pub struct Groups {
    /// All client connections, idle ones included.
    pub clients: u32,
    /// All streams and exchanges under way.
    pub total: usize,
    /// Those of them that were looked for.
    pub matching: usize,
    /// Those with the most connections first; of as many, those with the most bytes.
    pub groups: Vec<Group>,
    /// How many groups more there are.
    pub left_off: usize,
}

/// The connections that have one thing in common.
#[derive(Debug, Serialize, Deserialize)]
pub struct Group {
    /// What they have in common; `None` is no key.
    pub name: Option<String>,
    /// How many they are.
    pub connections: usize,
    /// Bytes from their clients, of streams.
    pub received_bytes: u64,
    /// Bytes to their clients, of streams.
    pub sent_bytes: u64,
    /// Seconds since the first of them was opened.
    pub oldest_seconds: i64,
}

/// The query of `GET /connections`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    key: Option<String>,
    app: Option<String>,
    transport: Option<String>,
    peer: Option<String>,
    older_than_ms: Option<u64>,
    #[serde(default)]
    earlier_secret: bool,
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
    by: Option<String>,
}

/// `GET /connections`.
pub(super) async fn connections(
    State(gate): State<Arc<dyn Governed>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> (StatusCode, Json<Value>) {
    match asked.map_err(|error| error.body_text()).and_then(|Query(asked)| told(&*gate, asked)) {
        Ok(answer) => (StatusCode::OK, Json(answer)),
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": error }))),
    }
}

pub(super) fn told(gate: &dyn Governed, asked: Asked) -> Result<Value, String> {
    let limit = asked.limit.unwrap_or(MAX_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(format!("limit: must be from 1 to {MAX_PAGE}"));
    }
    for (name, number) in [("after", Some(asked.after)), ("older_than_ms", asked.older_than_ms)] {
        if number.is_some_and(|number| number > MAX_NUMBER) {
            return Err(format!("{name}: must be at most {MAX_NUMBER}"));
        }
    }
    let after = asked.after;
    let by = asked.by.as_deref().map(By::parse).transpose()?;
    let filter = asked.filter()?;
    match by {
        Some(_) if after > 0 => Err("by: groups have no pages; leave out `after`".to_owned()),
        Some(by) => gate.grouped_connections(&Grouping { filter, by, limit }).map(|groups| json!(groups)),
        None => gate.connections(&Listing { filter, after, limit }).map(|list| json!(list)),
    }
}

impl Asked {
    fn filter(self) -> Result<Filter, String> {
        let transport = self.transport.as_deref().map(transport).transpose()?;
        Ok(Filter {
            id: None,
            key: self.key.map(|text| word("key", &text)).transpose()?,
            app: self.app.map(|text| word("app", &text)).transpose()?,
            transport,
            peer: self.peer.as_deref().map(network).transpose()?,
            older_than: self.older_than_ms.map(Duration::from_millis),
            earlier_secret: self.earlier_secret,
        })
    }
}

impl By {
    /// Reads `key`, `app` or `peer`.
    ///
    /// # Errors
    /// That it is something else.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "key" => Ok(Self::Key),
            "app" => Ok(Self::App),
            "peer" => Ok(Self::Peer),
            _ => Err("by: must be `key`, `app` or `peer`".to_owned()),
        }
    }
}

impl Filter {
    /// Whether `address` is one of those looked for.
    #[must_use]
    pub fn takes_peer(&self, address: PeerAddress) -> bool {
        self.peer.is_none_or(|network| address.to_canonical().ip().is_some_and(|ip| network.contains(&ip)))
    }
}

/// The id of a key, or the name of an app, as the key file has them.
///
/// # Errors
/// What is wrong with it, without repeating it: somebody may have taken the text of a key for its id.
pub fn word(field: &str, text: &str) -> Result<Box<str>, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    match text.len() {
        1..=64 if shape(text) != KeyShape::Foreign => Err(format!("{field}: is the text of a key; a key is named by its id")),
        1..=64 if AdminToken::parse(text).is_some() => Err(format!("{field}: is an operator's token; a key is named by its id")),
        1..=64 if text.bytes().all(plain) => Ok(text.into()),
        _ => Err(format!("{field}: must be 1 to 64 of A-Z, a-z, 0-9, `_` and `-`")),
    }
}

/// As `keygate block --ip` reads it: an IPv6 address alone stands for its /64.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    match Target::network(text) {
        Ok(Target::Network(network)) => Ok(network.trunc()),
        Ok(Target::Key(_)) => Err("peer: must be an address or a network".to_owned()),
        Err(error) => Err(format!("peer: {error}")),
    }
}

/// A kind by its name.
pub(super) fn transport(text: &str) -> Result<Transport, String> {
    let known = Transport::ALL.into_iter().find(|transport| transport.name() == text);
    known.ok_or_else(|| "transport: must be `websocket`, `sse` or `http`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(asked: Asked) -> Result<Filter, String> {
        asked.filter()
    }

    #[test]
    fn everything_that_can_be_asked_is_understood() {
        let some = |text: &str| Some(text.to_owned());
        let asked = Asked {
            key: some("web"),
            app: some("shop"),
            transport: some("sse"),
            peer: some("10.1.2.3/8"),
            older_than_ms: Some(1500),
            earlier_secret: true,
            ..Asked::default()
        };
        let filter = Filter {
            id: None,
            key: Some("web".into()),
            app: Some("shop".into()),
            transport: Some(Transport::EventStream),
            peer: Some("10.0.0.0/8".parse().unwrap()),
            older_than: Some(Duration::from_millis(1500)),
            earlier_secret: true,
        };
        assert_eq!(of(asked), Ok(filter));
        assert_eq!(of(Asked::default()), Ok(Filter::default()));
    }

    #[test]
    fn what_cannot_be_meant_is_told_and_not_repeated() {
        let some = |text: &str| Some(text.to_owned());
        for (asked, told) in [
            (Asked { key: some(""), ..Asked::default() }, "key: must be"),
            (Asked { key: some("a key"), ..Asked::default() }, "key: must be"),
            (Asked { app: some(&"a".repeat(65)), ..Asked::default() }, "app: must be"),
            (Asked { transport: some("WebSocket"), ..Asked::default() }, "transport: must be"),
            (Asked { peer: some("10.0.0.0/33"), ..Asked::default() }, "peer: must be an IP address"),
            (Asked { peer: some("localhost"), ..Asked::default() }, "peer: must be an IP address"),
        ] {
            let error = of(asked).unwrap_err();
            assert!(error.starts_with(told), "{error}");
        }
        assert!(By::parse("Key").is_err());
    }

    #[test]
    fn addresses_are_compared_as_the_same_however_they_are_written() {
        let filter = |text| Filter { peer: Some(network(text).unwrap()), ..Filter::default() };
        for (text, address, is_in) in [
            ("192.0.2.0/24", "::ffff:192.0.2.9", true),
            ("::ffff:192.0.2.9", "192.0.2.9", true),
            ("192.0.2.9", "192.0.2.8", false),
            ("2001:db8::1", "2001:db8::2", true),
            ("2001:db8::1/128", "2001:db8::2", false),
            ("0.0.0.0/0", "2001:db8::2", false),
        ] {
            assert_eq!(filter(text).takes_peer(address.parse().unwrap()), is_in, "{address} in {text}");
        }
        assert!(Filter::default().takes_peer("192.0.2.1".parse().unwrap()));
    }
}
