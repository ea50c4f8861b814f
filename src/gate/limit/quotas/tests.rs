use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

const DAY_MS: i64 = 86_400_000;
/// 2026-03-31T12:00:00Z.
const NOON: i64 = 1_774_958_400_000;
const MIDNIGHT: i64 = NOON + DAY_MS / 2;

fn quotas(day: u32, month: u32) -> Quotas {
    Quotas { day: Some(day), month: Some(month) }
}

/// How many of `asked` requests pass.
fn passed(meters: &Meters, quotas: &Quotas, unix_ms: i64, asked: u32) -> u32 {
    (0..asked).map(|_| u32::from(meters.charge(quotas, unix_ms).is_some())).sum()
}

#[test]
fn one_quota_is_a_quota() {
    let (day, month) = (Some(1), Some(1));
    for (quotas, any) in [
        (Quotas { day, month: None }, true),
        (Quotas { day: None, month }, true),
        (Quotas { day, month }, true),
        (Quotas::default(), false),
    ] {
        assert_eq!(quotas.any(), any, "{quotas:?}");
    }
}

#[test]
fn a_quota_is_full_again_when_its_window_ends_and_not_a_millisecond_before() {
    let (meters, quotas) = (Meters::default(), quotas(3, 1000));
    assert_eq!(passed(&meters, &quotas, NOON, 5), 3);
    assert_eq!(passed(&meters, &quotas, MIDNIGHT - 1, 5), 0);
    assert_eq!(passed(&meters, &quotas, MIDNIGHT, 5), 3);
}

#[test]
fn a_month_ends_with_its_last_day() {
    let (meters, quotas) = (Meters::default(), quotas(1000, 3));
    assert_eq!(passed(&meters, &quotas, NOON - DAY_MS, 2), 2);
    assert_eq!(passed(&meters, &quotas, MIDNIGHT - 1, 5), 1);
    assert_eq!(passed(&meters, &quotas, MIDNIGHT, 5), 3, "it is April");
}

#[test]
fn what_one_quota_refuses_is_charged_to_none() {
    let (meters, quotas) = (Meters::default(), quotas(5, 2));
    assert_eq!(passed(&meters, &quotas, NOON, 9), 2);
    assert_eq!(meters.tallies().day.map(|tally| tally.count), Some(2));
    let (meters, quotas) = (Meters::default(), self::quotas(2, 5));
    assert_eq!(passed(&meters, &quotas, NOON, 9), 2);
    assert_eq!(meters.tallies().month.map(|tally| tally.count), Some(2));
}

#[test]
fn a_clock_that_goes_back_hands_out_nothing_twice() {
    let (meters, quotas) = (Meters::default(), quotas(3, 1000));
    assert_eq!(passed(&meters, &quotas, MIDNIGHT, 2), 2);
    assert_eq!(passed(&meters, &quotas, MIDNIGHT - 1, 5), 1, "the day that has begun goes on");
    assert_eq!(passed(&meters, &quotas, MIDNIGHT, 5), 0);
    assert_eq!(passed(&meters, &quotas, MIDNIGHT + DAY_MS, 5), 3);
    assert_eq!(passed(&meters, &quotas, i64::MIN, 5), 0);
}

#[test]
fn what_is_given_back_can_be_had_again_in_its_window_only() {
    let (meters, quotas) = (Meters::default(), quotas(2, 1000));
    let charged = meters.charge(&quotas, NOON).unwrap();
    meters.give_back(&charged);
    assert_eq!(passed(&meters, &quotas, NOON, 5), 2);
    let charged = Tallies { month: None, ..charged };
    assert_eq!(passed(&meters, &quotas, MIDNIGHT, 1), 1);
    meters.give_back(&charged);
    assert_eq!(passed(&meters, &quotas, MIDNIGHT, 5), 1, "yesterday's is gone");
    let unused = Meters::default();
    unused.give_back(&charged);
    assert_eq!(unused.tallies(), Meters::default().tallies());
}

