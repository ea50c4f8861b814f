//! `keys.url` and what goes with it → the gate that manages the keys of this one.

use std::path::Path;

use http::{Uri, uri::Scheme};

use super::{
    compile::file,
    defaults,
    fault::Place,
    raw::{self, Text},
    secret_source, timeouts,
    used::{BearerToken, Manager, SNAPSHOT_PATH},
};
use crate::gate::credential::VerifyKey;

const MAX_NAME_BYTES: usize = 64;
const MAX_TOKEN_BYTES: usize = 512;

/// `None` only after a fault.
pub(super) fn manager(url: &Text, typed: &raw::Keys, folder: &Path, place: &Place<'_>) -> Option<Manager> {
    let url = place.field("url").take(is_snapshot(url).then(|| Box::from(&**url)).ok_or(
        "must be where a manager gives its keys, such as `https://keys.example.com:9181/v1/snapshot`: http or https, a host, no user, and that path",
    ));
    let token = place.required("token", typed.token.as_ref()).and_then(|source| {
        let place = place.field("token");
        let text = secret_source::read(source, folder, &place)?;
        let is_token = (1..=MAX_TOKEN_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        place.take(is_token.then(|| BearerToken::new(text)).ok_or("leads to a text that is no token"))
    });
    let verify = place.required("verify", typed.verify.as_ref()).and_then(|text| {
        let key = VerifyKey::parse(text);
        place
            .field("verify")
            .take(key.ok_or("must be `ed25519:` and 43 characters: `keygate gates verify-key` prints it at the manager"))
    });
    let ca = typed.ca.as_ref().map(|_| file(typed.ca.as_ref(), "ca", folder, place));
    let name = typed.name.as_ref().map(|name| place.field("name").take(identifier(name)));
    let max_stale = timeouts::one(typed.max_stale, "max_stale", defaults::MAX_STALE, place);
    if max_stale < defaults::MIN_MAX_STALE {
        place.field("max_stale").fault("must be a second or more: a manager that is restarted would take its gates with it");
    }
    Some(Manager {
        cache: file(typed.cache.as_ref(), "cache", folder, place)?,
        url: url?,
        token: token?,
        verify: verify?,
        ca: ca.map_or(Some(None), |ca| ca.map(Some))?,
        name: name.map_or(Some(None), |name| name.map(Some))?,
        max_stale,
    })
}

/// Faults what goes with a `url` where there is none.
pub(super) fn nothing_of(typed: &raw::Keys, place: &Place<'_>) {
    let said = [
        ("token", typed.token.is_some()),
        ("verify", typed.verify.is_some()),
        ("ca", typed.ca.is_some()),
        ("cache", typed.cache.is_some()),
        ("name", typed.name.is_some()),
        ("max_stale", typed.max_stale.is_some()),
    ];
    for (name, _) in said.into_iter().filter(|(_, said)| *said) {
        place.field(name).out_of_place("goes with `url`, for keys that another gate manages");
    }
}

fn is_snapshot(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let web = uri.scheme().is_some_and(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS);
    let host = uri.authority().is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
    web && host && uri.path() == SNAPSHOT_PATH && uri.query().is_none()
}

fn identifier(text: &str) -> Result<Box<str>, &'static str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let good = (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(plain);
    good.then(|| text.into()).ok_or("must be 1 to 64 of A-Z, a-z, 0-9, `_`, `-` and `.`")
}
