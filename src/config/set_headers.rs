//! `set_headers` → headers of the request to the backend. No message repeats a value: it may be a secret.

use std::path::Path;

use super::{
    fault::Place,
    raw::{self, Map, TextOr},
    secret_source,
    token::is_token,
};
use crate::{
    gate::{
        origin::{HostPattern, OriginPattern},
        request::same_when_folded,
    },
    upstream::SetHeader,
};

/// Names that say where a message ends, what becomes of its connection, or who sent it; in the spelling to which all others fold.
const REFUSED: [&str; 14] = [
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-real-ip",
    "x-request-id",
];
const REFUSED_FAMILIES: [&str; 3] = ["sec-websocket-", "x-forwarded-", "x-keygate-"];
const MAX_NAME_BYTES: usize = 128;

/// The headers that `typed` sets. Of those that are wrong it makes none.
pub(super) fn set_headers(typed: &Map<raw::HeaderValue>, folder: &Path, place: &Place<'_>) -> Vec<SetHeader> {
    let mut headers: Vec<SetHeader> = Vec::new();
    for (name, typed) in &typed.0 {
        let is_shown = is_token(name) && name.len() <= MAX_NAME_BYTES;
        let place = if is_shown { place.field(name) } else { place.made_up_field(name) };
        if let Err(message) = check_name(name) {
            place.out_of_place(message);
            continue;
        }
        if headers.iter().any(|earlier| same_when_folded(&earlier.name, name)) {
            place.out_of_place("is set already under a name that differs only in case, `-`, `_` or `.`");
        }
        let Some(typed) = typed else {
            place.missing("must be text, `{env: NAME}` or `{file: path}`");
            continue;
        };
        let value = match typed {
            TextOr::Text(text) => Some(text.to_string()),
            TextOr::Map(source) => secret_source::read(source, folder, &place),
        };
        let Some(value) = value else { continue };
        if place.take(check_value(name, &value)).is_some() {
            headers.push(SetHeader { name: name.clone(), value: value.into() });
        }
    }
    headers
}

fn check_name(name: &str) -> Result<(), &'static str> {
    let folds_to = |prefix: &&str| name.get(..prefix.len()).is_some_and(|start| same_when_folded(start, prefix));
    if !is_token(name) || name.len() > MAX_NAME_BYTES {
        return Err("must be the name of a header");
    }
    if REFUSED.iter().any(|refused| same_when_folded(refused, name)) || REFUSED_FAMILIES.iter().any(folds_to) {
        return Err("must not be set: such headers say where a message ends or who sent it, and are the gate's");
    }
    Ok(())
}

fn check_value(name: &str, value: &str) -> Result<(), &'static str> {
    if value.is_empty() {
        return Err("must not be empty");
    }
    if !value.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
        return Err("must be of visible ASCII characters and spaces: no other can be sent in a header");
    }
    if value.starts_with(' ') || value.ends_with(' ') {
        return Err("must not begin or end with a space, which is no part of a header's value");
    }
    let is_host = || {
        matches!(OriginPattern::parse(&format!("http://{value}")), Ok(OriginPattern::Tuple { host: HostPattern::Exact(_), .. }))
    };
    if same_when_folded(name, "host") && !is_host() {
        return Err("must be a host, with or without its port");
    }
    Ok(())
}
