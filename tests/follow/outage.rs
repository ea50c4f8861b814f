//! A manager that is away, in every way there is: what was good stays so for as long as was said, what was revoked never is again.

use rustix::process::Signal;

use super::{
    support::until,
    wire::State,
    world::{Follower, World},
};

/// A gate with a key that is good and one that was revoked, both known to it.
async fn with_two(world: &World, max_stale: &str) -> (Follower, String, String) {
    let gate = world.follower(max_stale).await;
    let ((_, good), (id, revoked)) = (world.new_key_at(&[&gate]).await, world.new_key_at(&[&gate]).await);
    let (code, said) = world.revoke(&id, "10s").await;
    assert_eq!(code, Some(0), "{said}");
    (gate, good, revoked)
}

async fn goes_on(gate: &Follower, good: &str, revoked: &str) {
    for _ in 0..20 {
        assert_eq!((gate.asks(good).await, gate.asks(revoked).await), (200, 401));
    }
    assert_eq!(gate.gate.status("/readyz").await.status, 200);
}

#[tokio::test]
async fn a_manager_that_is_away_costs_nothing_for_a_while() {
    let world = World::start().await;
    let (gate, good, revoked) = with_two(&world, "1h").await;
    let garbage = |text: &str| State::Says(text.as_bytes().into());
    let unheard = [
        State::Cut,
        State::Hangs,
        garbage("no HTTP at all\r\n\r\n"),
        garbage("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"),
        garbage("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nevent: changes\ndata: {\"format\":1}\n\n"),
        garbage("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nevent: end\ndata: {\"format\":1}\n\n"),
        garbage("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nevent: en"),
    ];
    for (nth, state) in unheard.into_iter().enumerate() {
        world.wire.set(state);
        goes_on(&gate, &good, &revoked).await;
        if nth > 0 {
            // It has tried this one, and told so: what hangs, it has not given up yet.
            continue;
        }
        gate.gate.told("the stream broke off", 1).await;
    }
    // And what is done at the manager then comes when it is back.
    let (_, key) = world.new_key().await;
    world.mend().await;
    gate.comes_to(&key, 200).await;
    goes_on(&gate, &good, &revoked).await;
}

/// Whatever comes and is not signed is no sign of life, and takes no thread from those who have keys.
#[tokio::test]
async fn a_flood_is_not_the_manager() {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    let world = World::start().await;
    let (gate, good, revoked) = with_two(&world, "2s").await;
    for (nth, piece) in [&b"\n"[..], b":\n\n", b"event: later\ndata: 1\n\n"].into_iter().enumerate() {
        world.wire.set(State::Floods(HEAD, piece.repeat(20_000).into()));
        gate.gate.told("the manager was not heard for", nth + 1).await;
        world.mend().await;
        world.new_key_at(&[&gate]).await;
        assert_eq!((gate.asks(&good).await, gate.asks(&revoked).await), (200, 401));
    }
}

#[tokio::test]
async fn a_gate_starts_without_its_manager() {
    let world = World::start().await;
    let (gate, good, revoked) = with_two(&world, "1h").await;
    world.wire.set(State::Cut);
    let gate = gate.restart(Signal::KILL).await;
    goes_on(&gate, &good, &revoked).await;
}

#[tokio::test]
async fn keys_that_are_too_old_let_nobody_in_and_what_is_open_stays() {
    let world = World::start().await;
    let (gate, good, revoked) = with_two(&world, "2s").await;
    let mut socket = gate.socket(&good).await;
    world.wire.set(State::Hangs);
    gate.comes_to(&good, 503).await;
    let request = format!("GET /any/1 HTTP/1.1\r\nHost: gate\r\nx-api-key: {good}\r\nConnection: close\r\n\r\n");
    let answer = gate.gate.connect().await.ask(request).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "not_ready"));
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    assert_eq!(gate.asks(&revoked).await, 503, "of which nobody knows anything any more");
    let ready = gate.gate.status("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("too old"), "{}", ready.text());
    socket.echoes("still here").await;
    // Nor does a restart make them young again, by whatever configuration: the manager waits for this gate as long as it was told.
    let gate = Follower { setup: world.follower_setup("1h"), ..gate }.restart(Signal::KILL).await;
    assert_eq!(gate.asks(&good).await, 503);
    world.mend().await;
    gate.comes_to(&good, 200).await;
    assert_eq!(gate.asks(&revoked).await, 401);
}

