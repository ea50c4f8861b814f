//! What a permit holds, and when it is given back.

use std::sync::Arc;

use keygate::gate::{
    Gate,
    denial::Denial,
    keys::{KeyLimits, KeyRecord, OverConnections},
    limit::Charge,
    permit::Permit,
    policy::{Demand, Mode, Policy},
    testing,
};

use crate::world::{Ask, NOW, at_once, gate, key_of, places, set};

const HOUR_NS: u64 = 3_600_000_000_000;

fn policy() -> Policy {
    testing::policy([testing::route("any", "/", Demand::Any)])
}

fn limited(rate: Option<u32>, connections: Option<u32>) -> KeyRecord {
    let limits = KeyLimits { rate: rate.map(at_once), connections, ..KeyLimits::default() };
    KeyRecord { limits: Arc::new(limits), ..testing::secret("key", "text") }
}

fn stream() -> Ask {
    Ask::get("/").key("text").websocket()
}

fn let_in(gate: &Gate, ask: &Ask) -> Permit {
    ask.at(gate, NOW).expect("a permit")
}

#[test]
fn a_stream_holds_its_place_until_its_permit_is_dropped() {
    let gate = gate(policy(), [limited(None, Some(2))]);
    let key = key_of(&gate);
    let first = let_in(&gate, &stream());
    let second = let_in(&gate, &Ask::get("/").key("text").event_stream());
    assert!(first.holds_place() && second.holds_place());
    assert_eq!(stream().outcome(&gate), Err(Denial::KeyConnections));
    drop(first);
    assert_eq!(places(&key), 1);
    assert_eq!(stream().outcome(&gate), Ok(()));
    drop(second);
    assert_eq!(places(&key), 0);
}

#[test]
fn where_the_oldest_makes_room_there_are_as_many_places_again() {
    let limits = |over_connections| KeyLimits { connections: Some(2), over_connections, ..KeyLimits::default() };
    let key = |over| KeyRecord { limits: Arc::new(limits(over)), ..testing::secret("key", "text") };
    let evicting = gate(policy(), [key(OverConnections::EvictOldest)]);
    let held: Vec<_> = (0..4).map(|_| let_in(&evicting, &stream())).collect();
    assert!(held.iter().all(|permit| permit.evicts_beyond() == Some(2)));
    let refusal = stream().at(&evicting, NOW).expect_err("goodbyes do not pile up without end");
    let told: Vec<_> = refusal.charges.iter().map(told_of_places).collect();
    assert_eq!((refusal.denial, told), (Denial::KeyConnections, vec![("connections", 0, true, true)]));
    assert_eq!(let_in(&evicting, &Ask::get("/").key("text")).evicts_beyond(), None, "a plain request ends nobody");

    let rejecting = gate(policy(), [key(OverConnections::Reject)]);
    let held: Vec<_> = (0..2).map(|_| let_in(&rejecting, &stream())).collect();
    assert!(held.iter().all(|permit| permit.evicts_beyond().is_none()));
    assert_eq!(stream().outcome(&rejecting), Err(Denial::KeyConnections));

    let watching = gate(Policy { mode: Mode::Report, ..policy() }, [key(OverConnections::EvictOldest)]);
    assert_eq!(let_in(&watching, &stream()).evicts_beyond(), None, "who only watches ends nobody");
}

#[test]
fn a_plain_request_holds_none_and_needs_none() {
    let gate = gate(policy(), [limited(None, Some(1))]);
    let _held = let_in(&gate, &stream());
    let plain = let_in(&gate, &Ask::get("/").key("text"));
    assert!(!plain.holds_place());
    assert_eq!(places(&key_of(&gate)), 1);
}

#[test]
fn who_is_let_in_is_told_how_many_places_are_left() {
    let gate = gate(policy(), [limited(None, Some(3))]);
    let told = |ask: &Ask| match ask.at(&gate, NOW) {
        Ok(permit) => (permit.charges().iter().map(told_of_places).collect::<Vec<_>>(), Some(permit)),
        Err(refusal) => (refusal.charges.iter().map(told_of_places).collect(), None),
    };
    let plain = Ask::get("/").key("text");
    let (mut held, mut left) = (Vec::new(), Vec::new());
    for ask in [&plain, &stream(), &stream(), &plain, &stream(), &plain, &stream()] {
        let (charges, permit) = told(ask);
        left.extend(charges);
        held.push(permit);
    }
    // A plain request takes no place and is refused none.
    let plain = |remaining| ("connections", remaining, false, false);
    let stream = |remaining, refuses| ("connections", remaining, refuses, true);
    assert_eq!(left, [plain(3), stream(2, false), stream(1, false), plain(1), stream(0, false), plain(0), stream(0, true)]);
}

