//! What is remembered of gates, and of whom not.

use super::*;
use crate::keystore::Checkpoint;

fn joining(instance: &str) -> Joining {
    Joining {
        instance: instance.into(),
        name: "edge".into(),
        nonce: "n".into(),
        at: Checkpoint { version: VERSION, hash: [1; 32] },
        max_stale: Duration::from_secs(86_400),
    }
}

const VERSION: Version = Version { epoch: 1, sequence: 9 };

fn report(instance: &str, ended: impl IntoIterator<Item = usize>) -> Report {
    let ended = ended.into_iter().map(|n| (format!("key{n}").into(), Ended { cut: 1, remaining: 0 })).collect();
    Report { instance: instance.into(), number: number(), version: VERSION, ended, ..Report::default() }
}

/// A later one than any before.
fn number() -> u64 {
    static LAST: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    LAST.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1
}

fn join(gates: &Arc<Gates>, instance: &str) -> Present {
    gates.join(&joining(instance), "operator:a").unwrap()
}

fn gates() -> Arc<Gates> {
    Arc::default()
}

/// What one gate says of a key: whether it obeys, and how many streams it cut.
fn said(gates: &Gates, id: &str) -> Option<(bool, usize)> {
    let receipts = gates.receipts(id, VERSION);
    receipts.first().map(|(_, receipt)| (receipt.acknowledged, receipt.cut))
}

#[test]
fn to_come_back_acknowledges_nothing() {
    let gates = gates();
    let one = join(&gates, "one");
    assert_eq!(said(&gates, "key1"), Some((false, 0)), "it says what it has, and may not decide by it yet");
    gates.report(report("one", [1]), "operator:a", true).unwrap();
    assert_eq!(said(&gates, "key1"), Some((true, 1)));
    drop(one);
    let _one = join(&gates, "one");
    assert_eq!(said(&gates, "key1"), Some((false, 0)));
}

#[test]
fn what_this_store_never_had_acknowledges_nothing() {
    let gates = gates();
    let _one = join(&gates, "one");
    gates.report(report("one", [1]), "operator:a", false).unwrap();
    assert_eq!(said(&gates, "key1"), Some((false, 0)));
}

#[test]
fn a_report_in_parts_counts_with_its_last() {
    let gates = gates();
    let _one = join(&gates, "one");
    gates.report(Report { more: true, ..report("one", 0..200) }, "operator:a", true).unwrap();
    assert_eq!(said(&gates, "key1"), Some((false, 0)));
    gates.report(report("one", 200..300), "operator:a", true).unwrap();
    assert_eq!((said(&gates, "key1"), said(&gates, "key299")), (Some((true, 1)), Some((true, 1))));
}

/// What a key cost when it was disabled, it did not cost once more when it was revoked.
#[test]
fn what_ended_by_an_earlier_change_is_not_counted_again() {
    let gates = gates();
    let _one = join(&gates, "one");
    gates.report(report("one", [1]), "operator:a", true).unwrap();
    let later = Version { sequence: 10, ..VERSION };
    gates.report(Report { version: later, ..report("one", []) }, "operator:a", true).unwrap();
    let receipts = gates.receipts("key1", later);
    assert_eq!((receipts[0].1.acknowledged, receipts[0].1.cut), (true, 0));
}

#[test]
fn who_has_left_stays_away_whatever_comes_late() {
    let gates = gates();
    let one = join(&gates, "one");
    gates.report(Report { leaving: true, ..report("one", []) }, "operator:a", true).unwrap();
    gates.report(report("one", []), "operator:a", true).unwrap();
    drop(one);
    assert!(gates.receipts("key1", VERSION).is_empty() && gates.views().is_empty());
    gates.is_kept("one", false);
    let _one = join(&gates, "one");
    assert_eq!((gates.views().len(), gates.unkept(None).len()), (1, 1), "unless it comes back itself");
}

