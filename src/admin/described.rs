//! A request as somebody describes it, to be told what the gate would say to it.

use serde::{Deserialize, Deserializer, de::Error as _};

use super::FieldProblem;
use crate::gate::{peer::PeerAddress, request::is_tchar};

/// A request. It may hold the text of a key in several places, and so does not print.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Described {
    /// `GET`.
    pub method: String,
    /// The path, and behind `?` a query if there is one.
    pub target: String,
    /// The page that it comes from.
    #[serde(default)]
    pub origin: Option<String>,
    /// The address that connects: the client's, or that of a proxy, which names the client in a header.
    #[serde(default = "this_machine", deserialize_with = "peer")]
    pub peer: PeerAddress,
    /// The host that is asked.
    #[serde(default = "localhost")]
    pub host: String,
    /// More headers.
    #[serde(default)]
    pub headers: Vec<DescribedHeader>,
    /// The body, JSON as text, for routes that look for channels in it.
    #[serde(default)]
    pub body: Option<String>,
    /// Whether it is a WebSocket handshake.
    #[serde(default)]
    pub websocket: bool,
    /// Whether it is for server-sent events.
    #[serde(default)]
    pub sse: bool,
    /// Whether its connection is encrypted up to the gate.
    #[serde(default)]
    pub secure: bool,
    /// The text of its key, for the first header that the configuration takes keys in.
    #[serde(default)]
    pub key: Option<String>,
    /// The id of its key, instead of a text: for whoever manages keys and has only that.
    #[serde(default)]
    pub key_id: Option<String>,
}

/// One of its headers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DescribedHeader {
    /// `X-Forwarded-For`.
    pub name: String,
    /// Without white space around it.
    pub value: String,
}

/// The longest method and the longest target, in bytes, and the most headers: as the gate's listeners read them.
const MAX_METHOD: usize = 24;
const MAX_TARGET: usize = 8 * 1024;
const MAX_HEADERS: usize = 64;

impl Described {
    /// What no head can say, so that there is nothing to explain; of values, none is repeated.
    #[must_use]
    pub fn problems(&self) -> Vec<FieldProblem> {
        let (mut problems, visible) = (Vec::new(), |text: &str| text.bytes().all(|b| b.is_ascii_graphic()));
        let name = |text: &str| !text.is_empty() && text.bytes().all(is_tchar);
        let value = |text: &str| text.bytes().all(|b| matches!(b, b'\t' | b' '..=b'~'));
        let mut hold = |holds: bool, path: String, message: &str| {
            if !holds {
                problems.push(FieldProblem { path, message: message.to_owned() });
            }
        };
        let no_value = "must be printable ASCII";
        hold(name(&self.method) && self.method.len() <= MAX_METHOD, "method".to_owned(), "must be a method, such as `GET`");
        let is_target = visible(&self.target) && (1..=MAX_TARGET).contains(&self.target.len());
        hold(is_target, "target".to_owned(), "must be a path and a query, of visible ASCII: `/chat?room=1`");
        hold(value(&self.host), "host".to_owned(), no_value);
        for (path, text) in [("origin", &self.origin), ("key", &self.key)] {
            hold(text.as_deref().is_none_or(value), path.to_owned(), no_value);
        }
        hold(self.headers.len() <= MAX_HEADERS, "headers".to_owned(), "must be at most 64");
        for (at, header) in self.headers.iter().enumerate() {
            hold(name(&header.name), format!("headers[{at}].name"), "must be the name of a header, such as `X-Forwarded-For`");
            hold(value(&header.value), format!("headers[{at}].value"), no_value);
        }
        hold(self.key.is_none() || self.key_id.is_none(), "key_id".to_owned(), "has no place beside `key`");
        problems
    }
}

fn peer<'de, D: Deserializer<'de>>(said: D) -> Result<PeerAddress, D::Error> {
    let said = String::deserialize(said)?;
    said.parse().map_err(|_| D::Error::custom("must be an address, such as `203.0.113.7`, or `unix`"))
}

const fn this_machine() -> PeerAddress {
    PeerAddress::Ip(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST))
}

fn localhost() -> String {
    "localhost".to_owned()
}
