//! The head that the backend sees: the client's, without what belongs to Keygate or to the connection, with who sent it.
//!
//! Made before pingora or a tunnel sees anything, so that neither ever holds a credential.

use std::net::IpAddr;

use super::{exchange::RequestId, forwarding::SetHeaders};
use crate::gate::{
    credential::Locations,
    permit::Permit,
    request::{RequestHead, Transport, same_when_folded},
};

/// A name of the DNS (RFC 1035 section 2.3.4), a colon and a port.
const MAX_HOST_BYTES: usize = 255 + 6;

/// What is said of a client that has no address: the word of RFC 7239 section 6.2, which others write into this header as well.
const NOBODY_KNOWN: &[u8] = b"unknown";

/// How the connection to the backend goes on after the answer, which the head must say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// pingora decides: the client's wish is passed to it, in the client's version of HTTP.
    Client { minor_version: u8, close: bool },
    /// It becomes a WebSocket.
    Upgrade,
    /// It ends.
    Close,
}

/// What the gate puts in place of the client's own.
#[derive(Clone, Copy)]
pub struct Own<'o> {
    /// The path.
    pub path: &'o str,
    /// The headers that the route sets. Left out where pingora is to parse the head, which may print heads: it is given them marked
    /// as secret.
    pub headers: &'o SetHeaders,
    /// The length of a body that was read already, and goes on in one piece however it came.
    pub read: Option<usize>,
}

/// Writes the head.
#[must_use]
pub fn upstream_head(head: &RequestHead<'_>, own: Own<'_>, permit: &Permit, id: &RequestId, after: After) -> Vec<u8> {
    let Own { path, headers: set, read } = own;
    let locations = permit.locations();
    let mut out = Out(Vec::with_capacity(1024));
    out.request_line(head, path, locations, after);
    for header in head.headers {
        if is_dropped(header.name)
            || read.is_some() && is_framing(header.name)
            || locations.owns_header(header.name, header.value)
            || set.replaces(header.name)
        {
            continue;
        }
        if header.name.eq_ignore_ascii_case("cookie") {
            locations.strip_cookies(header.value).iter().for_each(|kept| out.header(header.name, kept));
        } else {
            out.header(header.name, header.value);
        }
    }
    if let Some(length) = read {
        out.header("Content-Length", length.to_string().as_bytes());
    }
    match after {
        After::Client { close: true, minor_version: 1 } | After::Close => out.header("Connection", b"close"),
        After::Client { close: false, minor_version: 0 } => out.header("Connection", b"keep-alive"),
        After::Client { .. } => {}
        After::Upgrade => {
            out.header("Connection", b"Upgrade");
            out.header("Upgrade", b"websocket");
        }
    }
    if head.transport == Transport::WebSocket {
        let protocols: Vec<_> = locations.strip_protocols(head).collect();
        if !protocols.is_empty() {
            out.header("Sec-WebSocket-Protocol", &protocols.join(&b", "[..]));
        }
    }
    out.identity(permit, id);
    out.forwarded(head);
    if !matches!(after, After::Client { .. }) {
        for (name, value) in set.iter() {
            out.header(name, value.as_bytes());
        }
    }
    out.0.extend_from_slice(b"\r\n");
    out.0
}

/// What tells where a body ends.
fn is_framing(name: &str) -> bool {
    name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding")
}

/// Headers of the client that never go on: those of the connection (RFC 9110 section 7.6.1), `Expect`, which the gate has answered, and
/// those that we set.
fn is_dropped(name: &str) -> bool {
    let hop = match name.len() {
        2 => name.eq_ignore_ascii_case("te"),
        6 => name.eq_ignore_ascii_case("expect"),
        7 => name.eq_ignore_ascii_case("upgrade") || name.eq_ignore_ascii_case("trailer"),
        10 => name.eq_ignore_ascii_case("connection") || name.eq_ignore_ascii_case("keep-alive"),
        14 => name.eq_ignore_ascii_case("http2-settings"),
        16 => name.eq_ignore_ascii_case("proxy-connection"),
        19 => name.eq_ignore_ascii_case("proxy-authorization"),
        22 => name.eq_ignore_ascii_case("sec-websocket-protocol"),
        _ => false,
    };
    hop || folds_to_reserved(name)
}

