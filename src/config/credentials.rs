//! `credentials` → the locations that belong to Keygate.

use super::{fault::Place, raw, token::is_token};
use crate::gate::credential::Locations;

/// Headers with a meaning of their own, to clients, to proxies or to this gate: none can be given over to keys.
const TAKEN_HEADERS: [&str; 19] = [
    "accept",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "forwarded",
    "host",
    "keep-alive",
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
];
const TAKEN_PREFIXES: [&str; 4] = ["sec-", "x-keygate-", "x-forwarded-", "access-control-"];
const MAX_NAME_BYTES: usize = 64;

/// The locations. `None` only after a fault.
pub(super) fn locations(typed: Option<&raw::Credentials>, place: &Place<'_>) -> Option<Locations> {
    let Some(typed) = typed else { return Some(Locations::default()) };
    let defaults = Locations::default();
    let header = match typed.header.as_deref() {
        None => Some(defaults.header),
        Some("off") => Some(None),
        Some(name) => place.field("header").take(header(name)).map(Some),
    };
    let cookie = match typed.cookie.as_deref() {
        None => Some(None),
        Some(name) => place.field("cookie").take(cookie(name)).map(Some),
    };
    let mut query: Vec<Box<str>> = Vec::new();
    if let Some(names) = &typed.query {
        names.each(&place.field("query"), |place, _, name| {
            let Some(name) = place.take(parameter(name)) else { return };
            if query.contains(&name) {
                place.fault("stands here twice");
            } else {
                query.push(name);
            }
        });
    }
    let locations = Locations {
        header: header?,
        basic: typed.basic.unwrap_or(defaults.basic),
        cookie: cookie?,
        bearer: typed.bearer.unwrap_or(defaults.bearer),
        query: query.into(),
        secrets_in_query: typed.query_secrets == Some(raw::Permission::Allow),
        websocket_protocol: typed.websocket_protocol.unwrap_or(defaults.websocket_protocol),
    };
    let anywhere = locations.header.is_some()
        || locations.bearer
        || locations.basic
        || !locations.query.is_empty()
        || locations.websocket_protocol;
    if !anywhere {
        place.missing("leave no place where a key may stand: nobody would be let in");
    }
    Some(locations)
}

/// The name of a query parameter.
pub(super) fn parameter(name: &str) -> Result<Box<str>, &'static str> {
    let readable = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(readable) {
        return Err("must be the name of a parameter: letters, digits, `_`, `-` and `.`");
    }
    Ok(name.into())
}

fn cookie(name: &str) -> Result<Box<str>, &'static str> {
    if name.len() > MAX_NAME_BYTES || !is_token(name) {
        return Err("must be the name of a cookie");
    }
    Ok(name.into())
}

/// The name of a header that has no meaning of its own, in lower case.
pub(super) fn header(name: &str) -> Result<Box<str>, &'static str> {
    if name.len() > MAX_NAME_BYTES || !is_token(name) {
        return Err("must be the name of a header, or `off`");
    }
    let name = name.to_ascii_lowercase();
    if name == "authorization" {
        return Err("must not be Authorization: say `bearer: true` or `basic: true`");
    }
    if TAKEN_HEADERS.contains(&name.as_str()) || TAKEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        return Err("must not be a header that has a meaning of its own");
    }
    Ok(name.into())
}
