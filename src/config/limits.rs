//! `limits`, of the configuration and of a key → rates, quotas and counts, and who is told of them.

mod stream;

use super::{
    defaults,
    fault::Place,
    raw::{self, Count, OrOff, Rate},
};
use crate::downstream::LimitHeaders;
use crate::gate::{
    keys::{KeyLimits, OverConnections},
    limit::{Quota, Quotas, StreamRates},
};

pub(super) use stream::of_connection;

/// The limits of an address.
pub(super) struct AddressLimits {
    /// Of its refusals.
    pub rate: Option<Quota>,
    /// Of its connections.
    pub connections: Option<u32>,
}

/// The limits of keys that have none of their own, and those of an address.
pub(super) fn limits(typed: Option<&raw::Limits>, place: &Place<'_>) -> (KeyLimits, AddressLimits) {
    let nothing_said = raw::Limits::default();
    let typed = typed.unwrap_or(&nothing_said);
    let ours = KeyLimits {
        rate: Quota::new(defaults::KEY_REQUESTS_PER_S, 1, defaults::KEY_BURST).ok(),
        connections: Some(defaults::KEY_CONNECTIONS),
        over_connections: OverConnections::Reject,
        quotas: Quotas::default(),
        stream: StreamRates::default(),
    };
    let address = typed.ip.as_ref().map_or(AddressLimits { rate: None, connections: None }, |typed| AddressLimits {
        rate: rate(None, typed.rate, typed.burst, &place.field("ip")),
        connections: count(None, typed.connections),
    });
    (over(ours, typed.key.as_ref(), &place.field("key")), address)
}

/// Which answers tell of limits.
pub(super) fn headers(typed: Option<&raw::Limits>) -> LimitHeaders {
    let said = typed.and_then(|limits| limits.headers);
    LimitHeaders {
        on_permitted: matches!(said, Some(raw::LimitHeaders::All)),
        x_ratelimit: typed.and_then(|limits| limits.x_ratelimit).unwrap_or_default(),
    }
}

/// `base`, with what `typed` says in place of it. A rate brings its own burst, for that of another rate means nothing to it.
pub(super) fn over(base: KeyLimits, typed: Option<&raw::KeyLimit>, place: &Place<'_>) -> KeyLimits {
    let Some(typed) = typed else { return base };
    KeyLimits {
        rate: rate(base.rate, typed.rate, typed.burst, place),
        connections: count(base.connections, typed.connections),
        over_connections: over_connections(base, typed, place),
        quotas: quotas(base.quotas, typed.quota.as_ref(), &place.field("quota")),
        stream: stream::rates(base.stream, typed.messages, typed.bytes, typed.over_rate, place),
    }
}

fn quotas(base: Quotas, typed: Option<&OrOff<raw::Quota>>, place: &Place<'_>) -> Quotas {
    match typed {
        None => base,
        Some(OrOff::Off) => Quotas::default(),
        Some(OrOff::Limit(typed)) => {
            let is_empty = typed.day.is_none() && typed.month.is_none();
            if is_empty && !["day", "month"].iter().any(|name| place.field(name).is_faulty()) {
                place.fault("must name `day` or `month`, or be `off`");
            }
            Quotas { day: count(base.day, typed.day), month: count(base.month, typed.month) }
        }
    }
}

fn over_connections(base: KeyLimits, typed: &raw::KeyLimit, place: &Place<'_>) -> OverConnections {
    match typed.over_connections {
        None => base.over_connections,
        Some(raw::OverConnections::Reject) => OverConnections::Reject,
        Some(raw::OverConnections::EvictOldest) => {
            if count(base.connections, typed.connections).is_none() {
                place.field("over_connections").fault("means nothing where `connections` is `off`");
            }
            OverConnections::EvictOldest
        }
    }
}

fn count(base: Option<u32>, typed: Option<OrOff<Count>>) -> Option<u32> {
    match typed {
        None => base,
        Some(OrOff::Off) => None,
        Some(OrOff::Limit(Count(count))) => Some(count),
    }
}

fn rate(base: Option<Quota>, typed: Option<OrOff<Rate>>, burst: Option<Count>, place: &Place<'_>) -> Option<Quota> {
    let (requests, window_s) = match (typed, base, burst) {
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
    place.field("rate").take(Quota::new(requests, window_s, burst.map_or(in_a_second, |burst| burst.0)))
}