#[test]
fn a_restart_goes_on_where_the_store_left_off() {
    let (before, quotas) = (Meters::default(), quotas(5, 8));
    assert_eq!(passed(&before, &quotas, NOON, 4), 4);
    let kept = before.tallies();
    let after = Meters::default();
    after.restore(&kept);
    after.restore(&kept);
    assert_eq!(passed(&after, &quotas, NOON, 9), 1);
    assert_eq!(passed(&after, &quotas, MIDNIGHT, 9), 5, "April");
    after.restore(&kept);
    assert_eq!(passed(&after, &quotas, MIDNIGHT, 9), 0, "what is older than what is counted changes nothing");
}

#[test]
fn a_changed_quota_is_in_force_at_once() {
    let meters = Meters::default();
    assert_eq!(passed(&meters, &quotas(10, 1000), NOON, 6), 6);
    assert_eq!(passed(&meters, &quotas(4, 1000), NOON, 6), 0);
    assert_eq!(passed(&meters, &quotas(7, 1000), NOON, 6), 1);
    assert_eq!(passed(&meters, &Quotas::default(), NOON, 6), 6);
}

/// What a thread does: at which of the moments, and whether it then gives back what it got, as a request that the rate refuses does.
fn deeds() -> impl Strategy<Value = Vec<(i64, bool)>> {
    let moment = prop_oneof![Just(NOON), Just(MIDNIGHT - 1), Just(MIDNIGHT), Just(MIDNIGHT + DAY_MS)];
    proptest::collection::vec((moment, any::<bool>()), 0..60)
}

/// How many there are of each window.
fn counts(tallies: impl Iterator<Item = Tally>) -> HashMap<u32, u32> {
    let mut counts = HashMap::new();
    tallies.for_each(|tally| *counts.entry(tally.window).or_default() += 1);
    counts
}

proptest! {
    /// Whatever threads do between one another, and wherever their clocks stand, what is kept of a window never exceeds its quota.
    #[test]
    fn threads_together_never_exceed_a_quota(day in 1u32..40, month in 1u32..60, threads in proptest::collection::vec(deeds(), 1..5)) {
        let (meters, quotas) = (Meters::default(), quotas(day, month));
        let kept: Vec<Tallies> = std::thread::scope(|scope| {
            let work = |deeds: Vec<(i64, bool)>| {
                let (meters, quotas) = (&meters, &quotas);
                scope.spawn(move || {
                    let mut kept = Vec::new();
                    for (unix_ms, gives_back) in deeds {
                        match meters.charge(quotas, unix_ms) {
                            Some(charged) if gives_back => meters.give_back(&charged),
                            Some(charged) => kept.push(charged),
                            None => {}
                        }
                    }
                    kept
                })
            };
            let threads: Vec<_> = threads.into_iter().map(work).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        for (max, windows) in [(day, counts(kept.iter().filter_map(|charged| charged.day))), (month, counts(kept.iter().filter_map(|charged| charged.month)))] {
            for count in windows.values() {
                prop_assert!(*count <= max, "{} of {} in one window", count, max);
            }
        }
        // What is counted now is what was kept in the last window: nothing was lost and nothing was counted twice.
        let last = meters.tallies().day.unwrap();
        let of_last = kept.iter().filter(|charged| charged.day.is_some_and(|tally| tally.window == last.window)).count();
        prop_assert_eq!(last.count as usize, of_last);
    }

    /// Alone, a meter is a count for each window that starts again where a window begins.
    #[test]
    fn alone_it_counts(max in 1u32..20, steps in proptest::collection::vec(0i64..DAY_MS / 3, 1..80)) {
        let (meters, quotas) = (Meters::default(), Quotas { day: Some(max), month: None });
        let (mut now, mut counts) = (NOON, HashMap::<i64, u32>::new());
        for step in steps {
            now += step;
            let count = counts.entry(now / DAY_MS).or_default();
            prop_assert_eq!(meters.charge(&quotas, now).is_some(), *count < max);
            *count = max.min(*count + 1);
        }
    }
}
