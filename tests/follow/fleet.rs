//! Many gates at once. The figures are printed, not asserted: the machine may be busy.
//! `KEYGATE_LONG=1 cargo test --release --test follow fleet -- --ignored --nocapture`

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{
    support::until,
    world::{Follower, World},
};

const GATES: usize = 20;

/// From the answer to the change until a gate refuses the key, and what the receipt says of the same.
#[tokio::test]
#[ignore = "a measurement"]
async fn a_change_is_in_force_at_twenty_gates() {
    let changes = if std::env::var_os("KEYGATE_LONG").is_some() { 200 } else { 10 };
    let world = World::start().await;
    let mut gates = Vec::new();
    for _ in 0..GATES {
        gates.push(world.follower("1h").await);
    }
    until("all of them", || async {
        let gates = world.api("/v1/gates?limit=100").await;
        gates["items"].as_array().is_some_and(|gates| gates.len() == GATES).then_some(())
    })
    .await;
    let (mut created, mut receipts, mut wrong) = (Vec::new(), Vec::new(), 0);
    for _ in 0..changes {
        let (id, key) = world.new_key().await;
        let acknowledged = Instant::now();
        for gate in &gates {
            gate.comes_to(&key, 200).await;
        }
        created.push(acknowledged.elapsed());
        let (code, said) = world.revoke(&id, "10s").await;
        assert_eq!(code, Some(0), "{said}");
        receipts.extend(took(&said));
        for gate in &gates {
            wrong += usize::from(gate.asks(&key).await != 401);
        }
    }
    assert_eq!(wrong, 0, "gates that let a key in after the receipt said that all obey");
    let machine = (GATES, changes);
    println!("{machine:?} gates and changes: a revocation was obeyed by a gate {}", told(receipts));
    println!("a new key was let in by the last of all gates, asked one after the other, {}", told(created));
    idle(&gates, &world).await;
}

/// How long each gate took, by the receipt.
fn took(said: &Value) -> Vec<Duration> {
    let gates = said["receipt"]["gates"].as_array().expect("gates");
    assert_eq!(gates.len(), GATES + 1);
    gates.iter().map(|gate| Duration::from_millis(gate["took_ms"].as_u64().expect("a number"))).collect()
}

fn told(mut spans: Vec<Duration>) -> String {
    spans.sort_unstable();
    let at = |part: f64| spans[((spans.len() - 1) as f64 * part) as usize];
    format!("p50 {:?}, p99 {:?}, at most {:?} after it was asked for", at(0.5), at(0.99), at(1.0))
}

/// Nobody fell behind meanwhile.
async fn idle(gates: &[Follower], world: &World) {
    let listed = world.api("/v1/gates?limit=100").await;
    let versions: Vec<_> = listed["items"].as_array().expect("gates").iter().map(|gate| gate["version"].clone()).collect();
    assert_eq!((versions.len(), versions.windows(2).all(|pair| pair[0] == pair[1])), (gates.len(), true), "{versions:?}");
}