/// Names that a backend might take for one of ours or for one that decides.
#[must_use]
pub fn folds_to_reserved(name: &str) -> bool {
    const OURS: &str = "x-keygate-";
    const SET_BY_US: [&str; 8] = [
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "forwarded",
        "x-real-ip",
        "x-request-id",
    ];
    // By these, many frameworks take another method or path for the request's than its route was found by (Rack and Symfony, in Rails
    // and Laravel by default; CVE-2018-14773 of the paths).
    const OVERRIDES: [&str; 5] =
        ["x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"];
    const DECISIVE: [&str; 14] = [
        "host",
        "origin",
        "authorization",
        "cookie",
        "connection",
        "upgrade",
        "content-length",
        "content-type",
        "content-encoding",
        "transfer-encoding",
        "x-api-key",
        "sec-websocket-key",
        "sec-websocket-protocol",
        "sec-fetch-site",
    ];
    let same = |reserved: &str| same_when_folded(name, reserved);
    let is_alias = name.bytes().any(|b| matches!(b, b'_' | b'.'));
    name.get(..OURS.len()).is_some_and(|start| same_when_folded(start, OURS))
        || SET_BY_US.into_iter().chain(OVERRIDES).any(same)
        || is_alias && DECISIVE.into_iter().any(same)
}

struct Out(Vec<u8>);

impl Out {
    fn request_line(&mut self, head: &RequestHead<'_>, path: &str, locations: &Locations, after: After) {
        self.0.extend_from_slice(head.method.as_bytes());
        self.0.push(b' ');
        self.0.extend_from_slice(path.as_bytes());
        if let Some(query) = locations.strip_query(head.query) {
            self.0.push(b'?');
            self.0.extend_from_slice(query.as_bytes());
        }
        let is_old = matches!(after, After::Client { minor_version: 0, .. });
        self.0.extend_from_slice(if is_old { b" HTTP/1.0\r\n" } else { b" HTTP/1.1\r\n" });
    }

    fn header(&mut self, name: &str, value: &[u8]) {
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b": ");
        self.0.extend_from_slice(value);
        self.0.extend_from_slice(b"\r\n");
    }

    /// An IPv4 address (RFC 3986 section 3.2.2), which every request has one of: `Display` takes as long as the rest of a short head.
    fn dotted(&mut self, octets: [u8; 4]) {
        for (at, octet) in octets.into_iter().enumerate() {
            if at > 0 {
                self.0.push(b'.');
            }
            if octet >= 100 {
                self.0.push(b'0' + octet / 100);
            }
            if octet >= 10 {
                self.0.push(b'0' + octet / 10 % 10);
            }
            self.0.push(b'0' + octet % 10);
        }
    }

    fn identity(&mut self, permit: &Permit, id: &RequestId) {
        if let Some(key) = permit.key() {
            self.header("X-Keygate-App", key.app.as_bytes());
            self.header("X-Keygate-Key-Id", key.id.as_bytes());
            self.header("X-Keygate-Kind", key.kind.name().as_bytes());
            self.header("X-Keygate-Environment", key.environment.name().as_bytes());
            self.header("X-Keygate-Capability", key.capabilities.canonical().as_bytes());
        }
        self.header("X-Keygate-Request-Id", id.as_str().as_bytes());
    }

    /// What is known of the client's side. Behind trusted proxies these are the hops that were believed, and no claim of anybody
    /// farther away, which a backend that takes the left-most would believe.
    fn forwarded(&mut self, head: &RequestHead<'_>) {
        let addresses = head.chain.addresses(head.headers);
        self.0.extend_from_slice(b"X-Forwarded-For: ");
        for (at, address) in addresses.iter().enumerate() {
            self.0.extend_from_slice(if at == 0 { b"" } else { b", " });
            match address {
                IpAddr::V4(address) => self.dotted(address.octets()),
                IpAddr::V6(address) => self.0.extend_from_slice(address.to_string().as_bytes()),
            }
        }
        if addresses.is_empty() {
            // Without the header a backend would take the gate's own address, often loopback, for the client's.
            self.0.extend_from_slice(NOBODY_KNOWN);
        }
        self.0.extend_from_slice(b"\r\n");
        self.header("X-Forwarded-Proto", if head.secure { b"https" } else { b"http" });
        if let Some(host) = forwarded_host(head).or(head.host.map(str::as_bytes)) {
            self.header("X-Forwarded-Host", host);
        }
    }
}

/// The host that a client asked a trusted proxy for, if it says so once and it can be one.
fn forwarded_host<'h>(head: &'h RequestHead<'_>) -> Option<&'h [u8]> {
    let is_host = |value: &&[u8]| {
        let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':' | b'[' | b']');
        (1..=MAX_HOST_BYTES).contains(&value.len()) && value.iter().all(plain)
    };
    let mut values = head.values("x-forwarded-host").filter(|_| head.chain.is_proxied());
    values.next().filter(is_host).filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests;
