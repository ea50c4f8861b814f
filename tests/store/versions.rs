//! Stores of earlier and later versions of the schema.

use std::{fs, path::PathBuf};

use keygate::{
    gate::keys::State,
    keystore::{KeyStore as _, SqliteStore, StoreError},
};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::{HOUR, NOW, Own, all, change, folder, key, rotate};

/// A store that the first version made and left.
fn of_version_1() -> (TempDir, PathBuf) {
    let folder = folder();
    let path = folder.path().join("keygate.db");
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch(include_str!("../../src/keystore/sqlite/schema/1.sql")).unwrap();
    conn.execute_batch(include_str!("version_1.sql")).unwrap();
    conn.execute_batch("PRAGMA application_id = 1265060691; PRAGMA user_version = 1").unwrap();
    (folder, path)
}

fn version(path: &std::path::Path) -> i64 {
    Connection::open(path).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[test]
fn a_store_of_the_first_version_is_taken_over() {
    let (_folder, path) = of_version_1();
    let store = SqliteStore::open(&path).unwrap();
    let (_, keys) = all(&store).unwrap();
    let states: Vec<_> = keys.iter().map(|key| (&*key.id, key.life.state, key.life.previous.len())).collect();
    let expected = [
        ("53h4MvscXaTZ", State::Active, 0),
        ("AgEcdZJRWjwP", State::Active, 1),
        ("OnhmARXdxyn5", State::Active, 0),
        ("V6Qf7DOhSinc", State::Revoked, 0),
    ];
    assert_eq!(states, expected);
    assert!(keys.iter().all(|key| key.text_since_ms == key.created_at_ms), "nothing more is known of them");
    assert_eq!((store.apps().unwrap().len(), store.operators().unwrap().len()), (1, 1));
    assert_eq!(store.verify_audit().unwrap().sequence, 8);
    assert_eq!(version(&path), 2);

    let at_ms = keys[0].created_at_ms + HOUR;
    store.commit(keygate::keystore::Change { at_ms, ..change(rotate("53h4MvscXaTZ", "sk_new", 0)) }).unwrap();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(all(&store).unwrap().1[0].text_since_ms, at_ms, "and of one that is rotated now it is");
    assert_eq!(all(&store).unwrap().1[1..], keys[1..], "beside those that are as they were");
    let copy = path.with_file_name("copy.db");
    store.backup(&copy).unwrap();
    assert_eq!(all(&SqliteStore::open(&copy).unwrap()).unwrap(), all(&store).unwrap());
}

#[test]
fn a_copy_of_the_first_version_is_put_back() {
    let (_folder, copy) = of_version_1();
    let own = Own::with(&["a"]);
    let path = own.path();
    let Own { folder: _here, store } = own;
    drop(store);
    SqliteStore::restore(&path, &copy, "local:0", NOW).unwrap();
    assert_eq!(all(&SqliteStore::open(&path).unwrap()).unwrap().1.len(), 4);
    assert_eq!((version(&path), version(&copy)), (2, 1), "and is left as it is");
}

#[test]
fn a_row_of_the_first_version_that_somebody_changed_is_refused() {
    for sql in ["name = 'x'", "text_since_ms = 5", "state = 'active'"] {
        let (_folder, path) = of_version_1();
        drop(SqliteStore::open(&path).unwrap());
        let edit = format!("UPDATE keys SET {sql} WHERE key_id = 'V6Qf7DOhSinc'");
        Connection::open(&path).unwrap().execute(&edit, []).unwrap();
        assert!(matches!(all(&SqliteStore::open(&path).unwrap()), Err(StoreError::Corrupt(_))), "{sql}");
    }
    let own = Own::with(&["a"]);
    Connection::open(own.path()).unwrap().execute("UPDATE keys SET text_since_ms = NULL", []).unwrap();
    assert!(all(&own.store).is_err(), "nor is one of this version taken for one of that");
    assert_eq!(key("a").text_since_ms, NOW);
}

#[test]
fn a_step_to_the_next_version_that_fails_has_not_happened() {
    let (_folder, path) = of_version_1();
    // Somebody has taken the first part of the step already.
    Connection::open(&path).unwrap().execute_batch("ALTER TABLE keys ADD COLUMN text_since_ms INTEGER").unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(SqliteStore::open(&path).map(drop), Err(StoreError::Corrupt(_))));
    assert_eq!(version(&path), 1);
    let rows = |bytes: &[u8]| bytes[4096..].to_vec();
    assert!(rows(&fs::read(&path).unwrap()) == rows(&before), "but for the head of the file, which says that there was a log");
}

#[test]
fn a_store_of_a_later_version_is_left_to_that_version() {
    let Own { folder, store } = Own::with(&["a"]);
    drop(store);
    let path = folder.path().join("keygate.db");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 3).unwrap();
    let before = fs::read(&path).unwrap();
    let error = SqliteStore::open(&path).map(drop).unwrap_err();
    assert_eq!(error, StoreError::TooNew { found: 3, known: 2 });
    assert!(fs::read(&path).unwrap() == before);
    assert!(error.to_string().contains("run that version, or restore a copy from before it"), "{error}");
}
