//! A copy back in the place of a store: what has ended since stays ended, nobody is pulled the ground from under, and the store that was there
//! is kept.

use std::{fs, path::PathBuf};

use keygate::{
    gate::keys::{About, State, Step},
    keystore::{AuditFilter, AuditFrom, Deed, KeyStore as _, Operator, Restored, Role, SqliteStore, StoreError, Usage},
};

use crate::support::{HOUR, NOW, Own, all, full_key, key, rotate, step, update};

const LATER: i64 = NOW + HOUR;

/// A store that has gone on since a copy of it was made.
struct Gone {
    own: Own,
    copy: PathBuf,
}

impl Gone {
    fn on(since: impl FnOnce(&Own)) -> Self {
        let own = Own::with(&["a", "b", "c", "d"]);
        own.commit(Deed::CreateOperator(operator())).unwrap();
        let copy = own.folder.path().join("copy.db");
        own.store.backup(&copy).unwrap();
        since(&own);
        Self { own, copy }
    }

    /// The store after the copy was put back.
    fn back(self) -> (Own, Restored) {
        let Own { folder, store } = self.own;
        drop(store);
        let path = folder.path().join("keygate.db");
        let restored = SqliteStore::restore(&path, &self.copy, "local:0", LATER).unwrap();
        let store = SqliteStore::open(&path).unwrap();
        store.verify_audit().unwrap();
        (Own { folder, store }, restored)
    }
}

fn operator() -> Operator {
    let expires_at_ms = i64::MAX;
    Operator {
        id: "ann".into(),
        name: "Ann".into(),
        role: Role::Owner,
        digest: [1; 32],
        created_at_ms: NOW,
        expires_at_ms,
        revoked: false,
    }
}

