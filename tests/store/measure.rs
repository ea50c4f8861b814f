//! What the store costs, for the report: `cargo test --release --test store measure -- --ignored --nocapture`.

use std::{
    io::Write as _,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use keygate::{
    app,
    gate::{
        keys::{Key, State, Step},
        testing,
    },
    keystore::{Deed, KeyStore as _, SqliteStore},
};

use crate::support::{self, NOW, change, key, rotate};

const MANY: usize = 1_000_000;
/// Where the keys are that [`a_gate_loads`] loads.
const FOLDER: &str = "KEYGATE_TEST_MEASURED";

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (start, cpu) = (Instant::now(), cpu_s());
    let done = work();
    println!("{what}: {:.3} s, of which {:.3} s on a processor", start.elapsed().as_secs_f64(), cpu_s() - cpu);
    done
}

/// What this process has had of the processors, by all its threads, in seconds: it says more than the time on a machine that is shared.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // `utime` and `stime`, in hundredths (proc_pid_stat(5)); the name before them may hold spaces.
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11).take(2);
    fields.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
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
    timed("1 M keys, made", || drop((0..MANY).map(a_key).collect::<Vec<_>>()));
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
    // In a process that has done nothing else, as a gate that starts.
    for _ in 0..3 {
        let mut gate = Command::new(std::env::current_exe().unwrap());
        let gate = gate.args(["--ignored", "--exact", "measure::a_gate_loads", "--nocapture"]).env(FOLDER, folder.path());
        assert!(gate.status().unwrap().success());
    }
    timed("page of 100 of one app", || {
        let filter = keygate::keystore::KeyFilter { app: Some("app7".into()), ..Default::default() };
        assert_eq!(store.keys(&filter, None, 100).unwrap().len(), 100);
    });
    timed("1,000 changes by one thread", || {
        (0..1_000).for_each(|n| drop(store.commit(change(support::step(&a_key(MANY - 1 - n).id, Step::Disable))).unwrap()))
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
#[ignore = "the child of the test above"]
fn a_gate_loads() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let config = Path::new(&folder).join("keygate.yaml");
    let text = "listeners: [{ address: '127.0.0.1:0' }]\nupstream: 127.0.0.1:1\nenvironments: [live]\nkeys: { sqlite: keygate.db }\n\
                routes: [{ name: any, match: { path: /** }, operation: any }]\n";
    std::fs::write(&config, text).unwrap();
    let before = private_bytes();
    let loaded = timed("load into a gate", || app::load(&config, None, None)).unwrap();
    println!("{:.0} bytes a key, ids of 12 bytes included", (private_bytes() - before) as f64 / loaded.keys.len() as f64);
    let (mut stored, mut keys) = (loaded.stored.unwrap(), loaded.keys);
    let (mut commits, mut publishing) = (Vec::new(), Vec::new());
    for n in 0..1_000 {
        let step = if keys.by_id(&a_key(n).id).unwrap().state == State::Active { Step::Disable } else { Step::Enable };
        let start = Instant::now();
        let done = stored.store.commit(change(support::step(&a_key(n).id, step))).unwrap();
        commits.push(start.elapsed());
        let start = Instant::now();
        let before = keys.by_id(&done.keys[0].id).map(AsRef::as_ref);
        let record = stored.compiler.record(&done.keys[0], before).unwrap();
        keys = keys.with(vec![record], &[]).unwrap();
        publishing.push(start.elapsed());
    }
    print_spread("a commit", commits);
    print_spread("a record, and the set with it", publishing);
}

fn print_spread(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)].as_micros();
    println!("{what}: median {} µs, p99 {} µs, longest {} µs", at(50), at(99), at(100));
}

/// Memory that this process has for itself.
fn private_bytes() -> u64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss_Anon:")).unwrap();
    pss.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
#[ignore = "takes minutes, and is no test"]
fn changes_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keygate.db");
    SqliteStore::create(&path, NOW).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    store.commit(change(Deed::CreateApp(support::app("demo"), (0..64).map(|n| key(&format!("k{n}"))).collect()))).unwrap();
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
