//! What a key may do in a day and in a month: what a request spends, and what it is told.

use std::sync::Arc;

use keygate::gate::{
    Gate,
    denial::Denial,
    keys::{KeyLimits, KeyRecord},
    limit::{Charge, Charges, Quota, Quotas},
    policy::{Demand, Policy},
    testing,
    time::Timestamp,
};
use proptest::prelude::*;

use crate::world::{Ask, at_once, gate, key_of, set};

/// 2026-01-31T23:59:59Z.
const EVE: Timestamp = Timestamp { unix_ms: 1_769_903_999_000, ticks_ns: 1 };
const SECOND_NS: u64 = 1_000_000_000;

fn policy() -> Policy {
    testing::policy([testing::route("any", "/", Demand::Any)])
}

fn quotas(day: u32, month: u32) -> KeyLimits {
    KeyLimits { quotas: Quotas { day: Some(day), month: Some(month) }, ..KeyLimits::default() }
}

fn key(limits: KeyLimits) -> KeyRecord {
    KeyRecord { limits: Arc::new(limits), ..testing::secret("key", "text") }
}

fn plain() -> Ask {
    Ask::get("/").key("text")
}

fn outcome(gate: &Gate, ask: &Ask, now: Timestamp) -> Result<(), Denial> {
    ask.at(gate, now).map(drop).map_err(|refusal| refusal.denial)
}

/// How many of ten pass.
fn passed(gate: &Gate, now: Timestamp) -> usize {
    (0..10).filter(|_| outcome(gate, &plain(), now).is_ok()).count()
}

/// Name, what is left, seconds, and whether it refuses.
fn told(charges: &Charges) -> Vec<(&'static str, u32, Option<u64>, bool)> {
    let told = |charge: &Charge| (charge.limit.name(), charge.remaining, charge.effective_s(), charge.refuses);
    charges.iter().map(told).collect()
}

#[test]
fn requests_of_every_kind_count() {
    let gate = gate(policy(), [key(quotas(3, 100))]);
    for ask in [plain(), plain().websocket(), plain().event_stream()] {
        assert_eq!(outcome(&gate, &ask, EVE), Ok(()));
    }
    assert_eq!(outcome(&gate, &plain(), EVE), Err(Denial::QuotaExceeded));
}

#[test]
fn a_refusal_tells_when_the_last_quota_that_is_spent_is_full_again() {
    let at = gate(policy(), [key(quotas(2, 100))]);
    assert_eq!(passed(&at, EVE), 2);
    let refusal = plain().at(&at, EVE).expect_err("spent");
    assert_eq!(told(&refusal.charges), [("day", 0, Some(1), true), ("month", 98, Some(1), false)]);
    assert_eq!(refusal.charges.retry_after_s(), Some(1));
    assert!(plain().at(&at, EVE.after_ns(SECOND_NS - 1)).is_err());
    assert!(plain().at(&at, EVE.after_ns(SECOND_NS)).is_ok());

    let noon = EVE.after_ns(43_200 * SECOND_NS);
    let both = gate(policy(), [key(quotas(2, 2))]);
    assert_eq!(passed(&both, noon), 2);
    let refusal = plain().at(&both, noon).expect_err("spent");
    assert_eq!(refusal.charges.violated().count(), 2);
    assert_eq!(refusal.charges.retry_after_s(), Some(27 * 86_400 + 43_201), "tomorrow the month's would still refuse");
}

#[test]
fn what_the_rate_refuses_spends_no_quota() {
    let limits = KeyLimits { rate: Some(at_once(2)), ..quotas(3, 100) };
    let gate = gate(policy(), [key(limits)]);
    assert_eq!(passed(&gate, EVE), 2);
    let refusal = plain().at(&gate, EVE).expect_err("too fast");
    assert_eq!(refusal.denial, Denial::RateLimited);
    assert_eq!(
        told(&refusal.charges),
        [("rate", 0, Some(3600), true), ("day", 1, Some(1), false), ("month", 98, Some(1), false)]
    );
}

#[test]
fn what_a_quota_refuses_spends_neither_rate_nor_place() {
    let limits = KeyLimits { rate: Some(at_once(5)), connections: Some(3), ..quotas(2, 100) };
    let gate = gate(policy(), [key(limits)]);
    assert_eq!(passed(&gate, EVE), 2);
    let refusal = plain().websocket().at(&gate, EVE).expect_err("spent");
    let rate_left = 3;
    assert_eq!(
        told(&refusal.charges),
        [
            ("rate", rate_left, Some(3 * 3600), false),
            ("day", 0, Some(1), true),
            ("month", 98, Some(1), false),
            ("connections", 3, None, false),
        ]
    );
    assert_eq!(passed(&gate, EVE.after_ns(SECOND_NS)), 2, "and the next day again");
}