/// A receipt is not complete while a gate might still let the key in.
#[tokio::test]
async fn a_gate_that_is_cut_off_is_missing_in_a_receipt() {
    let world = World::start().await;
    let gate = world.follower("1h").await;
    let (id, key) = world.new_key_at(&[&gate]).await;
    world.wire.set(State::Hangs);
    let (code, said) = world.revoke(&id, "300ms").await;
    assert_eq!(code, Some(3), "{said}: revoked, and not seen everywhere");
    let receipt = &said["receipt"];
    assert_eq!(receipt["complete"], false, "{receipt}");
    let theirs = receipt["gates"].as_array().and_then(|gates| gates.iter().find(|gate| gate["gate"] == "edge"));
    assert_eq!(theirs.map(|gate| &gate["acknowledged"]), Some(&false.into()), "{receipt}");
    world.mend().await;
    gate.comes_to(&key, 401).await;
}

/// Nor is it for a manager that was started again and has not heard that gate since: it may go on all the same.
#[tokio::test]
async fn a_gate_that_is_cut_off_is_missing_in_a_receipt_after_a_restart_too() {
    let mut world = World::start().await;
    let gate = world.follower("1h").await;
    let (id, key) = world.new_key().await;
    gate.comes_to(&key, 200).await;
    world.wire.set(State::Hangs);
    world.restart_manager(|_| ()).await;
    let (code, said) = world.revoke(&id, "300ms").await;
    assert_eq!((code, &said["receipt"]["complete"]), (Some(3), &false.into()), "{said}");
    assert_eq!(gate.asks(&key).await, 200, "it has not heard of it");
    world.mend().await;
    let (code, said) = world.revoke(&id, "10s").await;
    assert_eq!((code, &said["receipt"]["complete"]), (Some(0), &true.into()), "{said}");
    assert_eq!(gate.asks(&key).await, 401);
    // One that ends and says so is waited for no more, in this process or the next.
    let mut program = gate.gate.program;
    program.signal(Signal::TERM);
    assert_eq!(program.exit().await, Some(0));
    world.restart_manager(|_| ()).await;
    let (id, _) = world.new_key().await;
    assert_eq!(world.revoke(&id, "10s").await.0, Some(0));
}

/// Whoever knows that a gate has ended need not wait for what it might have decided; nothing else is forgotten.
#[tokio::test]
async fn a_gate_that_was_killed_can_be_forgotten() {
    let mut world = World::start().await;
    let mut gate = world.follower("1h").await;
    let (id, _) = world.new_key_at(&[&gate]).await;
    let instance = world.api("/v1/gates").await["items"][0]["instance"].as_str().expect("an instance").to_owned();
    let forget = ["gates", "forget", &instance];
    let (code, _, error) = world.manager.command(&forget).await;
    assert!(code == Some(1) && error.contains("this one is connected"), "{error}");

    gate.gate.program.signal(Signal::KILL);
    gate.gate.program.exit().await;
    until("a gate that is away", || async { (world.api("/v1/gates").await["items"][0]["connected"] == false).then_some(()) })
        .await;
    assert_eq!(world.revoke(&id, "0s").await.0, Some(3), "it might still let the key in");
    assert_eq!(world.does(&forget).await, format!("forgotten {instance}\n"));
    let (code, said) = world.revoke(&id, "0s").await;
    assert_eq!((code, said["receipt"]["gates"].as_array().map(Vec::len)), (Some(0), Some(1)), "{said}");
    let trail = world.api("/v1/audit?action=gate.forget").await;
    assert_eq!(trail["items"][0]["target"], format!("gate:{instance}"), "{trail}");
    let (code, _, error) = world.manager.command(&forget).await;
    assert!(code == Some(1) && error.contains("there is no gate with this id"), "{error}");

    // For good, and until it comes back.
    world.restart_manager(|_| ()).await;
    assert_eq!(world.api("/v1/gates").await["items"].as_array().map(Vec::len), Some(0));
    world.mend().await;
    let gate = Follower::start(gate.gate.folder, gate.setup).await;
    gate.is_ready().await;
    assert_eq!(world.api("/v1/gates").await["items"].as_array().map(Vec::len), Some(1));
}

