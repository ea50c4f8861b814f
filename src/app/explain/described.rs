//! The head of a request that somebody describes.

use super::NoHeader;
use crate::{
    admin::Described,
    gate::{credential::Locations, request::Header},
};

/// Its headers in the order in which they would be sent, the key in the first place that the configuration names.
///
/// # Errors
/// If that is no header.
pub(super) fn headers(request: &Described, locations: &Locations) -> Result<Vec<(String, String)>, NoHeader> {
    let mut headers = vec![("Host".to_owned(), request.host.clone())];
    let mut add = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
    if let Some(origin) = &request.origin {
        add("Origin", origin);
    }
    if request.websocket {
        for (name, value) in [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            add(name, value);
        }
    }
    if request.body.is_some() {
        add("Content-Type", "application/json");
    }
    if request.sse {
        add("Accept", "text/event-stream");
    }
    for header in &request.headers {
        add(&header.name, &header.value);
    }
    match (&request.key, &locations.header) {
        (None, _) => {}
        (Some(key), Some(name)) => add(name, key),
        (Some(key), None) if locations.bearer => add("Authorization", &format!("Bearer {key}")),
        (Some(_), None) => return Err(NoHeader),
    }
    Ok(headers)
}

/// The same, as the gate looks at them.
pub(super) fn borrowed(headers: &[(String, String)]) -> Vec<Header<'_>> {
    headers.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect()
}
