//! A copy of another store's keys: it goes where that store goes, change by change or all at once, and nowhere else.

use std::time::Duration;

use keygate::{
    gate::{
        keys::{Key, KeyChange, Life, Step},
        testing,
    },
    keystore::{Checkpoint, Deed, KeyStore as _, SqliteStore, StoreError, Version},
};
use tempfile::TempDir;

use crate::support::{HOUR, NOW, Own, all, app, folder, ids, key, rotate, step};

const MANAGER: [u8; 32] = [7; 32];

fn copy() -> (TempDir, SqliteStore) {
    let folder = folder();
    let store = SqliteStore::open_replica(&folder.path().join("copy.db"), &MANAGER).unwrap();
    (folder, store)
}

/// How far the store of a manager has come.
fn checkpoint(own: &Own) -> Checkpoint {
    let version = own.store.version().unwrap();
    Checkpoint { version, hash: own.store.record_hash(version.sequence).unwrap().unwrap() }
}

/// Has the copy be what the manager has.
fn replace(copy: &SqliteStore, own: &Own) -> Checkpoint {
    let (to, keys) = (checkpoint(own), own.all());
    assert!(copy.replace_all(copy.checkpoint().unwrap(), to, move |put| keys.iter().try_for_each(&mut *put)).unwrap());
    to
}

/// Tells the copy what has changed since it was at `from`.
fn catch_up(copy: &SqliteStore, own: &Own, from: Checkpoint) -> Result<bool, StoreError> {
    copy.apply(from, checkpoint(own), own.changed_after(from.version.sequence, usize::MAX).keys)
}

#[test]
fn a_copy_goes_where_its_manager_goes() {
    let own = Own::with(&["a", "b"]);
    let (_folder, copy) = copy();
    let first = replace(&copy, &own);
    assert_eq!((copy.checkpoint().unwrap(), all(&copy).unwrap()), (first, all(&own.store).unwrap()));
    own.commit(step("a", Step::Revoke)).unwrap();
    own.commit(Deed::Create(vec![key("c")])).unwrap();
    assert!(catch_up(&copy, &own, first).unwrap());
    assert_eq!((copy.checkpoint().unwrap(), all(&copy).unwrap()), (checkpoint(&own), all(&own.store).unwrap()));
    assert_eq!(copy.record_hash(checkpoint(&own).version.sequence).unwrap(), Some(checkpoint(&own).hash));
    assert_eq!(copy.record_hash(first.version.sequence).unwrap(), None, "it knows the latest alone");
    assert!(catch_up(&copy, &own, first).unwrap(), "another process of the gate was faster: it is there already");
}

/// Two processes keep one copy while one takes the place of the other.
#[test]
fn what_leads_from_elsewhere_changes_nothing() {
    let own = Own::with(&["a", "b"]);
    let (_folder, copy) = copy();
    let first = replace(&copy, &own);
    own.commit(step("a", Step::Disable)).unwrap();
    let second = checkpoint(&own);
    assert!(catch_up(&copy, &own, first).unwrap());
    own.commit(step("b", Step::Disable)).unwrap();
    let third = checkpoint(&own);
    assert!(!catch_up(&copy, &own, first).unwrap(), "the copy is further than that");
    let other = Checkpoint { hash: [1; 32], ..second };
    assert!(!copy.apply(other, third, own.changed_after(second.version.sequence, 9).keys).unwrap(), "it went another way");
    assert!(!copy.replace_all(first, third, |_| Ok(())).unwrap());
    assert_eq!((copy.checkpoint().unwrap(), ids(&all(&copy).unwrap().1)), (second, vec!["a", "b"]));
}

/// A revocation among the changes that a copy was spared, because it was replaced whole, is not missed by a process that reads change by
/// change.
#[test]
fn what_changed_before_a_copy_was_replaced_is_not_told_in_part() {
    let own = Own::with(&["a", "b"]);
    let (_folder, copy) = copy();
    let first = replace(&copy, &own);
    own.commit(step("a", Step::Revoke)).unwrap();
    let second = replace(&copy, &own);
    own.commit(step("b", Step::Disable)).unwrap();
    assert!(catch_up(&copy, &own, second).unwrap());
    assert!(matches!(copy.changed_after(first.version.sequence, 9), Err(StoreError::TooFarBack)));
    assert_eq!(ids(&copy.changed_after(second.version.sequence, 9).unwrap().keys), ["b"]);
}

