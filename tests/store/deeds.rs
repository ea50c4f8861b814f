//! Each deed, and each reason not to do it.

use keygate::{
    gate::{
        keys::{KeyChange, MAX_GRACE_MS, Refused, State, Step},
        testing,
    },
    keystore::{Deed, KeyStore as _, Operator, Role, SqliteStore, StoreError},
};

use crate::support::{HOUR, NOW, Own, all, app, change, full_key, ids, key, rotate, step, update};

#[test]
fn keys_are_read_as_they_were_written() {
    let own = Own::with(&["web", "server"]);
    let made = own.commit(Deed::Create(vec![full_key("full")])).unwrap();
    assert_eq!((made.keys.as_slice(), made.unchanged, made.repeated), (&[full_key("full")][..], false, false));
    let (version, keys) = all(&own.store).unwrap();
    assert_eq!(keys, [full_key("full"), key("server"), key("web")], "in the order of their ids");
    assert_eq!((version.epoch, version, own.store.version().unwrap()), (NOW as u64, made.version, version));
    assert_eq!(own.store.key("full").unwrap(), Some(full_key("full")));
    assert_eq!(own.store.key("none").unwrap(), None);
    assert_eq!(own.store.apps().unwrap(), [app("demo")]);
    let own = own.reopened();
    assert_eq!(all(&own.store).unwrap(), (version, keys));
}

#[test]
fn keys_with_the_same_terms_share_them() {
    let own = Own::with(&["a", "b"]);
    let keys = own.all();
    assert!(std::sync::Arc::ptr_eq(&keys[0].about.terms, &keys[1].about.terms));
}

#[test]
fn what_is_there_already_is_not_made_again() {
    let own = Own::with(&["web"]);
    let before = own.store.version().unwrap();
    let refused = |deed| own.commit(deed).unwrap_err();
    assert_eq!(refused(Deed::CreateApp(app("demo"), vec![])), StoreError::Exists("app:demo".into()));
    assert_eq!(refused(Deed::Create(vec![key("new"), key("web")])), StoreError::Exists("key:web".into()));
    assert_eq!(refused(Deed::Import(vec![key("new"), key("new")])), StoreError::Exists("key:new".into()));
    let elsewhere = keygate::gate::keys::Key { app: "none".into(), ..key("new") };
    assert_eq!(refused(Deed::Create(vec![elsewhere])), StoreError::NotFound("app:none".into()));
    assert_eq!(refused(step("none", Step::Revoke)), StoreError::NotFound("key:none".into()));
    assert_eq!(refused(Deed::RevokeOperator("none".into())), StoreError::NotFound("operator:none".into()));
    assert_eq!(ids(&own.all()), ["web"], "all or nothing");
    assert_eq!((own.store.version().unwrap(), own.actions().len()), (before, 2), "and nothing is recorded");
}

#[test]
fn an_import_makes_the_applications_that_there_are_not_yet() {
    let own = Own::with(&[]);
    let of = |app: &str, id: &str| keygate::gate::keys::Key { app: app.into(), ..key(id) };
    own.commit(Deed::Import(vec![of("two", "x"), of("demo", "y"), of("two", "z")])).unwrap();
    let apps: Vec<_> = own.store.apps().unwrap().into_iter().map(|app| (app.id, app.created_at_ms)).collect();
    assert_eq!(apps, [("demo".into(), NOW), ("two".into(), NOW)]);
    let expected = [
        ("app.create", "app:demo"),
        ("app.create", "app:two"),
        ("key.import", "key:x"),
        ("key.import", "key:y"),
        ("key.import", "key:z"),
    ];
    assert_eq!(own.actions(), expected.map(|(action, target)| (action.to_owned(), target.to_owned())));
}

#[test]
fn no_two_keys_have_one_text() {
    let own = Own::with(&["one", "two"]);
    let same = |deed| own.commit(deed).unwrap_err();
    let with_text = |id: &str, text: &str| keygate::gate::keys::Key {
        life: keygate::gate::keys::Life::new(testing::digest(text), i64::MAX),
        ..key(id)
    };
    assert_eq!(same(Deed::Create(vec![with_text("three", "sk_one")])), StoreError::SameText("key:one".into()));
    assert_eq!(same(rotate("two", "sk_one", 0)), StoreError::SameText("key:one".into()));
    own.commit(rotate("one", "sk_new", HOUR)).unwrap();
    assert_eq!(same(rotate("two", "sk_one", 0)), StoreError::SameText("key:one".into()), "an earlier one is still good");
    assert_eq!(same(rotate("one", "sk_one", 0)), StoreError::Refused(Refused::SameText));
    own.commit(rotate("one", "sk_newest", 0)).unwrap();
    own.commit(rotate("two", "sk_one", 0)).unwrap();
    assert_eq!(same(Deed::Create(vec![with_text("three", "sk_newest")])), StoreError::SameText("key:one".into()));
    own.commit(step("one", Step::Revoke)).unwrap();
    assert_eq!(
        same(Deed::Create(vec![with_text("three", "sk_newest")])),
        StoreError::SameText("key:one".into()),
        "revoked for good"
    );
    own.commit(Deed::Create(vec![with_text("three", "sk_two")])).unwrap();
}

