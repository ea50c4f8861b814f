//! Where a key may stand in a request, and what of the request therefore belongs to Keygate.
//!
//! A named location is read, must be the only one used, and is stripped. A location that is not named is none of our business and
//! passes untouched, so that a backend's own `Authorization` goes on working.

use std::borrow::Cow;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use memchr::{memchr, memchr2};

use crate::gate::{denial::Denial, request::RequestHead};

/// The longest text that is looked up as a key; longer ones are unknown without a lookup.
pub const MAX_KEY_BYTES: usize = 256;

/// The subprotocol that carries a key: this, and the key in base64url (after Kubernetes' `base64url.bearer.authorization.k8s.io.`).
const PROTOCOL_PREFIX: &[u8] = b"keygate.key.";
/// The subprotocol that a client offers beside its key when it speaks no other; the gate selects it.
pub const OWN_PROTOCOL: &str = "keygate";

/// The places that belong to Keygate, from `credentials` in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locations {
    /// A header whose whole value is the key.
    pub header: Option<Box<str>>,
    /// `Authorization: Bearer` (RFC 6750 section 2.1).
    pub bearer: bool,
    /// `Authorization: Basic` (RFC 7617), whose user and password are the two halves of a key in Ably's spelling, or a key and nothing.
    pub basic: bool,
    /// A cookie, for tokens: a browser sends it to whoever asks, so that a key there would be anybody's.
    pub cookie: Option<Box<str>>,
    /// Query parameters, by decoded name.
    pub query: Box<[Box<str>]>,
    /// Whether a secret key may stand in a query.
    pub secrets_in_query: bool,
    /// `Sec-WebSocket-Protocol: keygate.key.<base64url>`, the one place a browser's WebSocket can fill in.
    pub websocket_protocol: bool,
}

impl Default for Locations {
    fn default() -> Self {
        Self {
            header: Some("x-api-key".into()),
            bearer: false,
            basic: false,
            cookie: None,
            query: Box::default(),
            secrets_in_query: false,
            websocket_protocol: true,
        }
    }
}

/// Where a credential was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    Header,
    Bearer,
    Query,
    WebsocketProtocol,
    Basic,
    Cookie,
}

impl Location {
    /// All locations, in label order.
    pub const ALL: [Self; 6] = [Self::Header, Self::Bearer, Self::Query, Self::WebsocketProtocol, Self::Basic, Self::Cookie];

    /// The metric label, as the location is called in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Bearer => "bearer",
            Self::Query => "query",
            Self::WebsocketProtocol => "websocket_protocol",
            Self::Basic => "basic",
            Self::Cookie => "cookie",
        }
    }
}

/// A credential as the request presents it. Does not print its text.
pub struct Presented<'a> {
    /// The key's text, decoded.
    pub text: Cow<'a, str>,
    /// Where it stood.
    pub location: Location,
}

impl std::fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Presented(… in {})", self.location.name())
    }
}

