//! One bit of the file turns: the store is as it was, or it is refused; never another one.

use std::{fs, panic::catch_unwind, path::Path};

use keygate::{
    gate::keys::{Key, Step},
    keystore::{App, Deed, KeyStore as _, Operator, Role, SqliteStore, StoreError, Version},
};

use crate::support::{HOUR, NOW, Own, Random, all, full_key, image, key, long, rotate, step, update};

type Set = (Version, Vec<Key>, Vec<App>, Vec<Operator>);

fn read(path: &Path) -> Result<Set, StoreError> {
    let store = SqliteStore::open(path)?;
    let (version, keys) = all(&store)?;
    Ok((version, keys, store.apps()?, store.operators()?))
}

/// A store whose latest changes, revocations among them, are in its log.
fn left_open() -> Own {
    let own = Own::with(&[]);
    own.commit(Deed::Create(
        (0..120).map(|n| if n % 5 == 0 { full_key(&format!("k{n}")) } else { key(&format!("k{n}")) }).collect(),
    ))
    .unwrap();
    let bob = Operator {
        id: "bob".into(),
        name: "Bob".into(),
        role: Role::Owner,
        digest: [3; 32],
        created_at_ms: NOW,
        expires_at_ms: i64::MAX,
        revoked: false,
    };
    own.commit(Deed::CreateOperator(bob)).unwrap();
    let own = own.reopened();
    for n in (1..120).step_by(7) {
        let id = format!("k{n}");
        own.commit(rotate(&id, &format!("sk_new_{n}"), HOUR)).unwrap();
        own.commit(update(&id, full_key(&id).about)).unwrap();
        own.commit(step(&id, Step::Revoke)).unwrap();
    }
    own.commit(Deed::RevokeOperator("bob".into())).unwrap();
    own
}

#[derive(Debug, Default)]
struct Outcome {
    right: u32,
    refused: u32,
    wrong: Vec<String>,
    /// Wrong sets that the keys' table alone would have given.
    wrong_without_checksums: u32,
}

/// Turns one bit after the other, each in a copy of `folder`, in its files in turn.
fn turn(folder: &Path, files: &[&str], times: u64, random: &mut Random) -> Outcome {
    let (_whole, path) = image(folder, &[]);
    let (expected, plain) = (read(&path).unwrap(), plain_keys(&path).unwrap());
    let mut outcome = Outcome::default();
    for n in 0..times {
        let name = files[n as usize % files.len()];
        let (_copy, path) = image(folder, &[]);
        let mut bytes = fs::read(path.with_file_name(name)).unwrap();
        let bit = random.below(bytes.len() as u64 * 8);
        bytes[bit as usize / 8] ^= 1 << (bit % 8);
        fs::write(path.with_file_name(name), bytes).unwrap();

        let (_for_control, control) = image(path.parent().unwrap(), &[]);
        outcome.wrong_without_checksums += u32::from(plain_keys(&control).is_ok_and(|keys| keys != plain));
        match catch_unwind(|| read(&path)) {
            Ok(Ok(set)) if set == expected => outcome.right += 1,
            Ok(Err(StoreError::Corrupt(_) | StoreError::Io(_) | StoreError::TooNew { .. })) => outcome.refused += 1,
            Ok(Ok(_)) => outcome.wrong.push(format!("another set: bit {bit} of {name}")),
            Ok(Err(other)) => outcome.wrong.push(format!("{other:?}: bit {bit} of {name}")),
            Err(_) => outcome.wrong.push(format!("panic: bit {bit} of {name}")),
        }
    }
    outcome
}

/// The keys as SQLite has them, without anything that this store adds.
fn plain_keys(path: &Path) -> rusqlite::Result<Vec<Vec<rusqlite::types::Value>>> {
    let conn = rusqlite::Connection::open(path)?;
    let mut asked = conn.prepare("SELECT keys.*, terms.text FROM keys JOIN terms ON terms = terms_id ORDER BY key_id")?;
    let columns = asked.column_count();
    let rows = asked.query_map([], |row| (0..columns).map(|column| row.get(column)).collect())?;
    rows.collect()
}

#[test]
fn a_turned_bit_is_never_another_set() {
    let times = if long() { 500 } else { 100 };
    let mut random = Random(20);
    let own = left_open();
    let killed =
        turn(own.folder.path(), &["keygate.db-wal", "keygate.db", "keygate.db-wal", "keygate.db-head"], times, &mut random);
    let Own { folder, store } = own;
    drop(store);
    let closed = turn(folder.path(), &["keygate.db"], times, &mut random);
    println!("killed: {killed:?}\nclosed: {closed:?}");
    assert!(killed.wrong.is_empty() && closed.wrong.is_empty(), "{killed:?} {closed:?}");
    // The negative control: SQLite alone is not enough, neither for what is in the file nor for what is in the log.
    assert!(killed.wrong_without_checksums > 0 && closed.wrong_without_checksums > 0);
    assert!(killed.right > 0 && closed.right > 0, "and not everything is refused");
}