#[test]
fn a_key_is_changed_if_it_is_what_it_was_taken_for() {
    let own = Own::with(&["web"]);
    let disable =
        |if_version| Deed::Change { id: "web".into(), if_version, change: Box::new(KeyChange::Step(Step::Disable, None)) };
    assert_eq!(own.commit(disable(Some(2))).unwrap_err(), StoreError::Changed(1));
    let disabled = own.commit(disable(Some(1))).unwrap();
    assert_eq!((disabled.keys[0].life.state, disabled.keys[0].version), (State::Disabled, 2));
    let again = own.commit(disable(None)).unwrap();
    assert_eq!((again.unchanged, again.version, &again.keys), (true, disabled.version, &disabled.keys));
    assert_eq!(own.all(), disabled.keys);
}

#[test]
fn a_life_goes_its_way() {
    let own = Own::with(&["web"]);
    for deed in [step("web", Step::Disable), step("web", Step::Enable), rotate("web", "sk_2", HOUR), rotate("web", "sk_3", 0)] {
        own.commit(deed).unwrap();
    }
    let life = &own.all()[0].life;
    assert_eq!((life.state, &life.digest, life.previous.len()), (State::Active, &testing::digest("sk_3"), 0));
    let too_long = own.commit(rotate("web", "sk_4", MAX_GRACE_MS + 1)).unwrap_err();
    assert_eq!(too_long, StoreError::Refused(Refused::Grace));
    let about = keygate::gate::keys::About { name: "New".into(), ..key("web").about };
    own.commit(update("web", about.clone())).unwrap();
    own.commit(step("web", Step::Revoke)).unwrap();
    assert_eq!(own.commit(step("web", Step::Enable)).unwrap_err(), StoreError::Refused(Refused::Revoked));
    let own = own.reopened();
    assert_eq!((own.all()[0].life.state, &own.all()[0].about), (State::Revoked, &about));
    let expected =
        ["app.create", "key.create", "key.disable", "key.enable", "key.rotate", "key.rotate", "key.update", "key.revoke"];
    assert_eq!(own.actions().into_iter().map(|(action, _)| action).collect::<Vec<_>>(), expected);
    own.store.verify_audit().unwrap();
}

#[test]
fn who_follows_sees_changes_whole_and_in_their_order() {
    let own = Own::with(&["a", "b"]);
    let first = own.store.version().unwrap();
    assert!(own.changed_after(first.sequence, 10).keys.is_empty());
    own.commit(step("b", Step::Disable)).unwrap();
    let between = own.commit(Deed::Create(vec![key("c"), key("d"), key("e")])).unwrap().version;
    let last = own.commit(step("a", Step::Revoke)).unwrap().version;
    let some = own.changed_after(first.sequence, 2);
    assert_eq!(
        (ids(&some.keys), some.version, some.more),
        (vec!["b", "c", "d", "e"], between, true),
        "those made together stay so"
    );
    let rest = own.changed_after(some.version.sequence, 2);
    assert_eq!((ids(&rest.keys), rest.version, rest.more), (vec!["a"], last, false));
    assert_eq!(rest.keys[0].life.state, State::Revoked);
    assert_eq!(own.changed_after(0, usize::MAX).keys.len(), 5);
    own.commit(Deed::Note { action: "key.misuse".into(), target: "key:a".into(), detail: "{}".into() }).unwrap();
    assert_eq!(own.store.version().unwrap(), last, "what changes no key is no version");
}

#[test]
fn another_process_is_seen_at_once() {
    let own = Own::with(&["a"]);
    let other = SqliteStore::open(&own.path()).unwrap();
    let version = other.commit(change(step("a", Step::Revoke))).unwrap().version;
    assert_eq!(own.store.version().unwrap(), version);
    assert_eq!(own.all()[0].life.state, State::Revoked);
    let back = own.commit(Deed::Create(vec![key("b")])).unwrap().version;
    assert_eq!(other.version().unwrap(), back);
    other.verify_audit().unwrap();
}

#[test]
fn an_operator_comes_and_goes() {
    let own = Own::with(&[]);
    let ann = Operator {
        id: "ann".into(),
        name: "Ann".into(),
        role: Role::Owner,
        digest: [7; 32],
        created_at_ms: NOW,
        expires_at_ms: i64::MAX,
        revoked: false,
    };
    let bob = Operator { id: "bob".into(), role: Role::Viewer, expires_at_ms: NOW + HOUR, ..ann.clone() };
    let keys = own.store.version().unwrap();
    own.commit(Deed::CreateOperator(bob.clone())).unwrap();
    own.commit(Deed::CreateOperator(ann.clone())).unwrap();
    assert_eq!(own.commit(Deed::CreateOperator(ann.clone())).unwrap_err(), StoreError::Exists("operator:ann".into()));
    assert_eq!(own.store.operators().unwrap(), [ann.clone(), bob.clone()]);
    assert!(!own.commit(Deed::RevokeOperator("ann".into())).unwrap().unchanged);
    assert!(own.commit(Deed::RevokeOperator("ann".into())).unwrap().unchanged);
    let own = own.reopened();
    assert_eq!(own.store.operators().unwrap(), [Operator { revoked: true, ..ann }, bob]);
    assert_eq!(own.store.version().unwrap(), keys, "no key has changed");
    assert_eq!(own.actions().len(), 4);
}
