//! A process that changes keys is killed at a random moment, again and again: what it was told has happened has happened, of all else all or
//! nothing has, and what is revoked is so for good.

use std::{
    collections::BTreeMap,
    hint::spin_loop,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use keygate::{
    gate::{
        keys::{Key, KeyChange, State, Step},
        testing,
    },
    keystore::{Deed, KeyStore as _, SqliteStore},
};

use crate::support::{HOUR, NOW, Own, Random, all, change, key, long};

const FILE: &str = "KEYGATE_TEST_KILLED_STORE";
const ROUND: &str = "KEYGATE_TEST_KILLED_ROUND";
const THREADS: usize = 4;
/// Rounds with one store, so that reading it all after each stays short.
const ROUNDS_OF_A_STORE: u64 = 25;

/// What happens to every key, one after the other; its version counts it.
fn steps(id: &str) -> [Step; 5] {
    let rotate = |n: u8, grace_ms| Step::Rotate { digest: testing::digest(&format!("sk_{id}_{n}")), grace_ms };
    [rotate(2, HOUR), Step::Disable, Step::Enable, rotate(5, 0), Step::Revoke]
}

/// All of the key with this id once it has this version.
fn expected(id: &str, version: u64) -> Key {
    let to_come = steps(id).into_iter().take(version as usize - 1);
    to_come.fold(key(id), |key, step| key.after(KeyChange::Step(step, None), NOW).unwrap())
}

#[derive(Default)]
struct Told {
    /// The last version of each key that was acknowledged.
    acknowledged: BTreeMap<String, u64>,
    count: u64,
    reopened_ms_max: u128,
}

impl Told {
    /// A round: a child works, and is killed after some acknowledgements.
    fn round(&mut self, path: &Path, round: u64, random: &mut Random) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "kills::child", "--nocapture"])
            .envs([(FILE, path.as_os_str()), (ROUND, round.to_string().as_ref())])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let (until, spins) = (1 + random.below(60), random.below(200_000));
        let mut heard = 0;
        while heard < until {
            heard += self.hear(&lines.next().expect("the child goes on until it is killed"));
        }
        (0..spins).for_each(|_| spin_loop());
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had said by then. A line may be cut short, and was not acknowledged then: whoever asked has not read it.
        lines.for_each(|line| self.count += self.hear(&line));
        self.count += heard;
    }

    fn hear(&mut self, line: &str) -> u64 {
        let mut words = line.split(' ');
        let (Some("ack"), Some(id), Some(version), Some("!")) = (words.next(), words.next(), words.next(), words.next()) else {
            return 0;
        };
        self.acknowledged.insert(id.to_owned(), version.parse().unwrap());
        1
    }

    fn check(&mut self, path: &Path) {
        let start = Instant::now();
        let store = SqliteStore::open(path).unwrap();
        let (version, keys) = all(&store).unwrap();
        self.reopened_ms_max = self.reopened_ms_max.max(start.elapsed().max(Duration::ZERO).as_millis());
        for key in &keys {
            assert_eq!(*key, expected(&key.id, key.version), "half a key");
        }
        let kept: BTreeMap<_, _> = keys.iter().map(|key| (&*key.id, key)).collect();
        for (id, version) in &self.acknowledged {
            let key = kept.get(id.as_str()).unwrap_or_else(|| panic!("{id} was acknowledged and is lost"));
            assert!(key.version >= *version, "{id} has version {}, and {version} was acknowledged", key.version);
            assert!(*version <= 5 || key.life.state == State::Revoked);
        }
        let head = store.verify_audit().unwrap();
        // The application, and one record for each version of each key.
        assert_eq!(head.sequence, 1 + keys.iter().map(|key| key.version).sum::<u64>());
        assert_eq!(version.sequence, head.sequence);
    }
}

#[test]
fn nothing_acknowledged_is_lost_by_a_kill() {
    let rounds = if long() { 2_000 } else { 20 };
    let mut random = Random(7);
    let (mut total, mut slowest, mut unacknowledged) = (0, 0, 0);
    for first in (0..rounds).step_by(ROUNDS_OF_A_STORE as usize) {
        let Own { folder, store } = Own::with(&[]);
        drop(store);
        let path = folder.path().join("keygate.db");
        let mut told = Told::default();
        for round in first..(first + ROUNDS_OF_A_STORE).min(rounds) {
            told.round(&path, round, &mut random);
            told.check(&path);
        }
        let (_, keys) = all(&SqliteStore::open(&path).unwrap()).unwrap();
        let done: u64 = keys.iter().map(|key| key.version).sum();
        unacknowledged += done - told.acknowledged.values().sum::<u64>();
        total += told.count;
        slowest = slowest.max(told.reopened_ms_max);
    }
    println!(
        "{rounds} kills, {total} acknowledged changes, none lost; {unacknowledged} done and not told; opened and read in {slowest} ms at most"
    );
}

#[test]
#[ignore = "the child of the test above"]
fn child() {
    let (Some(path), Ok(round)) = (std::env::var_os(FILE), std::env::var(ROUND)) else { return };
    let store = SqliteStore::open(Path::new(&path)).unwrap();
    let tell = |id: &str, version: u64| std::io::stdout().write_all(format!("\nack {id} {version} !\n").as_bytes()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, round) = (&store, &round);
            scope.spawn(move || {
                for n in 0.. {
                    let id = format!("{round}-{thread}-{n}");
                    store.commit(change(Deed::Create(vec![key(&id)]))).unwrap();
                    tell(&id, 1);
                    for step in steps(&id) {
                        let done = store.commit(change(crate::support::step(&id, step))).unwrap();
                        tell(&id, done.keys[0].version);
                    }
                }
            });
        }
    });
}
