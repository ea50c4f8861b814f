//! A request that is repeated is done once.

use keygate::{
    gate::keys::Step,
    keystore::{Change, Deed, KeyStore as _, Once, Operator, Role, StoreError},
};

use crate::support::{HOUR, NOW, Own, change, key, step};

fn once(deed: Deed, name: &str, request: u8) -> Change {
    Change { once: Some(Once { key: name.into(), request: [request; 32] }), ..change(deed) }
}

#[test]
fn a_repeated_request_tells_of_the_same_keys() {
    let own = Own::with(&[]);
    let create = || Deed::Create(vec![key("a"), key("b")]);
    let first = own.store.commit(once(create(), "r1", 1)).unwrap();
    own.commit(step("a", Step::Disable)).unwrap();
    let own = own.reopened();
    let again = own.store.commit(once(create(), "r1", 1)).unwrap();
    assert!(again.repeated && !first.repeated);
    assert_eq!((again.keys.as_slice(), again.version), (own.all().as_slice(), own.store.version().unwrap()), "as they are now");
    assert_eq!(own.actions().len(), 4, "and nothing was done");
    assert_eq!(own.store.commit(once(create(), "r1", 2)).unwrap_err(), StoreError::Reused);
    let other = Change { actor: "operator:bob".into(), ..once(Deed::Create(vec![key("c")]), "r1", 3) };
    assert!(!own.store.commit(other).unwrap().repeated, "another's request is another");
}

#[test]
fn a_repeated_request_tells_of_the_same_operator() {
    let own = Own::with(&[]);
    let made = |id: &str| {
        let (name, role) = ("Ann".into(), Role::Owner);
        Operator { id: id.into(), name, role, digest: [7; 32], created_at_ms: NOW, expires_at_ms: i64::MAX, revoked: false }
    };
    let create = |id: &str| once(Deed::CreateOperator(made(id)), "r1", 1);
    assert_eq!(own.store.commit(create("first")).unwrap().operator, Some(made("first")));
    own.commit(Deed::RevokeOperator("first".into())).unwrap();
    let own = own.reopened();
    let again = own.store.commit(create("second")).unwrap();
    assert!(again.repeated && again.keys.is_empty());
    assert_eq!(again.operator, Some(Operator { revoked: true, ..made("first") }), "as they are now");
    assert_eq!(own.store.operators().unwrap().len(), 1, "and nobody else was made");
    assert_eq!(own.store.commit(once(Deed::CreateOperator(made("third")), "r1", 2)).unwrap_err(), StoreError::Reused);
}

#[test]
fn what_changed_nothing_is_not_done_later_either() {
    let own = Own::with(&["a"]);
    assert!(own.store.commit(once(step("a", Step::Enable), "r1", 1)).unwrap().unchanged);
    own.commit(step("a", Step::Disable)).unwrap();
    assert!(own.store.commit(once(step("a", Step::Enable), "r1", 1)).unwrap().repeated);
    assert_eq!(own.all()[0].version, 2);
}

#[test]
fn what_was_refused_may_be_asked_again() {
    let own = Own::with(&[]);
    let create = || once(Deed::Create(vec![key("a")]), "r1", 1);
    let elsewhere = once(step("a", Step::Enable), "r1", 1);
    assert_eq!(own.store.commit(elsewhere).unwrap_err(), StoreError::NotFound("key:a".into()));
    assert!(!own.store.commit(create()).unwrap().repeated);
}

#[test]
fn a_request_is_remembered_for_a_day() {
    let own = Own::with(&["a"]);
    let at = |at_ms, to| Change { at_ms, ..once(step("a", to), "r1", 1) };
    own.store.commit(at(NOW, Step::Disable)).unwrap();
    assert!(own.store.commit(at(NOW + 24 * HOUR - 1, Step::Enable)).unwrap().repeated);
    assert!(!own.store.commit(at(NOW + 24 * HOUR, Step::Enable)).unwrap().repeated);
}