#[test]
fn what_finds_no_place_spends_no_quota() {
    let limits = KeyLimits { connections: Some(0), ..quotas(1, 100) };
    let gate = gate(policy(), [key(limits)]);
    let refusal = plain().websocket().at(&gate, EVE).expect_err("no place");
    assert_eq!(refusal.denial, Denial::KeyConnections);
    assert_eq!(
        told(&refusal.charges),
        [("day", 1, Some(1), false), ("month", 100, Some(1), false), ("connections", 0, None, true)]
    );
    assert_eq!(passed(&gate, EVE), 1);
}

#[test]
fn a_permit_tells_of_every_limit() {
    let limits = KeyLimits { rate: Quota::new(10, 1, 5).ok(), connections: Some(7), ..quotas(8, 100) };
    let gate = gate(policy(), [key(limits)]);
    let permit = plain().websocket().at(&gate, EVE).expect("a permit");
    assert_eq!(
        told(permit.charges()),
        [("rate", 4, Some(1), false), ("day", 7, Some(1), false), ("month", 99, Some(1), false), ("connections", 6, None, false)]
    );
    assert!(permit.charges().iter().all(|charge| charge.applies));
    let permit = plain().at(&gate, EVE).expect("a permit");
    assert!(permit.charges().iter().all(|charge| charge.applies == (charge.limit.name() != "connections")));
}

#[test]
fn a_reload_starts_no_quota_again() {
    let limits = quotas(3, 100);
    let gate = gate(policy(), [key(limits)]);
    assert_eq!(outcome(&gate, &plain(), EVE), Ok(()));
    let usage = || Arc::clone(&key_of(&gate).usage);
    gate.publish(Arc::new(policy()), Arc::new(set([KeyRecord { usage: usage(), ..key(limits) }])));
    assert_eq!(passed(&gate, EVE), 2);
    // Also of a key that had none before.
    gate.publish(Arc::new(policy()), Arc::new(set([KeyRecord { usage: usage(), ..key(KeyLimits::default()) }])));
    assert_eq!(passed(&gate, EVE), 10);
    gate.publish(Arc::new(policy()), Arc::new(set([KeyRecord { usage: usage(), ..key(quotas(4, 100)) }])));
    assert_eq!(passed(&gate, EVE), 1, "three were counted while there was a quota");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Threads that ask at once, with a rate and a few places in between, never get one request more than the quotas hold, and what
    /// they were let through is what was counted.
    #[test]
    fn threads_together_never_exceed_a_quota(
        day in 1u32..60,
        month in 1u32..60,
        burst in 1u32..80,
        places in 0u32..4,
        threads in proptest::collection::vec(proptest::collection::vec(any::<bool>(), 1..40), 1..5),
    ) {
        let limits = KeyLimits { rate: Some(at_once(burst)), connections: Some(places), ..quotas(day, month) };
        let gate = gate(policy(), [key(limits)]);
        let (plain, stream) = (plain(), plain().websocket());
        let passed: u32 = std::thread::scope(|scope| {
            let threads: Vec<_> = threads
                .iter()
                .map(|asks| {
                    let ask = |is_stream: &bool| u32::from(outcome(&gate, if *is_stream { &stream } else { &plain }, EVE).is_ok());
                    let (asks, ask) = (asks, ask);
                    scope.spawn(move || asks.iter().map(ask).sum::<u32>())
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("a thread")).sum()
        });
        prop_assert!(passed <= day.min(month).min(burst), "{} of {}, {} and {}", passed, day, month, burst);
        let key = key_of(&gate);
        let tallies = key.usage.tallies().expect("tallies");
        prop_assert_eq!(tallies.day.map(|tally| tally.count), Some(passed));
        prop_assert_eq!(tallies.month.map(|tally| tally.count), Some(passed));
        prop_assert_eq!(key.usage.places(), 0);
        // Nobody was turned away while there was room: what is left of the smallest can still be had.
        let left = (0..100).filter(|_| outcome(&gate, &plain, EVE).is_ok()).count();
        prop_assert_eq!(passed + u32::try_from(left).expect("few"), day.min(month).min(burst));
    }
}
