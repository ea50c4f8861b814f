//! The order of the steps is a contract: of two faults, the earlier step's is told, and a refusal costs nobody but the peer.

mod faults;

use keygate::gate::{
    denial::{Blame, Denial},
    limit::Pace,
};
use proptest::prelude::*;

use self::faults::{Fault, Scene};
use crate::world::{NOW, places};

/// The contract: cheap before costly, anonymous before identified, limits last.
const ORDER: [Fault; 28] = [
    Fault::PeerBlocked,
    Fault::NoKeySet,
    Fault::StaleKeySet,
    Fault::PeerSpent,
    Fault::NoRoute,
    Fault::NoKey,
    Fault::TwoKeys,
    Fault::InTheClear,
    Fault::InCookie,
    Fault::Mistyped,
    Fault::Unknown,
    Fault::KeyBlocked,
    Fault::Revoked,
    Fault::Disabled,
    Fault::Expired,
    Fault::TestKey,
    Fault::ForeignAddress,
    Fault::SecretInQuery,
    Fault::SecretInBrowser,
    Fault::NoOrigin,
    Fault::UnlistedOrigin,
    Fault::NotCapable,
    Fault::NoChannel,
    Fault::TwoChannels,
    Fault::NotAChannel,
    Fault::NoPlace,
    Fault::QuotaSpent,
    Fault::RateSpent,
];

#[test]
fn of_two_faults_the_earlier_is_told() {
    assert_eq!(violations(&ORDER), Vec::<String>::new());
}

/// The negative control: were the steps in any other order, the test above would say so.
#[test]
fn any_two_steps_swapped_are_noticed() {
    let mut swaps = 0;
    for (one, other) in pairs(&ORDER) {
        let mut swapped = ORDER;
        swapped.swap(position(&ORDER, one), position(&ORDER, other));
        assert_ne!(violations(&swapped), Vec::<String>::new(), "{one:?} and {other:?} swapped");
        swaps += 1;
    }
    assert!(swaps > 100, "only {swaps} pairs were tried");
}

#[test]
fn every_fault_alone_is_told_as_itself() {
    for fault in ORDER {
        assert_eq!(decide(&[fault]), Err(fault.denial()), "{fault:?}");
    }
    assert_eq!(decide(&[]), Ok(()));
}

/// `Denial::ALL` says of itself that it is in the order in which the gate asks.
#[test]
fn the_table_of_denials_is_in_this_order() {
    let asked: Vec<_> = ORDER.iter().map(|fault| fault.denial()).collect();
    let table: Vec<_> = Denial::ALL.iter().copied().filter(|denial| asked.contains(denial)).collect();
    assert_eq!(table, asked);
}

#[test]
fn a_refusal_spends_the_peers_quota_only_and_only_if_the_request_is_to_blame() {
    let alone = ORDER.iter().map(|fault| vec![*fault]);
    let together = pairs(&ORDER).map(|(one, other)| vec![one, other]);
    for faults in std::iter::once(vec![]).chain(alone).chain(together) {
        costs_what_it_should(&faults);
    }
}

proptest! {
    #[test]
    fn of_any_faults_the_earliest_is_told(chosen in proptest::sample::subsequence(ORDER.to_vec(), 0..=ORDER.len()).prop_shuffle()) {
        let mut faults: Vec<Fault> = Vec::new();
        for fault in chosen {
            if faults.iter().all(|other| other.goes_with(fault)) {
                faults.push(fault);
            }
        }
        let first = faults.iter().min_by_key(|fault| position(&ORDER, **fault));
        prop_assert_eq!(decide(&faults), first.map_or(Ok(()), |fault| Err(fault.denial())));
        costs_what_it_should(&faults);
    }
}

/// What the gate says to a request with these faults.
fn decide(faults: &[Fault]) -> Result<(), Denial> {
    let scene = Scene::with(faults);
    scene.ask.outcome(&scene.gate)
}

/// Every pair of faults for which the gate does not tell the one that stands earlier in `order`.
fn violations(order: &[Fault]) -> Vec<String> {
    pairs(order)
        .filter_map(|(earlier, later)| {
            let told = decide(&[later, earlier]);
            (told != Err(earlier.denial())).then(|| format!("{earlier:?} before {later:?}: {told:?}"))
        })
        .collect()
}

/// Every two faults that one request can have, the earlier first.
fn pairs(order: &[Fault]) -> impl Iterator<Item = (Fault, Fault)> {
    let after = move |at: usize| order[at + 1..].iter().map(move |later| (order[at], *later));
    (0..order.len()).flat_map(after).filter(|(one, other)| one.goes_with(*other))
}

fn position(order: &[Fault], fault: Fault) -> usize {
    order.iter().position(|other| *other == fault).expect("a fault of the order")
}

fn costs_what_it_should(faults: &[Fault]) {
    let scene = Scene::with(faults);
    let rate = |scene: &Scene| scene.key.usage.rate.peek(&scene.key_quota, NOW.ticks_ns);
    let peer = |scene: &Scene| scene.gate.peers().peek(scene.peer.into(), &scene.peer_quota, NOW.ticks_ns);
    let tallies = |scene: &Scene| scene.key.usage.tallies();
    let (rate_before, places_before, peer_before) = (rate(&scene), places(&scene.key), peer(&scene));
    let tallies_before = tallies(&scene);
    let outcome = scene.ask.outcome(&scene.gate);
    assert_eq!(places(&scene.key), places_before, "a place is still held: {faults:?}");
    assert_eq!(rate(&scene) == rate_before, outcome.is_err(), "the key's rate: {faults:?}");
    assert_eq!(tallies(&scene) == tallies_before, outcome.is_err(), "the key's quotas: {faults:?}");
    let blamed = outcome.is_err_and(|denial| denial.blame() == Blame::Request);
    let spent = matches!(peer_before, Pace::Within { .. }) && matches!(peer(&scene), Pace::Beyond { .. });
    assert_eq!(spent, blamed, "the peer's refusals: {faults:?}");
}
