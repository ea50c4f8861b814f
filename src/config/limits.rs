//! `limits`, of the configuration and of a key → quotas and counts.

use super::{
    defaults,
    fault::Place,
    raw::{self, Count, OrOff},
};
use crate::gate::{keys::KeyLimits, limit::Quota};

/// The limits of keys that have none of their own, and those of an address.
pub(super) fn limits(typed: Option<&raw::Limits>, place: &Place<'_>) -> (KeyLimits, KeyLimits) {
    let nothing_said = raw::Limits::default();
    let typed = typed.unwrap_or(&nothing_said);
    let ours = KeyLimits {
        rate: Quota::new(defaults::KEY_REQUESTS_PER_S, 1, defaults::KEY_BURST).ok(),
        connections: Some(defaults::KEY_CONNECTIONS),
    };
    let none = KeyLimits { rate: None, connections: None };
    (over(ours, typed.key.as_ref(), &place.field("key")), over(none, typed.ip.as_ref(), &place.field("ip")))
}

/// `base`, with what `typed` says in place of it. A rate brings its own burst, for that of another rate means nothing to it.
pub(super) fn over(base: KeyLimits, typed: Option<&raw::Limit>, place: &Place<'_>) -> KeyLimits {
    let Some(typed) = typed else { return base };
    let connections = match typed.connections {
        None => base.connections,
        Some(OrOff::Off) => None,
        Some(OrOff::Limit(Count(count))) => Some(count),
    };
    KeyLimits { rate: rate(base.rate, typed, place), connections }
}

fn rate(base: Option<Quota>, typed: &raw::Limit, place: &Place<'_>) -> Option<Quota> {
    let (requests, window_s) = match (typed.rate, base, typed.burst) {
        (None, base, None) => return base,
        (Some(OrOff::Off), _, None) => return None,
        (Some(OrOff::Limit(rate)), _, _) => (rate.requests, rate.window_s),
        (None, Some(base), Some(_)) => (base.requests(), base.window_s()),
        (Some(OrOff::Off), _, Some(_)) => {
            place.field("burst").fault("means nothing where `rate` is `off`");
            return None;
        }
        (None, None, Some(_)) => {
            place.field("rate").missing("is required where there is a `burst`");
            return None;
        }
    };
    let in_a_second = (requests / window_s).max(1);
    place.field("rate").take(Quota::new(requests, window_s, typed.burst.map_or(in_a_second, |burst| burst.0)))
}