impl Locations {
    /// Finds the one credential of a request.
    ///
    /// # Errors
    /// [`Denial::MissingKey`], [`Denial::AmbiguousKey`] for two (equal or not: two readers might each believe another), and
    /// [`Denial::UnknownKey`] for what cannot be the text of any key.
    pub fn find<'a>(&self, head: &RequestHead<'a>) -> Result<Presented<'a>, Denial> {
        let mut found: Option<(Option<Cow<'a, str>>, Location)> = None;
        let mut note = |text: Option<Cow<'a, str>>, location| match found.replace((text, location)) {
            None => Ok(()),
            Some(_) => Err(Denial::AmbiguousKey),
        };
        if let Some(name) = &self.header {
            for value in head.values(name) {
                note(text_of(value), Location::Header)?;
            }
        }
        if self.bearer
            && let Some(token) = head.authorization.and_then(|value| of_scheme(b"bearer", value))
        {
            note(text_of(token), Location::Bearer)?;
        }
        if self.basic
            && let Some(encoded) = head.authorization.and_then(|value| of_scheme(b"basic", value))
        {
            note(basic_text(encoded).map(Cow::Owned), Location::Basic)?;
        }
        if let Some(name) = &self.cookie {
            for pair in head.values("cookie").flat_map(cookies) {
                if let Some(value) = cookie_called(name, pair) {
                    note(text_of(value), Location::Cookie)?;
                }
            }
        }
        for value in self.own_values(head.query) {
            note(decode(value), Location::Query)?;
        }
        if self.websocket_protocol {
            for item in head.subprotocols() {
                if let Some(encoded) = item.strip_prefix(PROTOCOL_PREFIX) {
                    let text = URL_SAFE_NO_PAD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                    note(text.map(Cow::Owned), Location::WebsocketProtocol)?;
                }
            }
        }
        let (text, location) = found.ok_or(Denial::MissingKey)?;
        let text = text.filter(|text| text.len() <= MAX_KEY_BYTES).ok_or(Denial::UnknownKey)?;
        if text.is_empty() {
            return Err(Denial::MissingKey);
        }
        Ok(Presented { text, location })
    }

    /// Whether a header belongs to Keygate and must not reach the backend.
    #[must_use]
    pub fn owns_header(&self, name: &str, value: &[u8]) -> bool {
        self.header.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(name))
            || name.eq_ignore_ascii_case("authorization")
                && (self.bearer && of_scheme(b"bearer", value).is_some() || self.basic && of_scheme(b"basic", value).is_some())
    }

    /// A `Cookie` header without Keygate's cookie; `None` where nothing is left of it.
    #[must_use]
    pub fn strip_cookies<'v>(&self, value: &'v [u8]) -> Option<Cow<'v, [u8]>> {
        let Some(name) = &self.cookie else { return Some(Cow::Borrowed(value)) };
        if !cookies(value).any(|pair| cookie_called(name, pair).is_some()) {
            return Some(Cow::Borrowed(value));
        }
        let kept: Vec<_> = cookies(value).filter(|pair| cookie_called(name, pair).is_none()).collect();
        (!kept.is_empty()).then(|| Cow::Owned(kept.join(&b"; "[..])))
    }

    /// Whether a query parameter belongs to Keygate. A backend decodes `%6bey` to `key`, so the gate must as well.
    fn owns_parameter(&self, name: &str) -> bool {
        let plain = !name.bytes().any(|b| matches!(b, b'%' | b'+'));
        self.query.iter().any(|own| if plain { **own == *name } else { decoded(name).eq(own.bytes()) })
    }

    /// The values, as sent, of the query parameters that belong to Keygate.
    fn own_values<'q>(&self, query: Option<&'q str>) -> impl Iterator<Item = &'q str> {
        let query = query.filter(|_| !self.query.is_empty());
        // Without an escape, the name of a parameter begins with the name that it is, which is seen without finding its end.
        let escaped = query.is_some_and(|query| memchr2(b'%', b'+', query.as_bytes()).is_some());
        let may_be_own = move |pair: &&str| escaped || self.query.iter().any(|own| is_named(pair, own));
        pairs(query).filter(may_be_own).filter_map(|pair| {
            let (name, value) = cut(pair, b'=');
            self.owns_parameter(name).then_some(value.unwrap_or_default())
        })
    }

    /// The query without Keygate's parameters; `None` where nothing is left of it.
    #[must_use]
    pub fn strip_query<'q>(&self, query: Option<&'q str>) -> Option<Cow<'q, str>> {
        let query = query?;
        let owned = |pair: &&str| {
            let name = pair.split('=').next().unwrap_or_default();
            self.owns_parameter(name)
        };
        if self.query.is_empty() || !query.split('&').any(|pair| owned(&pair)) {
            return Some(Cow::Borrowed(query));
        }
        let kept: Vec<_> = query.split('&').filter(|pair| !owned(pair)).collect();
        (!kept.is_empty()).then(|| Cow::Owned(kept.join("&")))
    }

    /// The subprotocols that the backend may see, of those that the client offered.
    pub fn strip_protocols<'h>(&self, head: &'h RequestHead<'h>) -> impl Iterator<Item = &'h [u8]> {
        let ours = self.websocket_protocol;
        head.subprotocols().filter(move |item| !ours || (!item.starts_with(PROTOCOL_PREFIX) && *item != OWN_PROTOCOL.as_bytes()))
    }

    /// Whether the client offered the literal `keygate` beside its key, and so expects an answer even if the backend selects none.
    #[must_use]
    pub fn offers_own_protocol(&self, head: &RequestHead<'_>) -> bool {
        self.websocket_protocol && head.subprotocols().any(|item| item == OWN_PROTOCOL.as_bytes())
    }
}

