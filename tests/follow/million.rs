//! Very many keys at a gate that follows, for the report: `cargo test --release --test follow million -- --ignored --nocapture`. The figures
//! are printed, not asserted: the machine may be busy.

use std::time::{Duration, Instant};

use keygate::{
    gate::{
        credential::{Environment, Kind},
        keys::{About, Key, Life},
        testing,
    },
    keystore::{Change, Deed, KeyStore as _, SqliteStore},
};
use rustix::process::Signal;

use super::{
    support::Gate,
    world::{Follower, World},
};

const MANY: usize = 1_000_000;
const AT_ONCE: usize = 10_000;
/// For what is waited for longer than any test may wait.
const LONG: Duration = Duration::from_secs(300);

fn a_key(n: usize) -> Key {
    // Spread over the table, as ids that are drawn are.
    let id = format!("{:012x}", (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16);
    Key {
        app: format!("app{}", n % 100).into(),
        kind: Kind::Secret,
        environment: Environment::Live,
        life: Life::new(testing::digest(&id), i64::MAX),
        text: None,
        prefix: None,
        about: About { name: format!("Key {id}").into(), terms: "{}".into(), ..About::default() },
        created_at_ms: 1,
        text_since_ms: 1,
        changed_at_ms: 1,
        version: 1,
        id: id.into(),
    }
}

/// The largest and the present memory of a gate, in MiB.
fn memory(gate: &Gate) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gate.program.id())).expect("a process");
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
    };
    (of("VmHWM:"), of("VmRSS:"))
}

/// Until the gate has said so often that the manager's keys are in force.
async fn in_force(gate: &Gate, nth: usize) {
    let begun = Instant::now();
    while gate.program.stderr.text().matches("the manager's keys are in force").count() < nth {
        assert!(begun.elapsed() < LONG, "{}", gate.program.stderr.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn a_million_keys() {
    let mut world = World::start().await;
    let (id, key) = world.new_key().await;
    world
        .restart_manager(|folder| {
            let store = SqliteStore::open(&folder.join("keygate.db")).expect("a store");
            for first in (0..MANY).step_by(AT_ONCE) {
                let deed = Deed::Import((first..first + AT_ONCE).map(a_key).collect());
                store.commit(Change { deed, actor: "gate".into(), at_ms: 1, once: None }).expect("room");
            }
        })
        .await;
    world.mend().await;
    println!("a manager with {MANY} keys: {:?} MiB at most and now", memory(&world.manager));

    let setup = world.follower_setup("1h");
    let folder = tempfile::Builder::new().prefix("keygate-test-").tempdir().expect("a folder");
    let begun = Instant::now();
    let gate = Follower::start(folder, setup).await;
    in_force(&gate.gate, 1).await;
    println!("a gate without any: all in force {:?} after its start; {:?} MiB", begun.elapsed(), memory(&gate.gate));
    println!("the manager meanwhile: {:?} MiB", memory(&world.manager));
    gate.comes_to(&key, 200).await;

    let begun = Instant::now();
    let (code, said) = world.revoke(&id, "30s").await;
    println!("a revocation was obeyed {:?} after it was asked for ({})", begun.elapsed(), said["receipt"]["took_ms"]);
    assert_eq!((code, gate.asks(&key).await), (Some(0), 401));

    let begun = Instant::now();
    let gate = gate.restart(Signal::TERM).await;
    println!("the gate started again listens after {:?}, its end included; {:?} MiB", begun.elapsed(), memory(&gate.gate));
    assert_eq!(gate.asks(&key).await, 401);
}