fn refused(path: &std::path::Path, copy: &std::path::Path) -> String {
    match SqliteStore::restore(path, copy, "local:0", LATER) {
        Err(StoreError::Io(why) | StoreError::Corrupt(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_has_ended_since_stays_ended_and_all_else_is_as_in_the_copy() {
    let gone = Gone::on(|own| {
        own.commit(step("a", Step::Revoke)).unwrap();
        own.commit(rotate("b", "sk_b_after_a_leak", 0)).unwrap();
        own.commit(step("c", Step::Disable)).unwrap();
        own.commit(update("d", About { name: "A mistake".into(), ..key("d").about })).unwrap();
        own.commit(Deed::Create(vec![key("e")])).unwrap();
        own.commit(Deed::RevokeOperator("ann".into())).unwrap();
    });
    let before = gone.own.store.version().unwrap();
    let (own, restored) = gone.back();
    let keys = own.all();
    assert_eq!(keys.iter().map(|key| key.life.state).collect::<Vec<_>>()[..3], [State::Revoked, State::Active, State::Disabled]);
    assert_eq!(
        keys[1].life,
        key("b").life.after(Step::Rotate { digest: keys[1].life.digest.clone(), grace_ms: 0 }, NOW).unwrap()
    );
    assert_ne!(keys[1].life.digest, key("b").life.digest, "what has leaked works no more");
    assert_eq!(keys[3..], [key("d")], "and a mistake is undone, and what was made since is gone");
    assert!(own.store.operators().unwrap()[0].revoked);
    let version = own.store.version().unwrap();
    assert!(version == restored.version && version > before && version.epoch == LATER as u64);
    assert_eq!((restored.went_on.lost, restored.went_on.unread, &*restored.went_on.operators), (1, None, &["ann".into()][..]));
    let actions: Vec<_> = own.actions().into_iter().skip(6).map(|(action, target)| format!("{action} {target}")).collect();
    let expected =
        ["store.restore store", "key.revoke key:a", "key.restore key:b", "key.restore key:c", "operator.revoke operator:ann"];
    assert_eq!(actions, expected);
    let of = AuditFilter { action: Some("store.restore".into()), ..AuditFilter::default() };
    let record = own.store.audit(&of, AuditFrom::After(0), 1).unwrap().remove(0);
    let told =
        format!(r#"{{"epoch":{{"from":{NOW},"to":{LATER}}},"replaced":{{"keys":3,"lost_keys":1,"operators":1,"unread":null}}}}"#);
    assert_eq!((&*record.actor, record.at_ms, &*record.detail), ("local:0", LATER, &*told));
    assert_eq!(own.changed_after(6, 9).keys.len(), 3, "who follows is told of them");
    own.commit(step("b", Step::Revoke)).unwrap();
}

#[test]
fn what_was_counted_is_not_counted_anew() {
    let used = |last_used_ms, requests| Usage { last_used_ms, requests, ..Usage::default() };
    let signed_with = |own: &Own, value: u8| own.store.keepsake("signing", &|| vec![value]).unwrap();
    let gone = Gone::on(|own| {
        own.store.add_usage([("a".into(), used(NOW, 3)), ("b".into(), used(NOW, 1))].into()).unwrap();
        signed_with(own, 1);
    });
    gone.own.store.backup(&gone.own.folder.path().join("later.db")).unwrap();
    let (own, _) = gone.back();
    assert_eq!((own.store.usage("a").unwrap(), own.store.usage("c").unwrap()), (Some(used(NOW, 3)), None));
    assert_eq!(signed_with(&own, 2), [1], "who follows goes on to believe it");
    own.store.add_usage([("a".into(), used(NOW + 5, 4))].into()).unwrap();
    let (counted, copy) = (own.store.usage("a").unwrap(), own.folder.path().join("counted.db"));
    assert_eq!(counted, Some(used(NOW + 5, 7)));
    own.store.backup(&copy).unwrap();
    let Own { folder, store } = own;
    drop(store);
    let path = folder.path().join("keygate.db");
    fs::remove_file(&path).unwrap();
    SqliteStore::restore(&path, &folder.path().join("later.db"), "local:0", LATER + 1).unwrap();
    assert_eq!(
        SqliteStore::open(&path).unwrap().usage("a").unwrap(),
        Some(used(NOW, 3)),
        "of a store that is not there nothing is known"
    );
    SqliteStore::restore(&path, &copy, "local:0", LATER + 2).unwrap();
    assert_eq!(SqliteStore::open(&path).unwrap().usage("a").unwrap(), counted, "nor is less than the copy had");
}

#[test]
fn the_store_that_was_there_is_kept_whole() {
    let gone = Gone::on(|own| drop(own.commit(step("a", Step::Revoke)).unwrap()));
    let expected = gone.own.all();
    let (own, restored) = gone.back();
    let kept = restored.replaced.unwrap();
    assert_eq!(kept.file_name().unwrap(), "keygate.db.before-restore-20231114T231320000Z");
    assert_eq!(all(&SqliteStore::open(&kept).unwrap()).unwrap().1, expected);
    let mut names: Vec<_> = fs::read_dir(own.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.retain(|name| !name.to_str().unwrap().contains("before-restore"));
    names.sort();
    assert_eq!(
        names,
        ["copy.db", "keygate.db", "keygate.db-head", "keygate.db-shm", "keygate.db-wal"],
        "and nothing else is left"
    );
}

#[test]
fn texts_that_keys_have_taken_from_each_other_are_not_confused() {
    let gone = Gone::on(|own| {
        for (id, text) in [("a", "sk_other"), ("b", "sk_a"), ("a", "sk_b")] {
            own.commit(rotate(id, text, 0)).unwrap();
        }
    });
    let expected = gone.own.all();
    let lives = |keys: &[keygate::gate::keys::Key]| keys.iter().map(|key| key.life.clone()).collect::<Vec<_>>();
    let (own, _) = gone.back();
    assert_eq!(lives(&own.all()), lives(&expected));
    assert_eq!(own.commit(rotate("c", "sk_a", 0)).unwrap_err(), StoreError::SameText("key:b".into()));
    own.commit(rotate("c", "sk_other", 0)).unwrap();
}

#[test]
fn a_store_in_use_is_not_replaced() {
    let Gone { own, copy } = Gone::on(|own| drop(own.commit(step("a", Step::Revoke)).unwrap()));
    let why = refused(&own.path(), &copy);
    assert!(why.ends_with("it is in use: stop the gate, and try again"), "{why}");
    own.commit(step("b", Step::Revoke)).unwrap();
    let Own { folder, store } = own;
    drop(store);
    let path = folder.path().join("keygate.db");
    // Somebody who knows nothing of the store's own lock.
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("PRAGMA journal_mode = WAL; BEGIN; SELECT * FROM meta").unwrap();
    let why = refused(&path, &copy);
    assert!(why.ends_with("another process keeps it locked; ask again when that has ended"), "{why}");
    drop(other);
    assert_eq!(all(&SqliteStore::open(&path).unwrap()).unwrap().1[1].life.state, State::Revoked, "it is as it was");
    SqliteStore::restore(&path, &copy, "local:0", LATER).unwrap();
}

#[test]
fn what_is_no_copy_is_not_put_in_the_place_of_a_store() {
    let Gone { own: Own { folder, store }, copy } = Gone::on(|_| ());
    drop(store);
    let path = folder.path().join("keygate.db");
    let before = fs::read(&path).unwrap();
    assert!(refused(&path, &path).ends_with("is the store itself, and no copy of it"));
    assert!(refused(&path, &folder.path().join("none.db")).contains("No such file"));
    rusqlite::Connection::open(&copy).unwrap().execute("UPDATE keys SET state = 'active', name = 'x'", []).unwrap();
    assert!(refused(&path, &copy).contains("copy.db: the checksum of a row of keys is wrong"));
    fs::write(&copy, [b'x'; 5000]).unwrap();
    assert!(refused(&path, &copy).contains("copy.db: it is no SQLite database"));
    assert!(fs::read(&path).unwrap() == before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing is left beside it");
    SqliteStore::open(&path).unwrap();
}

#[test]
fn a_store_that_cannot_be_read_is_replaced_and_it_is_said() {
    let Gone { own: Own { folder, store }, copy } = Gone::on(|own| drop(own.commit(step("a", Step::Revoke)).unwrap()));
    drop(store);
    let path = folder.path().join("keygate.db");
    fs::write(&path, [b'x'; 5000]).unwrap();
    let restored = SqliteStore::restore(&path, &copy, "local:0", LATER).unwrap();
    assert_eq!(restored.went_on.unread.as_deref(), Some("the key store is damaged: it is no SQLite database"));
    assert!(fs::read(restored.replaced.unwrap()).unwrap() == [b'x'; 5000]);
    assert_eq!(all(&SqliteStore::open(&path).unwrap()).unwrap().1[0].life.state, State::Active, "as in the copy");

    fs::remove_file(&path).unwrap();
    let restored = SqliteStore::restore(&path, &copy, "local:0", LATER + 1).unwrap();
    assert_eq!((restored.replaced, restored.version.epoch), (None, LATER as u64 + 1));
    assert_eq!(all(&SqliteStore::open(&path).unwrap()).unwrap().1.len(), 4);
}

#[test]
fn what_can_be_read_of_a_damaged_store_counts() {
    let gone = Gone::on(|own| {
        own.commit(step("a", Step::Revoke)).unwrap();
        own.commit(step("d", Step::Revoke)).unwrap();
        own.commit(Deed::RevokeOperator("ann".into())).unwrap();
    });
    rusqlite::Connection::open(gone.own.path()).unwrap().execute("UPDATE keys SET name = 'x' WHERE key_id = 'b'", []).unwrap();
    let (own, restored) = gone.back();
    assert_eq!(restored.went_on.unread.as_deref(), Some("the key store is damaged: the checksum of a row of keys is wrong"));
    let states: Vec<_> = own.all().iter().map(|key| key.life.state).collect();
    assert_eq!(states, [State::Revoked, State::Active, State::Active, State::Revoked]);
    assert!(own.store.operators().unwrap()[0].revoked);
}

#[test]
fn a_copy_that_is_later_than_the_store_is_given_back_no_text() {
    let Gone { own, copy: old } = Gone::on(|own| {
        own.commit(Deed::Create(vec![full_key("p")])).unwrap();
        own.commit(rotate("a", "sk_a_after_a_leak", 0)).unwrap();
    });
    let (expected, later) = (own.all(), own.folder.path().join("later.db"));
    own.store.backup(&later).unwrap();
    let path = own.folder.path().join("stale/keygate.db");
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::copy(&old, &path).unwrap();
    SqliteStore::restore(&path, &later, "local:0", LATER).unwrap();
    assert_eq!(all(&SqliteStore::open(&path).unwrap()).unwrap().1, expected);
}
