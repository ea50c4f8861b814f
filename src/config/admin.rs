//! `admin` and `audit` → where keys are managed and by which names, and how long it is remembered.

use std::{path::Path, time::Duration};

use super::{
    compile::address,
    fault::Place,
    listeners::tls,
    raw::{self, OrOff, Span, Text},
    used::{Admin, KeyPlace, KeySource},
};

/// The longest name of a host (RFC 1035, section 2.3.4).
const MAX_HOST_BYTES: usize = 253;
/// The shortest memory of the audit trail: a mistake in the unit would take what has just happened.
const SHORTEST_TRAIL: Duration = Duration::from_secs(24 * 60 * 60);

/// `None` only after a fault.
pub(super) fn admin(typed: &raw::Admin, keys: Option<&KeySource>, folder: &Path, place: &Place<'_>) -> Option<Admin> {
    let address = address(typed.address.as_ref(), place);
    let encrypted = typed.tls.as_ref().map(|typed| tls(typed, folder, &place.field("tls")));
    if address.is_some_and(|address| !address.ip().is_loopback()) && typed.tls.is_none() {
        place
            .field("tls")
            .missing("is required, for the address is not this machine's own: who listens in on a token has all keys");
    }
    needs_a_store(keys, place);
    let name = |place: &Place<'_>, text: &Text| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
        let is_name = !text.is_empty() && text.len() <= MAX_HOST_BYTES && text.bytes().all(plain);
        place.take(is_name.then(|| Box::from(&**text)).ok_or("must be the name of a host, in lower case and without a port"))
    };
    let hosts = typed.hosts.as_ref().map(|list| list.map(&place.field("hosts"), name)).unwrap_or_default();
    Some(Admin { address: address?, tls: encrypted.map_or(Some(None), |tls| tls.map(Some))?, hosts })
}

/// How long the audit trail goes back; `None` is for ever.
pub(super) fn audit_keep(typed: &raw::Audit, keys: Option<&KeySource>, place: &Place<'_>) -> Option<Duration> {
    needs_a_store(keys, place);
    let Some(OrOff::Limit(Span(keep))) = typed.keep else { return None };
    if keep < SHORTEST_TRAIL {
        place.field("keep").fault("must be at least `1d`, or `off` to keep all of it");
    }
    Some(keep)
}

fn needs_a_store(keys: Option<&KeySource>, place: &Place<'_>) {
    if keys.is_some_and(|keys| !matches!(keys.place, KeyPlace::Sqlite(_))) {
        place.out_of_place("needs keys that are managed here (`keys.sqlite`): those in a file are managed by whoever writes it, and those of another gate there");
    }
}
