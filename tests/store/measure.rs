//! What the store costs, for the report: `cargo test --release --test store measure -- --ignored --nocapture`.

use std::{io::Write as _, path::Path, time::Instant};

use keygate::{
    gate::{
        keys::{Key, Step},
        testing,
    },
    keystore::{Deed, KeyStore as _, SqliteStore},
};

use crate::support::{NOW, app, change, key, rotate, step};

const MANY: usize = 1_000_000;

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = work();
    println!("{what}: {:.3} s", start.elapsed().as_secs_f64());
    done
}

fn a_key(n: usize) -> Key {
    // Spread over the table, as ids that are drawn are.
    let id = format!("{:012x}", (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16);
    Key {
        app: format!("app{}", n % 100).into(),
        life: keygate::gate::keys::Life::new(testing::digest(&id), i64::MAX),
        ..key(&id)
    }
}

#[test]
#[ignore = "takes minutes, and is no test"]
fn a_million_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keygate.db");
    SqliteStore::create(&path, NOW).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    timed("import of 1 M keys, 10,000 at once", || {
        for first in (0..MANY).step_by(10_000) {
            store.commit(change(Deed::Import((first..first + 10_000).map(a_key).collect()))).unwrap();
        }
    });
    timed("close", || drop(store));
    println!("{} MB", path.metadata().unwrap().len() / 1_000_000);
    let store = timed("open", || SqliteStore::open(&path).unwrap());
    let read = |what: &str| {
        let mut count = 0;
        timed(what, || store.read_all(&mut |key| count += usize::from(key.version == 1)).unwrap());
        assert_eq!(count, MANY);
    };
    read("read_all, first");
    read("read_all, again");
    timed("page of 100 of one app", || {
        let filter = keygate::keystore::KeyFilter { app: Some("app7".into()), ..Default::default() };
        assert_eq!(store.keys(&filter, None, 100).unwrap().len(), 100);
    });
    timed("1,000 changes by one thread", || {
        (0..1_000).for_each(|n| drop(store.commit(change(step(&a_key(n).id, Step::Disable))).unwrap()))
    });
    timed("verify_audit", || store.verify_audit().unwrap());
    timed("backup", || store.backup(&folder.path().join("copy.db")).unwrap());
    drop(store);
    let conn = rusqlite::Connection::open(&path).unwrap();
    for check in ["quick_check", "integrity_check"] {
        timed(check, || conn.query_row(&format!("PRAGMA {check}(1)"), [], |row| row.get::<_, String>(0)).unwrap());
    }
}

#[test]
#[ignore = "takes minutes, and is no test"]
fn changes_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keygate.db");
    SqliteStore::create(&path, NOW).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    store.commit(change(Deed::CreateApp(app("demo"), (0..64).map(|n| key(&format!("k{n}"))).collect()))).unwrap();
    syncs(folder.path());
    for threads in [1, 8, 32] {
        let (before, each) = (store.transactions(), 2_000 / threads);
        let start = Instant::now();
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let store = &store;
                scope.spawn(move || {
                    (0..each).for_each(|n| {
                        let text = format!("sk_{threads}_{thread}_{n}");
                        store.commit(change(rotate(&format!("k{thread}"), &text, 0))).unwrap();
                    });
                });
            }
        });
        let (took, transactions) = (start.elapsed().as_secs_f64(), store.transactions() - before);
        let changes = (threads * each) as f64;
        println!(
            "{threads} threads: {:.0} changes/s, {:.2} ms each, {:.1} in a transaction",
            changes / took,
            took * 1e3 * threads as f64 / changes,
            changes / transactions as f64
        );
    }
}

/// What a sync costs here by itself.
fn syncs(folder: &Path) {
    let mut file = std::fs::File::create(folder.join("sync")).unwrap();
    timed("200 writes of 4 KiB, each synced", || {
        for _ in 0..200 {
            file.write_all(&[1; 4096]).unwrap();
            file.sync_data().unwrap();
        }
    });
}
