use proptest::prelude::*;
use sfv::{BareItem, ListEntry, Parser};

use super::*;
use crate::gate::limit::{LimitName, Pace, Period, Quota, Tally};

const X: LimitHeaders = LimitHeaders { on_permitted: false, x_ratelimit: true };
/// 2026-09-30T23:59:00Z.
const NOW: i64 = 1_790_812_740_000;

fn rate(pace: Pace) -> Charge {
    Charge::of_rate(LimitName::Rate, &Quota::new(50, 60, 100).unwrap(), pace)
}

fn quota(period: Period, max: u32, count: u32) -> Charge {
    Charge::of_quota(period, max, Tally { window: period.window(NOW), count }, NOW)
}

fn all(charges: impl IntoIterator<Item = Charge>) -> Charges {
    charges.into_iter().fold(Charges::default(), |mut all, charge| {
        all.set(charge);
        all
    })
}

fn text(charges: &Charges, headers: LimitHeaders) -> String {
    fields(charges, headers).map(|(name, value)| format!("{name}: {value}\n")).collect()
}

#[test]
fn every_policy_of_a_key_is_told() {
    let charges = all([
        rate(Pace::Within { remaining: 20 }),
        quota(Period::Day, 1000, 400),
        quota(Period::Month, 20_000, 20_000).refusing_if_spent(),
        Charge::of_places(LimitName::Connections, 10, 4, true),
    ]);
    expect_test::expect![[r#"
        RateLimit-Policy: "rate";q=50;w=60, "day";q=1000;w=86400, "month";q=20000;w=2592000, "connections";q=10;qu="concurrent-requests"
        RateLimit: "rate";r=20;t=24, "day";r=600;t=60, "month";r=0;t=60, "connections";r=6
        X-RateLimit-Limit: 20000
        X-RateLimit-Remaining: 0
        X-RateLimit-Reset: 60
    "#]]
    .assert_eq(&text(&charges, X));
}

#[test]
fn a_plain_request_is_not_told_to_wait_for_a_place() {
    let charges = all([rate(Pace::Within { remaining: 9 }), Charge::of_places(LimitName::Connections, 2, 2, false)]);
    expect_test::expect![[r#"
        RateLimit-Policy: "rate";q=50;w=60, "connections";q=2;qu="concurrent-requests"
        RateLimit: "rate";r=9;t=11
    "#]]
    .assert_eq(&text(&charges, LimitHeaders::default()));
    let only_places = Charges::one(Charge::of_places(LimitName::Connections, 2, 2, false));
    assert_eq!(text(&only_places, X), "RateLimit-Policy: \"connections\";q=2;qu=\"concurrent-requests\"\n");
}

#[test]
fn who_has_no_limits_is_told_nothing() {
    assert_eq!(text(&Charges::default(), X), "");
}

/// The members of a field: each one's name and its parameters that are numbers.
fn read(field: &str) -> Vec<(String, Vec<(String, i64)>)> {
    let list = Parser::parse_list(field.as_bytes()).unwrap_or_else(|error| panic!("{field}: {error}"));
    let items = list.into_iter().map(|entry| match entry {
        ListEntry::Item(item) => item,
        ListEntry::InnerList(_) => panic!("{field}: an inner list"),
    });
    let read = |item: sfv::Item| {
        let numbers = item.params.into_iter().filter_map(|(name, value)| Some((name, value.as_int()?)));
        let BareItem::String(name) = item.bare_item else { panic!("{field}: a name that is no string") };
        (name, numbers.collect())
    };
    items.map(read).collect()
}

fn charges() -> impl Strategy<Value = Charges> {
    let pace = prop_oneof![
        any::<u32>().prop_map(|remaining| Pace::Within { remaining }),
        (1u64..u64::MAX).prop_map(|retry_after_ns| Pace::Beyond { retry_after_ns }),
    ];
    let rate = (1u32..1_000_000, 1u32..100_000, 1u32.., pace).prop_map(|(requests, window, burst, pace)| {
        Charge::of_rate(LimitName::Rate, &Quota::new(requests, window, burst).unwrap(), pace)
    });
    let quota = |period| (1u32.., any::<u32>()).prop_map(move |(max, count)| quota(period, max, count).refusing_if_spent());
    let places = (1u32.., any::<u32>(), any::<bool>())
        .prop_map(|(max, taken, applies)| Charge::of_places(LimitName::Connections, max, taken, applies).refusing_if_spent());
    let any_of = (
        proptest::option::of(rate),
        proptest::option::of(quota(Period::Day)),
        proptest::option::of(quota(Period::Month)),
        proptest::option::of(places),
    );
    any_of.prop_map(|(rate, day, month, places)| all([rate, day, month, places].into_iter().flatten()))
}

proptest! {
    /// Whatever is told is what a reader of Structured Fields reads, and keeps the rules of the draft.
    #[test]
    fn a_reader_of_structured_fields_reads_what_was_said(charges in charges()) {
        let fields: Vec<_> = fields(&charges, X).collect();
        let field = |name: &str| fields.iter().find(|(own, _)| *own == name).map(|(_, value)| read(value)).unwrap_or_default();
        let (policies, limits) = (field("RateLimit-Policy"), field("RateLimit"));
        prop_assert_eq!(policies.len(), charges.iter().count());
        for (name, numbers) in &policies {
            let charge = charges.iter().find(|charge| charge.limit.name() == name).unwrap();
            let mut expected = vec![("q".to_owned(), i64::from(charge.quota))];
            expected.extend((charge.window_s > 0).then(|| ("w".to_owned(), i64::from(charge.window_s))));
            prop_assert_eq!(numbers, &expected);
        }
        for (name, numbers) in &limits {
            let charge = charges.iter().find(|charge| charge.limit.name() == name).unwrap();
            let t = numbers.iter().find(|(name, _)| name == "t").map(|(_, t)| *t);
            prop_assert_eq!(&numbers[0], &("r".to_owned(), i64::from(charge.remaining)));
            prop_assert_eq!(t.is_some(), charge.window_s > 0);
            if charge.refuses {
                // Section 6: `Retry-After` is not earlier than the end of the effective window.
                prop_assert!(t.is_none_or(|t| charges.retry_after_s().is_some_and(|retry| t <= i64::try_from(retry).unwrap())));
            }
        }
    }
}