/// A text that one key had and another one has now, both changed since the copy heard of either.
#[test]
fn a_text_may_go_from_one_key_to_another() {
    let own = Own::with(&["z", "b"]);
    let (_folder, copy) = copy();
    let first = replace(&copy, &own);
    own.commit(rotate("z", "sk_new", 0)).unwrap();
    // Of `z`, the manager knows the old text no more: it is free for another key.
    own.commit(Deed::Import(vec![Key { life: Life::new(testing::digest("sk_z"), i64::MAX), ..key("a") }])).unwrap();
    // And now `z` comes behind it among the changes.
    let about = keygate::gate::keys::About { name: "later".into(), ..key("z").about };
    own.commit(Deed::Change { id: "z".into(), if_version: None, change: Box::new(KeyChange::Update(about, i64::MAX)) }).unwrap();
    assert_eq!(ids(&own.changed_after(first.version.sequence, 9).keys), ["a", "z"]);
    assert!(catch_up(&copy, &own, first).unwrap());
    assert_eq!(all(&copy).unwrap(), all(&own.store).unwrap());
}

/// What the manager says of where the copy is holds for that, and for nothing that comes after.
#[test]
fn a_copy_knows_that_its_manager_went_another_way() {
    let own = Own::with(&["a"]);
    let (_folder, copy) = copy();
    assert!(!copy.has_diverged().unwrap());
    let first = replace(&copy, &own);
    copy.note_diverged(first).unwrap();
    assert!(copy.has_diverged().unwrap());
    own.commit(step("a", Step::Disable)).unwrap();
    replace(&copy, &own);
    assert!(!copy.has_diverged().unwrap());
}

/// Whoever follows is to be told from one who went another way for as long as there is something to tell that by.
#[test]
fn the_hash_of_the_latest_change_of_keys_outlives_its_record() {
    let own = Own::new();
    assert_eq!(own.store.record_hash(0).unwrap(), Some([0; 32]));
    own.commit(Deed::CreateApp(app("demo"), vec![key("a")])).unwrap();
    own.commit(step("a", Step::Disable)).unwrap();
    let latest = checkpoint(&own);
    let note = || own.commit(Deed::Note { action: "key.misuse".into(), target: "key:a".into(), detail: "{}".into() }).unwrap();
    note();
    note();
    let head = own.store.verify_audit().unwrap();
    assert_eq!(own.store.prune_audit(NOW + HOUR, "operator:ann", NOW + 2 * HOUR).unwrap(), head.sequence);
    assert_eq!(checkpoint(&own), latest);
    assert_eq!(own.store.record_hash(latest.version.sequence - 1).unwrap(), None, "that one is forgotten");
    assert_eq!(own.store.record_hash(head.sequence).unwrap(), Some(head.hash));
    assert_eq!(own.store.record_hash(head.sequence + 2).unwrap(), None, "that one is still to come");
    let own = own.reopened();
    own.commit(step("a", Step::Enable)).unwrap();
    assert_eq!(checkpoint(&own).hash, own.store.verify_audit().unwrap().hash);
}

/// Nothing of it is kept, and the copy goes on to take what can be.
#[test]
fn what_is_older_or_cannot_be_changes_nothing() {
    let own = Own::with(&["a"]);
    let (_folder, copy) = copy();
    let is = replace(&copy, &own);
    let at = |version: Version| Checkpoint { version, ..is };
    let Version { epoch, sequence } = is.version;
    let replaced_by = |to| {
        let told = copy.replace_all(is, to, |put| put(&key("b"))).unwrap_err().to_string();
        let told = told + " " + &copy.apply(is, to, vec![key("b")]).unwrap_err().to_string();
        assert_eq!((copy.checkpoint().unwrap(), ids(&all(&copy).unwrap().1)), (is, vec!["a"]));
        told
    };
    for older in [Version { epoch, sequence: sequence - 1 }, Version { epoch: epoch - 1, sequence: sequence + 9 }] {
        assert!(replaced_by(at(older)).contains("older keys are not taken back"));
    }
    for number in [i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
        assert!(replaced_by(at(Version { epoch, sequence: number })).contains("more than can be counted"), "{number}");
    }
    let another = at(Version { epoch: epoch + 1, sequence: sequence + 1 });
    assert!(copy.apply(is, another, vec![key("b")]).is_err(), "no change leads from one epoch to another");
    let broken = copy.replace_all(is, another, |put| put(&key("b")).and(Err(StoreError::Io("it broke off".to_owned()))));
    assert!(broken.unwrap_err().to_string().ends_with("it broke off"));
    own.commit(step("a", Step::Disable)).unwrap();
    assert!(catch_up(&copy, &own, is).unwrap());
    assert_eq!(all(&copy).unwrap(), all(&own.store).unwrap());
}

