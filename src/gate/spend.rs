//! What one request spends of its key's limits: of each of them, or of none. A place first, then the quotas, then the rate.

use super::{
    denial::Denial,
    keys::{KeyRecord, KeyState, OverConnections},
    limit::{Charge, Charges, Lease, LimitName, Pace, Period, Quotas, Tallies},
    request::Transport,
    time::Timestamp,
};

/// Asks all limits of `key` for one request, and leaves in `charges` what they said.
///
/// # Errors
/// The first limit that refuses; then nothing is spent, and `charges` tells of every limit that would refuse, so that nobody is
/// told to come back before the last of them lets a request through.
#[inline] // without quotas there is little of it, and it is asked of every request
pub(super) fn spend(
    key: &KeyRecord,
    transport: Transport,
    now: Timestamp,
    charges: &mut Charges,
) -> Result<Option<Lease<KeyState>>, Denial> {
    let limits = &key.limits;
    let lease = if transport.is_stream() {
        let Some(lease) = Lease::take(&key.usage, limits.most_places()) else {
            let standing = Standing { taken: u32::MAX, ..Standing::of(key, now, 0) };
            *charges = standing.charges(key, transport, now);
            return Err(Denial::KeyConnections);
        };
        Some(lease)
    } else {
        None
    };
    let spent = if limits.quotas.any() { Some(spend_quotas(key, transport, now, charges)?) } else { None };
    if let Some(quota) = &limits.rate {
        let pace = key.usage.rate.charge(quota, now.ticks_ns);
        if let Pace::Beyond { .. } = pace {
            if let Some(spent) = spent {
                key.usage.meters().give_back(&spent);
            }
            drop(lease);
            *charges = Standing { pace: Some(pace), ..Standing::of(key, now, 0) }.charges(key, transport, now);
            return Err(Denial::RateLimited);
        }
        charges.set(Charge::of_rate(LimitName::Rate, quota, pace));
    }
    if let Some(spent) = spent {
        tell_quotas(&limits.quotas, &spent, now, charges);
    }
    if let Some(max) = limits.connections {
        charges.set(Charge::of_places(LimitName::Connections, max, key.usage.places(), transport.is_stream()));
    }
    Ok(lease)
}

/// A place under the key's limits, and what they said; or why there is none.
pub(super) type Within = Result<(Option<Lease<KeyState>>, Charges), (Denial, Charges)>;

/// [`spend`], for whoever keeps no charges.
pub(super) fn within_limits(key: &KeyRecord, transport: Transport, now: Timestamp) -> Within {
    let mut charges = Charges::default();
    match spend(key, transport, now, &mut charges) {
        Ok(lease) => Ok((lease, charges)),
        Err(denial) => Err((denial, charges)),
    }
}

/// A request that the rate will refuse is not counted for a moment and then given back: in that moment another might be told that
/// the quota is spent, and to come back tomorrow. Nor is one refused because of what a race gives back.
#[inline(never)]
fn spend_quotas(key: &KeyRecord, transport: Transport, now: Timestamp, charges: &mut Charges) -> Result<Tallies, Denial> {
    loop {
        let standing = Standing::of(key, now, u32::from(transport.is_stream()));
        let denial = if standing.a_quota_is_spent(&key.limits.quotas) {
            Denial::QuotaExceeded
        } else if let Some(Pace::Beyond { .. }) = standing.pace {
            Denial::RateLimited
        } else if let Some(spent) = key.usage.meters().charge(&key.limits.quotas, now.unix_ms) {
            return Ok(spent);
        } else {
            continue;
        };
        *charges = standing.charges(key, transport, now);
        return Err(denial);
    }
}

fn tell_quotas(quotas: &Quotas, tallies: &Tallies, now: Timestamp, charges: &mut Charges) {
    for (period, max, tally) in [(Period::Day, quotas.day, tallies.day), (Period::Month, quotas.month, tallies.month)] {
        if let Some((max, tally)) = max.zip(tally) {
            charges.set(Charge::of_quota(period, max, tally, now.unix_ms));
        }
    }
}

/// How the limits of a key stand to a request that spends nothing.
struct Standing {
    pace: Option<Pace>,
    tallies: Tallies,
    taken: u32,
}

impl Standing {
    /// `own` of the places are held by the request itself, which will give them back.
    fn of(key: &KeyRecord, now: Timestamp, own: u32) -> Self {
        let limits = &key.limits;
        let pace = limits.rate.as_ref().map(|quota| key.usage.rate.peek(quota, now.ticks_ns));
        let tallies = if limits.quotas.any() { key.usage.meters().peek(&limits.quotas, now.unix_ms) } else { Tallies::default() };
        Self { pace, tallies, taken: key.usage.places().saturating_sub(own) }
    }

    fn a_quota_is_spent(&self, quotas: &Quotas) -> bool {
        let Tallies { day, month } = self.tallies;
        [(quotas.day, day), (quotas.month, month)]
            .into_iter()
            .filter_map(|(max, tally)| max.zip(tally))
            .any(|(max, tally)| tally.count >= max)
    }

    #[cold]
    fn charges(&self, key: &KeyRecord, transport: Transport, now: Timestamp) -> Charges {
        let limits = &key.limits;
        let mut spent_or_not = Charges::default();
        tell_quotas(&limits.quotas, &self.tallies, now, &mut spent_or_not);
        if let Some(max) = limits.connections {
            // Where the oldest stream makes room, a place is there for the next one, and none is left.
            let makes_room = limits.over_connections == OverConnections::EvictOldest && self.taken < limits.most_places();
            let refuses = transport.is_stream() && !makes_room;
            spent_or_not.set(Charge::of_places(LimitName::Connections, max, self.taken, refuses));
        }
        let mut charges = Charges::default();
        spent_or_not.iter().for_each(|charge| charges.set(charge.refusing_if_spent()));
        if let Some((quota, pace)) = limits.rate.as_ref().zip(self.pace) {
            // What a look calls remaining is without the request that looked.
            let pace = match pace {
                Pace::Within { remaining } => Pace::Within { remaining: remaining.saturating_add(1) },
                Pace::Beyond { .. } => pace,
            };
            charges.set(Charge::of_rate(LimitName::Rate, quota, pace));
        }
        charges
    }
}