fn text_of(value: &[u8]) -> Option<Cow<'_, str>> {
    std::str::from_utf8(value.trim_ascii()).ok().map(Cow::Borrowed)
}

/// What stands behind the scheme of an `Authorization`, if that is the scheme (RFC 9110 section 11.4).
fn of_scheme<'v>(scheme: &[u8], authorization: &'v [u8]) -> Option<&'v [u8]> {
    let (own, rest) = authorization.split_at_checked(scheme.len())?;
    let is_it = own.eq_ignore_ascii_case(scheme) && rest.first().is_none_or(|&b| b == b' ' || b == b'\t');
    is_it.then(|| rest.trim_ascii())
}

/// The text of a key in Basic credentials: `user:password` as it is, or the one of them that is not empty.
fn basic_text(encoded: &[u8]) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(match (user, password) {
        (user, "") => user.to_owned(),
        ("", password) => password.to_owned(),
        _ => text,
    })
}

/// The pairs of a `Cookie` header (RFC 6265 section 4.2.1).
fn cookies(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b';').map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty())
}

/// The value of a cookie, if it has this name. Some servers trim around the `=`, so that this does as well.
fn cookie_called<'p>(name: &str, pair: &'p [u8]) -> Option<&'p [u8]> {
    let at = memchr(b'=', pair)?;
    (pair[..at].trim_ascii() == name.as_bytes()).then(|| pair[at + 1..].trim_ascii())
}

fn pairs(query: Option<&str>) -> impl Iterator<Item = &str> {
    let mut rest = query;
    std::iter::from_fn(move || {
        let (pair, after) = cut(rest?, b'&');
        rest = after;
        Some(pair)
    })
}

/// Whether `pair` begins with exactly this name. The byte behind it tells more often, and in less than a comparison takes.
fn is_named(pair: &str, name: &str) -> bool {
    pair.as_bytes().get(name.len()).is_none_or(|&b| b == b'=') && pair.starts_with(name)
}

/// What stands before the first `at` (ASCII), and what behind it.
fn cut(text: &str, at: u8) -> (&str, Option<&str>) {
    match memchr(at, text.as_bytes()) {
        Some(found) => (&text[..found], Some(&text[found + 1..])),
        None => (text, None),
    }
}

fn decode(encoded: &str) -> Option<Cow<'_, str>> {
    if !encoded.contains(['%', '+']) {
        return Some(Cow::Borrowed(encoded));
    }
    String::from_utf8(decoded(encoded).collect()).ok().map(Cow::Owned)
}

/// The bytes of a form-encoded text (WHATWG URL section 5.1): `+` is a space, an escape is its byte, anything else is itself.
fn decoded(encoded: &str) -> impl Iterator<Item = u8> {
    let mut rest = encoded.as_bytes();
    std::iter::from_fn(move || {
        let (&first, after) = rest.split_first()?;
        let escape = (first == b'%').then(|| after.get(..2)).flatten().and_then(|digits| {
            digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
            u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
        });
        rest = if escape.is_some() { &after[2..] } else { after };
        Some(escape.unwrap_or(if first == b'+' { b' ' } else { first }))
    })
}

#[cfg(test)]
mod tests;
