//! What limits said, as header fields: `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11, Structured
//! Fields of RFC 9651), and for older clients `X-RateLimit-*`.

use std::fmt::Write as _;

use crate::{
    downstream::LimitHeaders,
    gate::{
        denial::Denial,
        limit::{Charge, Charges},
    },
    telemetry::LimitScope,
};

/// A field by name and value.
pub type Field = (&'static str, String);

/// When to come back for a place, in seconds: somebody must leave first.
pub const RETRY_PLACE_S: u64 = 5;

/// The fields that tell of `charges`; none where there are no limits.
pub fn fields(charges: &Charges, headers: LimitHeaders) -> impl Iterator<Item = Field> {
    let of_all = [("RateLimit-Policy", list(charges.iter(), policy)), ("RateLimit", list(charges.iter(), service_limit))];
    let tightest = charges.tightest().filter(|_| headers.x_ratelimit);
    of_all.into_iter().filter(|(_, value)| !value.is_empty()).chain(tightest.into_iter().flat_map(of_one))
}

/// Whether `fields` may hold a field of this name: the backend's own then says something else.
#[must_use]
pub fn replaces(fields: &[Field], name: &str) -> bool {
    fields.iter().any(|(ours, _)| ours.eq_ignore_ascii_case(name))
}

/// Which limit was asked, and whether it let the request through, for the metric; `None` if no rate and no quota was. Places are
/// counted where they are held.
#[must_use]
pub fn asked(denial: Option<Denial>, charges: &Charges) -> Option<(LimitScope, bool)> {
    match denial {
        None => charges.iter().any(|charge| charge.window_s > 0).then_some((LimitScope::Key, true)),
        Some(Denial::RateLimited | Denial::QuotaExceeded) => Some((LimitScope::Key, false)),
        Some(Denial::PeerLimited) => Some((LimitScope::Ip, false)),
        Some(_) => None,
    }
}

/// A quota policy item (section 3.1). All policies of the key stand there, whether this request uses them up or not, so that the
/// field stays the same from answer to answer.
fn policy(charge: &Charge, out: &mut String) -> bool {
    let _ = write!(out, "\"{}\";q={}", charge.limit.name(), charge.quota);
    let _ = match charge.window_s {
        0 => write!(out, ";qu=\"concurrent-requests\""),
        window_s => write!(out, ";w={window_s}"),
    };
    true
}

/// A service limit item (section 4.1). Who makes plain requests only, which take no place, must not wait for one.
fn service_limit(charge: &Charge, out: &mut String) -> bool {
    if !charge.applies {
        return false;
    }
    // Writing to a String cannot fail.
    let _ = write!(out, "\"{}\";r={}", charge.limit.name(), charge.remaining);
    if let Some(effective_s) = charge.effective_s() {
        let _ = write!(out, ";t={effective_s}");
    }
    true
}

/// A List (RFC 9651 section 3.1) of the items that `write` makes of `charges`.
fn list<'c>(charges: impl Iterator<Item = &'c Charge>, write: fn(&Charge, &mut String) -> bool) -> String {
    let mut out = String::new();
    for charge in charges {
        let end = out.len();
        if end > 0 {
            out.push_str(", ");
        }
        if !write(charge, &mut out) {
            out.truncate(end);
        }
    }
    out
}

/// What everybody calls it who has no draft to follow. Some count `Reset` from 1970; here it is in seconds from now, as
/// `Retry-After` is, for clocks differ.
fn of_one(charge: &Charge) -> [Field; 3] {
    [
        ("X-RateLimit-Limit", charge.quota.to_string()),
        ("X-RateLimit-Remaining", charge.remaining.to_string()),
        ("X-RateLimit-Reset", charge.effective_s().unwrap_or(RETRY_PLACE_S).to_string()),
    ]
}

#[cfg(test)]
mod tests;
