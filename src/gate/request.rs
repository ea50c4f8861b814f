//! A request as the gate sees it: a borrowed view of a head that was already found to have one reading only.
//!
//! Everything that later code branches on (is this a WebSocket? which host?) is decided once, here, so that no two places can
//! decide it differently.

mod handshake;
mod target;

pub use httparse::Header;

pub use self::target::check_path;
use self::{handshake::Handshake, target::check_query};
use super::{
    origin::Claimed,
    peer::{Chain, Peer, PeerAddress},
};

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
    pub peer: PeerAddress,
    /// Whether the client's connection is encrypted.
    pub secure: bool,
    /// Whether nobody between the client and the gate can read along; see [`Peer::confidential`].
    pub confidential: bool,
    /// How the request came here.
    pub chain: Chain,
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
    /// Whether there is a `Sec-WebSocket-Protocol`.
    pub has_subprotocols: bool,
}

/// A rule of [`RequestHead::new`] that a head breaks; the text is for the log.
pub type Rule = &'static str;

impl<'a> RequestHead<'a> {
    /// Views a head that came straight from `peer`; see [`RequestHead::sent_by`].
    ///
    /// # Errors
    /// The rule that the head breaks: a singleton sent twice, an ambiguous path, a half WebSocket handshake.
    pub fn new(
        method: &'a str,
        target: &'a str,
        headers: &'a [Header<'a>],
        peer: PeerAddress,
        secure: bool,
    ) -> Result<Self, Rule> {
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
            confidential: secure || peer.is_local(),
            chain: Chain::direct(peer),
            transport: Transport::Http,
            host: None,
            origin: None,
            authorization: None,
            fetch_site: None,
            browser_agent: false,
            has_subprotocols: false,
        };
        let mut accepts_events = false;
        for Header { name, value } in headers {
            match name.len() {
                4 if is(name, b"host") => {
                    let text = std::str::from_utf8(value).map_err(|_| "Host is not text")?;
                    only(&mut head.host, text, "two Host headers")?;
                }
                6 if is(name, b"origin") => {
                    only(&mut head.origin, Claimed::parse(value), "two Origin headers")?;
                }
                6 if is(name, b"accept") => accepts_events |= accepts_event_stream(value),
                13 if is(name, b"authorization") => {
                    only(&mut head.authorization, *value, "two Authorization headers")?;
                }
                14 if is(name, b"sec-fetch-site") => head.fetch_site = Some(value),
                10 if is(name, b"user-agent") => head.browser_agent |= value.starts_with(b"Mozilla/"),
                22 if is(name, b"sec-websocket-protocol") => head.has_subprotocols = true,
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

    /// Takes over who sent it, as it was resolved from its headers.
    pub const fn sent_by(&mut self, peer: &Peer) {
        (self.peer, self.secure, self.confidential, self.chain) = (peer.address, peer.secure, peer.confidential, peer.chain);
    }

    /// The values of the headers called `name`, in order.
    pub fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'a [u8]> + 'h {
        // Mostly the letters are of one case: equal as they are.
        let is_it = move |header: &&Header<'_>| header.name == name || header.name.eq_ignore_ascii_case(name);
        self.headers.iter().filter(is_it).map(|header| header.value)
    }

    /// The subprotocols that a WebSocket client offers, in order.
    pub fn subprotocols(&self) -> impl Iterator<Item = &'a [u8]> {
        // Few requests have any: those need no second way through the headers.
        self.has_subprotocols.then(|| self.values("sec-websocket-protocol").flat_map(list_items)).into_iter().flatten()
    }
}

/// The items of a comma-separated list header, without white space around them and without empty ones.
pub fn list_items(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
}

/// `tchar` of RFC 9110 section 5.6.2.
#[must_use]
pub fn is_tchar(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

/// What a name becomes where case, `-`, `_` and `.` do not count: CGI and its descendants read `X_Keygate_App` as `X-Keygate-App`
/// (Traefik CVE-2026-54763, CVE-2026-88011).
pub fn folded(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().map(|b| if matches!(b, b'_' | b'.') { b'-' } else { b.to_ascii_lowercase() })
}

/// Whether two names are one to some backend: one to those who fold them.
#[must_use]
pub fn same_when_folded(one: &str, other: &str) -> bool {
    one.len() == other.len() && folded(one).eq(folded(other))
}

/// Whether a header's name is another spelling that folds to `name`, and not just `name` in other case.
#[must_use]
pub fn is_alias(own: &str, name: &str) -> bool {
    !own.eq_ignore_ascii_case(name) && same_when_folded(own, name)
}

const EVENT_STREAM: &[u8] = b"text/event-stream";

/// Whether a media type, with or without parameters, is that of event streams.
#[must_use]
pub fn is_event_stream(value: &[u8]) -> bool {
    let media = value.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
    media.eq_ignore_ascii_case(EVENT_STREAM)
}

fn accepts_event_stream(value: &[u8]) -> bool {
    value.len() >= EVENT_STREAM.len() && list_items(value).any(is_event_stream)
}

/// Whether a header is called `lower`. The length is known when compiled, so that this is a few wide instructions and no loop.
fn is<const N: usize>(name: &str, lower: &[u8; N]) -> bool {
    <&[u8; N]>::try_from(name.as_bytes()).is_ok_and(|name| name.map(|b| b.to_ascii_lowercase()) == *lower)
}

fn only<T>(slot: &mut Option<T>, value: T, rule: Rule) -> Result<(), Rule> {
    if slot.replace(value).is_some() { Err(rule) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
