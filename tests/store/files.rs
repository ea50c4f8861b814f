//! The store as a file: who may read it, what is taken for one, copies of it.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use keygate::{
    gate::keys::{State, Step},
    keystore::{Deed, KeyStore as _, SqliteStore, StoreError},
};
use rusqlite::Connection;

use crate::support::{NOW, Own, all, folder, full_key, image, key, step};

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn names(folder: &Path) -> Vec<(String, u32)> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), mode(&entry.path())))
        .collect();
    names.sort();
    names
}

fn refused(path: &Path) -> String {
    match SqliteStore::open(path).map(drop) {
        Err(StoreError::Corrupt(what) | StoreError::Io(what)) => what.split_once(": ").unwrap().1.to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn nobody_else_may_read_it_or_what_is_beside_it() {
    let own = Own::with(&["a"]);
    let open = ["keygate.db", "keygate.db-head", "keygate.db-shm", "keygate.db-wal"].map(|name| (name.to_owned(), 0o600));
    assert_eq!(names(own.folder.path()), open);
    let Own { folder, store } = own;
    drop(store);
    let closed = ["keygate.db", "keygate.db-head"].map(|name| (name.to_owned(), 0o600));
    assert_eq!(names(folder.path()), closed);
    let path = folder.path().join("keygate.db");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(names(folder.path()), open, "one that was copied carelessly is closed");
    drop(store);
}

#[test]
fn what_is_no_store_is_refused_and_left_as_it_is() {
    let folder = folder();
    let path = folder.path().join("keygate.db");
    assert!(refused(&path).contains("No such file"));
    fs::create_dir(&path).unwrap();
    assert_eq!(refused(&path), "is not a regular file");
    fs::remove_dir(&path).unwrap();
    let way_out = "restore a copy of the store, and keep this file to find out what happened";
    let try_bytes = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let why = refused(&path);
        assert_eq!(fs::read(&path).unwrap(), bytes);
        why
    };
    assert_eq!(try_bytes(b""), format!("it is empty; {way_out}"));
    assert_eq!(try_bytes(&[b'x'; 5000]), format!("it is no SQLite database; {way_out}"));
    fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE notes (text)").unwrap();
    let others = fs::read(&path).unwrap();
    assert_eq!(try_bytes(&others), format!("it is a database, but not a key store; {way_out}"));
}

#[test]
fn tables_that_somebody_changed_are_refused() {
    for sql in ["CREATE TABLE more (a)", "DROP INDEX keys_by_app", "CREATE TRIGGER t AFTER UPDATE ON keys BEGIN SELECT 1; END"] {
        let Own { folder, store } = Own::with(&["a"]);
        drop(store);
        let path = folder.path().join("keygate.db");
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        assert!(refused(&path).starts_with("its tables are not those that were made"), "{sql}");
    }
}

#[test]
fn rows_that_somebody_changed_are_refused() {
    for sql in [
        "UPDATE keys SET state = 'active' WHERE key_id = 'b'",
        "UPDATE keys SET expires_at_ms = 1 WHERE key_id = 'b'",
        "UPDATE keys SET app = 'demo2' WHERE key_id = 'b'",
        "UPDATE terms SET text = '{\"x\":1}'",
        "DELETE FROM keys WHERE key_id = 'b'",
        "UPDATE meta SET epoch = epoch + 1",
        "UPDATE meta SET keys_sequence = 0",
    ] {
        let own = Own::with(&["a", "b"]);
        own.commit(step("b", Step::Revoke)).unwrap();
        Connection::open(own.path()).unwrap().execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}")).unwrap();
        assert!(matches!(all(&own.store), Err(StoreError::Corrupt(_))), "{sql}");
    }
    let own = Own::with(&["a"]);
    Connection::open(own.path()).unwrap().execute_batch("UPDATE apps SET name = 'x'").unwrap();
    assert!(matches!(own.store.apps(), Err(StoreError::Corrupt(_))));
}

#[test]
fn a_store_is_not_made_over_another_file() {
    let Own { folder, store } = Own::with(&["a"]);
    drop(store);
    let path = folder.path().join("keygate.db");
    let before = fs::read(&path).unwrap();
    assert!(matches!(SqliteStore::create(&path, NOW), Err(StoreError::Io(_))));
    assert_eq!(fs::read(&path).unwrap(), before);
    assert!(SqliteStore::create(&folder.path().join("none/keygate.db"), NOW).is_err());
    assert_eq!(names(folder.path()).len(), 2, "nothing is left beside it");
}

