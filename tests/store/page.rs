//! Keys page by page, and of a kind.

use keygate::{
    gate::{
        credential::{Environment, Kind},
        keys::{Key, State, Step},
    },
    keystore::{Deed, KeyFilter, KeyStore as _},
};

use crate::support::{Own, full_key, ids, key, list, step};

fn own() -> Own {
    let own = Own::with(&["a1", "a2", "b1"]);
    let other = Key { app: "other".into(), ..key("b2") };
    own.commit(Deed::Import(vec![other, full_key("c1")])).unwrap();
    own.commit(step("a2", Step::Revoke)).unwrap();
    own
}

#[test]
fn pages_follow_each_other_in_the_order_of_ids() {
    let own = own();
    let page = |after, limit| own.store.keys(&KeyFilter::default(), after, limit).unwrap();
    assert_eq!(ids(&page(None, 2)), ["a1", "a2"]);
    assert_eq!(ids(&page(Some("a2"), 2)), ["b1", "b2"]);
    assert_eq!(ids(&page(Some("b3"), 2)), ["c1"], "behind an id that there is not");
    assert!(page(Some("c1"), 2).is_empty() && page(None, 0).is_empty());
}

#[test]
fn a_filter_asks_for_all_that_it_says() {
    let own = own();
    let any = KeyFilter::default;
    assert_eq!(list(&own, KeyFilter { app: Some("other".into()), ..any() }), ["b2"]);
    assert_eq!(list(&own, KeyFilter { kind: Some(Kind::Publishable), ..any() }), ["c1"]);
    assert_eq!(list(&own, KeyFilter { environment: Some(Environment::Test), ..any() }), ["c1"]);
    assert_eq!(list(&own, KeyFilter { state: Some(State::Revoked), ..any() }), ["a2"]);
    assert_eq!(list(&own, KeyFilter { state: Some(State::Active), app: Some("demo".into()), ..any() }), ["a1", "b1", "c1"]);
    assert!(list(&own, KeyFilter { state: Some(State::Revoked), app: Some("other".into()), ..any() }).is_empty());
}

#[test]
fn a_text_is_looked_for_in_ids_and_names_in_either_case() {
    let own = own();
    let with = |text: &str| list(&own, KeyFilter { text: Some(text.into()), ..KeyFilter::default() });
    assert_eq!(with("B"), ["b1", "b2"]);
    assert_eq!(with("key A"), ["a1", "a2"]);
    assert_eq!(with("SCHLÜSSEL „ω"), ["c1"], "of every script");
    assert!(with("%").is_empty() && with("gold").is_empty());
}