#[test]
fn a_token_speaks_for_its_own_gates_only() {
    let gates = gates();
    let _one = join(&gates, "one");
    assert_eq!(gates.join(&joining("one"), "operator:b").err(), Some(NoPlace::AnothersName));
    assert_eq!(gates.report(report("one", []), "operator:b", true), Err(NoReport::Unknown));
    assert!(!gates.knows("one", "operator:b"));
    assert_eq!(gates.takes("one", 1, "operator:b"), None);
    assert_eq!(said(&gates, "key1"), Some((false, 0)));
}

/// However many gates somebody invents, others still have room, and none is forgotten that might decide by what it has.
#[test]
fn one_token_fills_no_memory() {
    let gates = gates();
    let last = (0..).take_while(|n| gates.join(&joining(&format!("i{n}")), "operator:a").is_ok()).count();
    assert_eq!(last, MAX_OF_ACTOR);
    assert_eq!(gates.views().len(), MAX_OF_ACTOR, "all of them may still decide");
    gates.join(&joining("i7"), "operator:a").expect("one that is known comes back");
    gates.join(&joining("mine"), "operator:b").expect("another token has room");
    // And of what they tell, too.
    let tell = |n: usize| gates.report(report(&format!("i{n}"), n * 20..(n + 1) * 20), "operator:a", true);
    let told = (0..MAX_OF_ACTOR).take_while(|n| tell(*n).is_ok()).count();
    let kept: usize = gates.known.lock().values().map(|gate| gate.ended.len()).sum();
    assert_eq!((told, kept, tell(told)), (MAX_KEYS / 20, MAX_KEYS, Err(NoReport::TooMuch)));
    let left_out = gates.receipts("key1", VERSION).iter().filter(|(_, said)| !said.acknowledged).count();
    assert_eq!(left_out, MAX_OF_ACTOR - told + 1, "what is not remembered is not acknowledged");
    gates.report(report("mine", [1]), "operator:b", true).unwrap();
    assert_eq!(gates.known.lock()["mine"].ended.len(), 1);
}

#[test]
fn a_batch_counts_once_and_again_where_it_was_not_kept() {
    let gates = gates();
    let _one = join(&gates, "one");
    assert!(gates.takes("one", 1, "operator:a").is_some());
    assert!(gates.takes("one", 1, "operator:a").is_none());
    gates.gives_back("one", 1);
    assert!(gates.takes("one", 1, "operator:a").is_some() && gates.takes("one", 2, "operator:a").is_some());
    gates.gives_back("one", 1);
    assert!(gates.takes("one", 2, "operator:a").is_none(), "a later one was kept");
}

/// A manager that is started again does not know how long ago the one before it fed its gates.
#[test]
fn who_was_known_before_a_restart_is_waited_for() {
    let kept = Kept { name: "edge".into(), actor: "operator:a".into(), max_stale_ms: 86_400_000 };
    let over = Kept { name: "gone".into(), actor: "operator:a".into(), max_stale_ms: 0 };
    let gates = Arc::new(Gates::of([("one".into(), kept), ("two".into(), over)]));
    assert_eq!((gates.receipts("key1", VERSION).len(), said(&gates, "key1")), (1, Some((false, 0))));
    assert_eq!((gates.forget(), gates.forget()), (vec!["two".into()], Vec::new()));
    let _present = join(&gates, "one");
    assert!(gates.unkept(None).is_empty());
    gates.report(report("one", []), "operator:a", true).unwrap();
    assert_eq!(said(&gates, "key1"), Some((true, 0)));
}

/// A report that was on its way for long does not undo what came later.
#[test]
fn a_late_report_says_nothing() {
    let gates = gates();
    let _one = join(&gates, "one");
    let late = Report { ended: [("key1".into(), Ended::default())].into(), ..report("one", []) };
    let still = Ended { cut: 2, remaining: 1 };
    let now = Report { ended: [("key1".into(), still)].into(), ..report("one", []) };
    gates.report(now, "operator:a", true).unwrap();
    gates.report(late, "operator:a", true).unwrap();
    let receipts = gates.receipts("key1", VERSION);
    assert_eq!((receipts[0].1.cut, receipts[0].1.remaining), (2, 1));
}