#[test]
fn a_store_whose_latest_changes_are_gone_is_refused() {
    let own = Own::with(&["a"]);
    let (_closed, old) = image(own.folder.path(), &[]);
    drop(SqliteStore::open(&old).unwrap());
    own.commit(step("a", Step::Revoke)).unwrap();
    let (_killed, whole) = image(own.folder.path(), &[]);
    assert_eq!(all(&SqliteStore::open(&whole).unwrap()).unwrap().1[0].life.state, State::Revoked);

    let (_cut, path) = image(own.folder.path(), &[]);
    let log = path.with_file_name("keygate.db-wal");
    let length = log.metadata().unwrap().len();
    fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(length - 1).unwrap();
    assert!(refused(&path).starts_with("it is older than it was: change 3 was acknowledged, and the latest in it is 2."));

    let (_put_back, path) = image(own.folder.path(), &["-wal", "keygate.db"]);
    fs::copy(&old, &path).unwrap();
    assert!(refused(&path).starts_with("it is older than it was"));
    let restored = SqliteStore::restore(&path, &old, "local:0", NOW + 5).unwrap();
    assert!(restored.went_on.unread.unwrap().contains("it is older than it was"), "nothing tells what was lost");
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(all(&store).unwrap().1[0].life.state, State::Active, "as it was said");
    assert!(store.version().unwrap() > own.store.version().unwrap(), "and it is later than what was lost");
}

#[test]
fn a_head_that_is_missing_or_damaged_proves_nothing() {
    let own = Own::with(&["a"]);
    let (_missing, path) = image(own.folder.path(), &["-head"]);
    drop(SqliteStore::open(&path).unwrap());
    assert!(path.with_file_name("keygate.db-head").exists());
    fs::write(path.with_file_name("keygate.db-head"), [0; 80]).unwrap();
    assert_eq!(all(&SqliteStore::open(&path).unwrap()).unwrap().1, own.all());
}

#[test]
fn an_epoch_is_later_even_if_the_clock_is_not() {
    let Own { folder, store } = Own::with(&["a"]);
    let (path, copy) = (folder.path().join("keygate.db"), folder.path().join("copy.db"));
    store.backup(&copy).unwrap();
    drop(store);
    for later in 1..3 {
        let restored = SqliteStore::restore(&path, &copy, "local:0", NOW - 5 + later).unwrap();
        assert_eq!(restored.version.epoch, (NOW + later) as u64);
    }
}

#[test]
fn a_store_that_lost_its_name_says_so() {
    let own = Own::with(&["a"]);
    fs::rename(own.path(), own.folder.path().join("old.db")).unwrap();
    assert!(matches!(own.store.version(), Err(StoreError::Io(_))));
    SqliteStore::create(&own.path(), NOW).unwrap();
    let Err(StoreError::Io(why)) = own.commit(step("a", Step::Revoke)) else { panic!("it was written to a file without a name") };
    assert!(why.ends_with("another file has taken its name; restart to use that one"), "{why}");
}

#[test]
fn a_copy_is_whole_private_and_of_one_moment() {
    let own = Own::with(&["a"]);
    own.commit(Deed::Create(vec![full_key("p")])).unwrap();
    let copy = own.folder.path().join("copy.db");
    own.store.backup(&copy).unwrap();
    assert_eq!(mode(&copy), 0o600);
    own.commit(Deed::Create(vec![key("later")])).unwrap();
    assert!(own.store.backup(&copy).is_err(), "never over another file");
    let store = SqliteStore::open(&copy).unwrap();
    let (version, keys) = all(&store).unwrap();
    assert_eq!((keys, version.epoch), (vec![key("a"), full_key("p")], NOW as u64));
    store.verify_audit().unwrap();
    assert!(own.store.backup(&own.folder.path().join("none/copy.db")).is_err());
}

#[test]
fn a_damaged_store_is_not_copied() {
    let own = Own::with(&["a"]);
    Connection::open(own.path()).unwrap().execute("UPDATE keys SET name = 'x'", []).unwrap();
    let copy = own.folder.path().join("copy.db");
    assert!(matches!(own.store.backup(&copy), Err(StoreError::Corrupt(_))));
    assert!(!names(own.folder.path()).iter().any(|(name, _)| name.contains("copy") || name.starts_with('.')));
}
