//! A request as the gate sees it: a borrowed view of a head that was already found to have one reading only.
//!
//! Everything that later code branches on (is this a WebSocket? which host?) is decided once, here, so that no two places can
//! decide it differently.

use std::net::IpAddr;

use base64::Engine as _;

pub use httparse::Header;

use super::origin::Claimed;

/// How the answer will flow, which decides the way a permitted request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// One answer.
    Http,
    /// A WebSocket handshake, complete by RFC 6455 section 4.1.
    WebSocket,
    /// A `GET` without a body that accepts `text/event-stream`.
    EventStream,
}

impl Transport {
    /// All transports, in label order.
    pub const ALL: [Self; 3] = [Self::Http, Self::WebSocket, Self::EventStream];

    /// The metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::WebSocket => "websocket",
            Self::EventStream => "sse",
        }
    }

    /// Whether it stays open for as long as both sides like.
    #[must_use]
    pub const fn is_stream(self) -> bool {
        matches!(self, Self::WebSocket | Self::EventStream)
    }
}

/// A request's head.
#[derive(Clone, Debug)]
pub struct RequestHead<'a> {
    /// The method, as sent.
    pub method: &'a str,
    /// The target's path, as sent; checked by [`check_path`].
    pub path: &'a str,
    /// What follows `?`, as sent.
    pub query: Option<&'a str>,
    /// All headers, in order.
    pub headers: &'a [Header<'a>],
    /// The client's address.
    pub peer: IpAddr,
    /// Whether the client's connection is encrypted.
    pub secure: bool,
    /// How the answer will flow.
    pub transport: Transport,
    /// `Host`, without surrounding white space.
    pub host: Option<&'a str>,
    /// `Origin`.
    pub origin: Option<Claimed<'a>>,
    /// `Authorization`.
    pub authorization: Option<&'a [u8]>,
    /// `Sec-Fetch-Site`, which only browsers send.
    pub fetch_site: Option<&'a [u8]>,
    /// Whether `User-Agent` is a browser's.
    pub browser_agent: bool,
}

/// A rule of [`RequestHead::new`] that a head breaks; the text is for the log.
pub type Rule = &'static str;

impl<'a> RequestHead<'a> {
    /// Views a head.
    ///
    /// # Errors
    /// The rule that the head breaks: a singleton sent twice, an ambiguous path, a half WebSocket handshake.
    pub fn new(method: &'a str, target: &'a str, headers: &'a [Header<'a>], peer: IpAddr, secure: bool) -> Result<Self, Rule> {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        check_path(path)?;
        check_query(query.unwrap_or_default())?;
        let mut upgrade = Handshake::default();
        let mut head = Self {
            method,
            path,
            query,
            headers,
            peer,
            secure,
            transport: Transport::Http,
            host: None,
            origin: None,
            authorization: None,
            fetch_site: None,
            browser_agent: false,
        };
        let mut accepts_events = false;
        for Header { name, value } in headers {
            match name.len() {
                4 if name.eq_ignore_ascii_case("host") => {
                    let text = std::str::from_utf8(value).map_err(|_| "Host is not text")?;
                    only(&mut head.host, text, "two Host headers")?;
                }
                6 if name.eq_ignore_ascii_case("origin") => {
                    only(&mut head.origin, Claimed::parse(value), "two Origin headers")?;
                }
                6 if name.eq_ignore_ascii_case("accept") => accepts_events |= accepts_event_stream(value),
                13 if name.eq_ignore_ascii_case("authorization") => {
                    only(&mut head.authorization, *value, "two Authorization headers")?;
                }
                14 if name.eq_ignore_ascii_case("sec-fetch-site") => head.fetch_site = Some(value),
                10 if name.eq_ignore_ascii_case("user-agent") => head.browser_agent |= value.starts_with(b"Mozilla/"),
                _ => upgrade.note(name, value)?,
            }
        }
        head.transport = if upgrade.is_websocket(method)? {
            Transport::WebSocket
        } else if accepts_events && method == "GET" && !upgrade.has_body {
            Transport::EventStream
        } else {
            Transport::Http
        };
        Ok(head)
    }

    /// The values of the headers called `name`, in order.
    pub fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'a [u8]> + 'h {
        self.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    }
}

/// The headers that together make a WebSocket handshake (RFC 6455 section 4.2.1).
#[derive(Default)]
struct Handshake<'a> {
    upgrade: Option<&'a [u8]>,
    connection_upgrades: bool,
    version: Option<&'a [u8]>,
    key: Option<&'a [u8]>,
    has_body: bool,
}