/// A mistyped `verify` beside a gate that runs must not cost that gate its keys.
#[test]
fn a_copy_that_is_in_use_is_not_taken_over() {
    let own = Own::with(&["a"]);
    let (folder, copy) = copy();
    let (path, is) = (folder.path().join("copy.db"), replace(&copy, &own));
    let other = [8; 32];
    let told = SqliteStore::open_replica(&path, &other).err().unwrap().to_string();
    assert!(told.contains("copy.db: ") && told.contains("name another file as `cache`, or stop that gate"), "{told}");
    assert_eq!((copy.checkpoint().unwrap(), ids(&all(&copy).unwrap().1)), (is, vec!["a"]));
    drop(copy);
    let copy = SqliteStore::open_replica(&path, &other).unwrap();
    assert_eq!((copy.checkpoint().unwrap(), all(&copy).unwrap().1), (Checkpoint::default(), vec![]));
    // It is that manager's for good, and may be shared as any other.
    drop(copy);
    let copies = [&other; 2].map(|manager| SqliteStore::open_replica(&path, manager).unwrap());
    replace(&copies[0], &own);
    assert_eq!(copies[1].checkpoint().unwrap(), is);
    assert!(SqliteStore::open_replica(&path, &MANAGER).is_err());
}

/// The log of a damaged copy, left where the next one is made, would be taken for that one's.
#[test]
fn no_log_is_left_without_its_copy() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    for end in ["", "-wal", "-shm"] {
        std::fs::write(path(&format!("copy.db{end}")), "damaged").unwrap();
    }
    // What is in the way stops it in the midst, as the machine may.
    std::fs::create_dir(path("copy.db.damaged-wal")).unwrap();
    SqliteStore::put_aside(&path("copy.db")).unwrap_err();
    assert!(path("copy.db").exists());
    std::fs::remove_dir(path("copy.db.damaged-wal")).unwrap();
    SqliteStore::put_aside(&path("copy.db")).unwrap();
    assert!(["copy.db", "copy.db-wal", "copy.db-shm"].iter().all(|name| !path(name).exists()));
    assert!(["copy.db.damaged", "copy.db.damaged-wal"].iter().all(|name| path(name).exists()));
}

/// And a manager that has gone back since is not believed in its place.
#[test]
fn a_copy_that_was_put_aside_leaves_how_far_it_had_come() {
    let own = Own::with(&["a"]);
    let (folder, copy) = copy();
    let (path, first) = (folder.path().join("copy.db"), replace(&copy, &own));
    own.commit(step("a", Step::Disable)).unwrap();
    assert!(catch_up(&copy, &own, first).unwrap());
    let far = checkpoint(&own);
    drop(copy);
    let begun = || {
        let copy = SqliteStore::open_replica(&path, &MANAGER).unwrap();
        assert_eq!((copy.checkpoint().unwrap(), copy.floor().unwrap()), (Checkpoint::default(), far));
        copy
    };
    // Again and again, whatever else is written into the one that was begun.
    for _ in 0..2 {
        SqliteStore::put_aside(&path).unwrap();
        begun().note_fresh(1, Duration::from_secs(1)).unwrap();
    }
    // Nor is it lost with the head, which is made anew of it.
    std::fs::remove_file(folder.path().join("copy.db-head")).unwrap();
    drop(begun());
    SqliteStore::put_aside(&path).unwrap();
    let copy = begun();
    let told = copy.replace_all(Checkpoint::default(), first, |put| put(&key("a"))).unwrap_err().to_string();
    assert!(told.contains("older keys are not taken back"), "{told}");
    copy.note_diverged(far).unwrap();
    assert!(copy.has_diverged().unwrap(), "as of a copy that has come there");
    replace(&copy, &own);
    assert_eq!((copy.checkpoint().unwrap(), copy.floor().unwrap()), (far, far));
    own.commit(step("a", Step::Enable)).unwrap();
    assert!(catch_up(&copy, &own, far).unwrap());
    assert_eq!(copy.floor().unwrap(), checkpoint(&own), "what was before says nothing any more");
}

/// Whom it is begun for otherwise: a gate whose head is lost as well, and one that follows another manager.
#[test]
fn a_copy_that_nothing_is_known_of_begins_with_nothing() {
    let own = Own::with(&["a"]);
    let (folder, copy) = copy();
    let path = folder.path().join("copy.db");
    replace(&copy, &own);
    drop(copy);
    let floor = |manager| SqliteStore::open_replica(&path, manager).unwrap().floor().unwrap();
    SqliteStore::put_aside(&path).unwrap();
    assert_eq!(floor(&MANAGER), checkpoint(&own));
    for _ in 0..2 {
        assert_eq!(floor(&[8; 32]), Checkpoint::default());
    }
    replace(&SqliteStore::open_replica(&path, &MANAGER).unwrap(), &own);
    SqliteStore::put_aside(&path).unwrap();
    std::fs::write(folder.path().join("copy.db-head"), "damaged").unwrap();
    assert_eq!(floor(&MANAGER), Checkpoint::default());
}