/// Gates that could not be written down follow all the same, none of them waiting for the others, and are as soon as they can be.
#[tokio::test]
async fn gates_that_cannot_be_noted_follow_and_are_noted_later() {
    const GATES: usize = 6;
    let mut world = World::start().await;
    let _first = world.follower("1h").await;
    let store = rusqlite::Connection::open(world.manager.path("keygate.db")).expect("the store");
    // An index of what overflows, for triggers are off: nothing can be written under these names.
    let refuse = "CREATE INDEX refuse ON keepsakes (ABS(-9223372036854775807 - (LENGTH(name) > 0))) WHERE SUBSTR(name, 1, 9) = 'gate:many'";
    store.execute_batch(refuse).expect("an index");
    for n in 0..GATES {
        world.joined(&format!("many{n}")).await.read_through(b"text/event-stream").await;
    }
    let said = "gates that follow, or have ended, could not be noted";
    world.manager.told(said, GATES).await;
    let failures = world.manager.program.stderr.text().matches(said).count();
    assert!((GATES..2 * GATES).contains(&failures), "{failures}: one each, and one for all as often as is looked for them");

    store.execute_batch("DROP INDEX refuse").expect("no index");
    until("all gates in the store", || async {
        let asked = store.query_row("SELECT COUNT(*) FROM keepsakes WHERE name LIKE 'gate:%'", [], |row| row.get::<_, usize>(0));
        (asked.expect("a number") == GATES + 1).then_some(())
    })
    .await;
    drop(store);
    world.restart_manager(|_| ()).await;
    assert_eq!(world.api("/v1/gates").await["items"].as_array().map(Vec::len), Some(GATES + 1));
}

/// Nor is it where the key is revoked while no manager runs.
#[tokio::test]
async fn a_gate_that_follows_is_missing_in_a_receipt_of_a_manager_that_does_not_run() {
    let mut world = World::start().await;
    let gate = world.follower("1h").await;
    let (id, key) = world.new_key_at(&[&gate]).await;
    world.wire.set(State::Hangs);
    let revoke = ["keys", "revoke", &id, "--yes", "-o", "json", "-c", "keygate.yaml"];
    let said = world.restart_manager_asking(&revoke, 3).await;
    let edge = said["receipt"]["gates"].as_array().and_then(|gates| gates.iter().find(|gate| gate["gate"] == "edge"));
    assert_eq!(edge.map(|gate| &gate["acknowledged"]), Some(&false.into()), "{said}");
    assert_eq!(gate.asks(&key).await, 200, "nobody has told it");
    world.mend().await;
    gate.comes_to(&key, 401).await;
}

/// What has ended is not let in because it cannot be written down; nor does the gate say that it obeys.
#[tokio::test]
async fn a_gate_that_cannot_write_its_copy_obeys_for_now() {
    let world = World::start().await;
    let gate = world.follower("1h").await;
    let (id, key) = world.new_key_at(&[&gate]).await;
    let lock = rusqlite::Connection::open(gate.gate.path("cache.db")).expect("the copy");
    lock.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    assert_eq!(world.revoke(&id, "0s").await.0, Some(3), "nobody says that it obeys");
    gate.comes_to(&key, 401).await;
    let gates = world.api("/v1/gates").await;
    drop(lock);
    until("the gate that obeys", || async {
        let now = world.api("/v1/gates").await;
        (now["items"][0]["version"]["sequence"].as_u64() > gates["items"][0]["version"]["sequence"].as_u64()).then_some(())
    })
    .await;
    assert_eq!(gate.asks(&key).await, 401);
}

/// A manager that is killed loses nothing that it has acknowledged, and its gates nothing at all.
#[tokio::test]
async fn a_manager_that_is_killed_comes_back() {
    let mut world = World::start().await;
    let (gate, good, revoked) = with_two(&world, "1h").await;
    world.restart_manager(|_| ()).await;
    goes_on(&gate, &good, &revoked).await;
    world.mend().await;
    world.new_key_at(&[&gate]).await;
    assert_eq!(gate.asks(&revoked).await, 401);
    // What it told the one before, it tells this one again.
    until("the gate at the new manager", || async {
        let gates = world.api("/v1/gates").await;
        gates["items"][0]["version"]["sequence"].as_u64().is_some_and(|sequence| sequence > 0).then_some(())
    })
    .await;
}

/// What was revoked while a gate was away is not let in when it is back, not even once.
#[tokio::test]
async fn a_gate_that_was_away_asks_before_it_lets_in() {
    let world = World::start().await;
    let gate = world.follower("1h").await;
    let ((_, good), (id, revoked)) = (world.new_key_at(&[&gate]).await, world.new_key_at(&[&gate]).await);
    let gate = gate
        .restart_after(Signal::KILL, async {
            let (code, said) = world.revoke(&id, "0s").await;
            assert_eq!(code, Some(3), "{said}: of a gate that was killed nobody knows that it is not cut off");
        })
        .await;
    assert_eq!((gate.asks(&revoked).await, gate.asks(&good).await), (401, 200));
}