/// The limit, what is left of it, whether it refuses, and whether it is asked of such requests.
fn told_of_places(charge: &Charge) -> (&'static str, u32, bool, bool) {
    (charge.limit.name(), charge.remaining, charge.refuses, charge.applies)
}

#[test]
fn streams_without_a_limit_are_counted_too() {
    let gate = gate(policy(), [limited(None, None)]);
    let held: Vec<_> = (0..100).map(|_| let_in(&gate, &stream())).collect();
    assert_eq!(places(&key_of(&gate)), 100);
    drop(held);
    assert_eq!(places(&key_of(&gate)), 0);
}

#[test]
fn a_stream_that_comes_too_fast_gives_its_place_back() {
    let gate = gate(policy(), [limited(Some(1), Some(1))]);
    assert_eq!(stream().outcome(&gate), Ok(()));
    assert_eq!(stream().outcome(&gate), Err(Denial::RateLimited));
    assert_eq!(places(&key_of(&gate)), 0);
}

#[test]
fn a_stream_that_finds_no_place_spends_no_rate() {
    let gate = gate(policy(), [limited(Some(2), Some(1))]);
    let held = let_in(&gate, &stream());
    for _ in 0..10 {
        assert_eq!(stream().outcome(&gate), Err(Denial::KeyConnections));
    }
    drop(held);
    assert_eq!(stream().outcome(&gate), Ok(()), "the second of two");
    assert_eq!(stream().outcome(&gate), Err(Denial::RateLimited));
}

#[test]
fn a_refused_rate_says_when_to_come_back_and_keeps_its_word() {
    let gate = gate(policy(), [limited(Some(1), None)]);
    let ask = Ask::get("/").key("text");
    assert_eq!(ask.outcome(&gate), Ok(()));
    let refusal = ask.at(&gate, NOW).expect_err("too fast");
    let retry_after_ns = refusal.charges.violated().next().expect("a violated limit").effective_ns;
    assert_eq!(retry_after_ns, HOUR_NS);
    assert!(ask.at(&gate, NOW.after_ns(retry_after_ns - 1)).is_err());
    assert!(ask.at(&gate, NOW.after_ns(retry_after_ns)).is_ok());
}

#[test]
fn keys_share_nothing() {
    let other = KeyRecord { limits: limited(Some(1), Some(1)).limits, ..testing::secret("other", "other") };
    let gate = gate(policy(), [limited(Some(1), Some(1)), other]);
    let _held = let_in(&gate, &stream());
    assert_eq!(Ask::get("/").key("other").websocket().outcome(&gate), Ok(()));
}

#[test]
fn places_and_rate_live_on_in_the_next_set() {
    let gate = gate(policy(), [limited(Some(2), Some(1))]);
    let held = let_in(&gate, &stream());
    let next = KeyRecord { usage: Arc::clone(&key_of(&gate).usage), ..limited(Some(2), Some(1)) };
    gate.publish(Arc::new(policy()), Arc::new(set([next])));
    assert_eq!(stream().outcome(&gate), Err(Denial::KeyConnections), "the old set's stream holds the new set's place");
    drop(held);
    assert_eq!(places(&key_of(&gate)), 0);
    assert_eq!(stream().outcome(&gate), Ok(()), "the second of two");
    assert_eq!(stream().outcome(&gate), Err(Denial::RateLimited), "the first was spent under the old set");
}

#[test]
fn a_lowered_limit_holds_for_what_is_already_open() {
    let gate = gate(policy(), [limited(None, Some(3))]);
    let mut held: Vec<_> = (0..3).map(|_| let_in(&gate, &stream())).collect();
    let next = KeyRecord { usage: Arc::clone(&key_of(&gate).usage), ..limited(None, Some(1)) };
    gate.publish(Arc::new(policy()), Arc::new(set([next])));
    while held.pop().is_some() {
        let expected = if held.is_empty() { Ok(()) } else { Err(Denial::KeyConnections) };
        assert_eq!(stream().outcome(&gate), expected, "with {} open", held.len());
    }
}