impl<'a> Handshake<'a> {
    fn note(&mut self, name: &str, value: &'a [u8]) -> Result<(), Rule> {
        match name.len() {
            7 if name.eq_ignore_ascii_case("upgrade") => only(&mut self.upgrade, value, "two Upgrade headers")?,
            10 if name.eq_ignore_ascii_case("connection") => {
                self.connection_upgrades |= list_items(value).any(|item| item.eq_ignore_ascii_case(b"upgrade"));
            }
            14 if name.eq_ignore_ascii_case("content-length") => self.has_body |= value != b"0",
            17 if name.eq_ignore_ascii_case("transfer-encoding") => self.has_body = true,
            17 if name.eq_ignore_ascii_case("sec-websocket-key") => {
                only(&mut self.key, value, "two Sec-WebSocket-Key headers")?;
            }
            21 if name.eq_ignore_ascii_case("sec-websocket-version") => {
                only(&mut self.version, value, "two Sec-WebSocket-Version headers")?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Other upgrades (`h2c`, which Java's client offers) are no WebSocket: they are dropped and the request is served as
    /// HTTP/1.1, as RFC 9110 section 7.8 lets a server do. A WebSocket handshake that is not whole is refused, for a
    /// backend might complete it (CVE-2026-2833's family).
    fn is_websocket(&self, method: &str) -> Result<bool, Rule> {
        match self.upgrade {
            Some(upgrade) if upgrade.eq_ignore_ascii_case(b"websocket") => {}
            Some(upgrade) if list_items(upgrade).any(|item| starts_with_ignore_case(item, b"websocket")) => {
                return Err("Upgrade offers websocket among others");
            }
            Some(_) | None if self.key.is_some() => return Err("Sec-WebSocket-Key without Upgrade: websocket"),
            Some(_) | None => return Ok(false),
        }
        if method != "GET" {
            return Err("a WebSocket handshake is a GET");
        }
        if self.has_body {
            return Err("a WebSocket handshake has no body");
        }
        if !self.connection_upgrades {
            return Err("Upgrade: websocket without Connection: upgrade");
        }
        if self.version != Some(b"13") {
            return Err("Sec-WebSocket-Version is not 13");
        }
        let nonce = self.key.and_then(|key| base64::engine::general_purpose::STANDARD.decode(key).ok());
        if nonce.is_none_or(|nonce| nonce.len() != 16) {
            return Err("Sec-WebSocket-Key is not 16 bytes of base64");
        }
        Ok(true)
    }
}

/// Checks that a path has one reading for every backend: what one server decodes, folds or splits, another does not
/// (security catalogue row 1: Envoy CVE-2019-9901, CVE-2026-73551; Traefik CVE-2025-66490 and others).
///
/// # Errors
/// The rule that it breaks. Nothing is ever normalised and passed on.
pub fn check_path(path: &str) -> Result<(), Rule> {
    let bytes = path.as_bytes();
    if bytes.first() != Some(&b'/') {
        return Err("the target is not an absolute path");
    }
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'%' => {
                let (high, low) = (bytes.get(at + 1).and_then(hex), bytes.get(at + 2).and_then(hex));
                let (Some(high), Some(low)) = (high, low) else { return Err("a % in the path is not an escape") };
                match high << 4 | low {
                    b'/' | b'\\' | b'%' | b';' | b'?' | b'#' | 0..=0x1f | 0x7f => {
                        return Err("an escape in the path hides a delimiter");
                    }
                    b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                        return Err("an escape in the path hides a plain character");
                    }
                    _ => at += 2,
                }
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') => return Err("an empty segment in the path"),
            b'/' => {
                let segment = bytes[at + 1..].split(|&b| b == b'/' || b == b';').next().unwrap_or_default();
                if matches!(segment, b"." | b"..") {
                    return Err("a dot segment in the path");
                }
            }
            b'\\' | b'#' | b'"' | b'<' | b'>' | b'`' | b'{' | b'}' | 0..=0x20 | 0x7f.. => {
                return Err("a character in the path that must be escaped");
            }
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// Checks that a query holds only what a URL parser leaves as it is (WHATWG URL, query percent-encode set).
fn check_query(query: &str) -> Result<(), Rule> {
    let must_escape = |b: u8| matches!(b, 0..=0x20 | b'"' | b'#' | b'<' | b'>' | 0x7f..);
    if query.bytes().any(must_escape) { Err("a character in the query that must be escaped") } else { Ok(()) }
}

/// The items of a comma-separated list header, without white space around them and without empty ones.
pub fn list_items(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
}

fn accepts_event_stream(value: &[u8]) -> bool {
    list_items(value).any(|item| {
        let media = item.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
        media.eq_ignore_ascii_case(b"text/event-stream")
    })
}

fn starts_with_ignore_case(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

fn only<T>(slot: &mut Option<T>, value: T, rule: Rule) -> Result<(), Rule> {
    if slot.replace(value).is_some() { Err(rule) } else { Ok(()) }
}

fn hex(byte: &u8) -> Option<u8> {
    char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests;
