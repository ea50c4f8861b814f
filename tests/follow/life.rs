//! What a manager does to keys, at the gates that follow it.

use rustix::process::Signal;

use super::{support::until, world::World};

#[tokio::test]
async fn a_key_works_and_ends_at_every_gate() {
    let world = World::start().await;
    let (one, other) = (world.follower("1h").await, world.follower("1h").await);
    let (id, key) = world.new_key_at(&[&one, &other]).await;
    let mut sockets = [one.socket(&key).await, one.socket(&key).await, other.socket(&key).await];
    let (code, said) = world.revoke(&id, "10s").await;
    assert_eq!(code, Some(0), "{said}");
    let receipt = &said["receipt"];
    assert_eq!(receipt["complete"], true, "{receipt}");
    let gates = receipt["gates"].as_array().expect("gates");
    let mut cut: Vec<_> = gates.iter().map(|gate| gate["cut"].as_u64().expect("a number")).collect();
    cut.sort_unstable();
    assert_eq!(cut, [0, 1, 2], "{receipt}: the manager's own, and those of the gates that follow");
    assert!(gates.iter().all(|gate| gate["acknowledged"] == true && gate["took_ms"].is_u64()), "{receipt}");
    for socket in &mut sockets {
        socket.is_closed_with(1008).await;
    }
    // What is in the receipt is so: nothing is waited for.
    for gate in [&one, &other] {
        assert_eq!(gate.asks(&key).await, 401);
    }
}

#[tokio::test]
async fn a_rotated_secret_ends_everywhere_when_its_grace_does() {
    let world = World::start().await;
    let gate = world.follower("1h").await;
    let (id, old) = world.new_key().await;
    let rotated = world.says(&["keys", "rotate", &id, "--grace", "0s"]).await;
    let new = rotated["secret"].as_str().expect("a secret");
    gate.comes_to(new, 200).await;
    assert_eq!(gate.asks(&old).await, 401);
    world.does(&["keys", "disable", &id]).await;
    gate.comes_to(new, 401).await;
    world.does(&["keys", "enable", &id]).await;
    gate.comes_to(new, 200).await;
}

#[tokio::test]
async fn what_keys_do_at_a_gate_is_known_to_the_manager() {
    let world = World::start().await;
    let gate = world.follower("1h").await;
    let (id, key) = world.new_key_at(&[&gate]).await;
    let refused = format!("GET /any/1?key={key} HTTP/1.1\r\nHost: gate\r\nConnection: close\r\n\r\n");
    assert_eq!(gate.gate.connect().await.ask(refused).await.status, 401, "a secret key has no place in a query");
    let seen = |usage: &serde_json::Value| usage["requests"] == 1 && usage["refusals"]["secret_in_query"] == 1;
    // Told when it ends at the latest: nothing of it is lost by an orderly end.
    let gate = gate.restart(Signal::TERM).await;
    let usage = until("the usage", || async {
        let usage = world.api(&format!("/v1/keys/{id}/usage")).await;
        seen(&usage).then_some(usage)
    })
    .await;
    assert!(usage["last_used_at"].is_string(), "{usage}");
    drop(gate);
}

#[tokio::test]
async fn the_manager_knows_its_gates() {
    let world = World::start().await;
    let gate = world.follower("1h").await;
    let version = world.api("/v1/keys?limit=1").await;
    assert!(version["items"].is_array());
    let gates = until("a gate that has come to the latest", || async {
        let listed = world.api("/v1/gates").await;
        let gates = listed["items"].as_array().expect("gates").clone();
        (gates.len() == 1 && gates[0]["version"]["sequence"].as_u64() > Some(0)).then_some(gates)
    })
    .await;
    assert_eq!((&gates[0]["name"], &gates[0]["connected"]), (&"edge".into(), &true.into()));
    assert!(world.does(&["gates", "list"]).await.contains("edge"));
    let mut program = gate.gate.program;
    program.signal(Signal::TERM);
    assert_eq!(program.exit().await, Some(0));
    until("a gate that has left", || async {
        world.api("/v1/gates").await["items"].as_array().is_some_and(Vec::is_empty).then_some(())
    })
    .await;
}

/// Nothing is managed at a gate that follows, and its commands say where it is.
#[tokio::test]
async fn a_gate_that_follows_manages_nothing() {
    let world = World::start().await;
    let gate = world.follower("1h").await;
    let (code, _, told) = gate.gate.command(&["keys", "list"]).await;
    assert_eq!(code, Some(1));
    assert!(told.contains("no keys are managed here"), "{told}");
    let mut gate = gate.gate;
    gate.program.signal(Signal::TERM);
    gate.program.exit().await;
    let environment = [("FOLLOW_TOKEN".to_owned(), "any".to_owned())];
    let manager = format!("http://{}", world.wire.address);
    for (arguments, code, wanted) in [
        (&["keys", "list"][..], 1, format!("managed there: `--url {manager}`")),
        (&["explain", "GET", "/any"], 1, format!("ask it, at {manager}/v1/explain")),
        (&["check"], 0, format!("the keys come from {manager}")),
    ] {
        let all = [arguments, &["-c", "keygate.yaml"]].concat();
        let mut program = super::support::Program::start(&all, gate.folder.path(), &environment);
        assert_eq!(program.exit().await, Some(code), "{arguments:?}");
        let told = program.stdout.whole().await + &program.stderr.whole().await;
        assert!(told.contains(&wanted), "{told}");
    }
}

/// While one process of a gate takes the place of another, both obey the manager.
#[tokio::test]
async fn both_processes_of_a_gate_that_is_replaced_obey() {
    let world = World::start().await;
    let mut gate = world.follower("1h").await;
    let (id, key) = world.new_key_at(&[&gate]).await;
    // An exchange under way: streams would be told to go.
    let mut upload = gate.gate.connect().await;
    let head =
        format!("POST /any/upload HTTP/1.1\r\nHost: gate\r\nx-api-key: {key}\r\nContent-Length: 100\r\n\r\nmore is to come");
    upload.send(head).await;
    until("the upload", || async {
        let (_, listed, _) = gate.gate.command(&["connections", "list", "--key", &id, "-o", "json"]).await;
        serde_json::from_str::<serde_json::Value>(&listed).ok().filter(|listed| listed["matching"] == 1)
    })
    .await;
    let mut old = gate.gate.upgrade_with(&gate.setup.environment).await;
    let (code, said) = world.revoke(&id, "10s").await;
    assert_eq!(code, Some(0), "{said}");
    let cut: u64 = said["receipt"]["gates"].as_array().expect("gates").iter().filter_map(|gate| gate["cut"].as_u64()).sum();
    assert_eq!(cut, 1, "{said}");
    assert_eq!(gate.asks(&key).await, 401);
    assert!(upload.rest_or_answer().await.is_none_or(|answer| answer.status != 200));
    assert_eq!(old.exit().await, Some(0));
}

/// A manager that is replaced leaves its gates to the process that took over, which knows them for its receipts.
#[tokio::test]
async fn gates_go_over_to_the_process_that_takes_the_managers_place() {
    let mut world = World::start().await;
    let gate = world.follower("1h").await;
    let (id, key) = world.new_key_at(&[&gate]).await;
    // A connection that stays, so that the old process stays too.
    let held = world.manager.connect().await;
    let old = world.manager.upgrade().await;
    until("the gate at the new process", || async {
        let gates = world.api("/v1/gates").await;
        gates["items"].as_array().is_some_and(|gates| gates.len() == 1).then_some(())
    })
    .await;
    let (code, said) = world.revoke(&id, "10s").await;
    assert_eq!((code, said["receipt"]["gates"].as_array().map(Vec::len)), (Some(0), Some(2)), "{said}");
    assert_eq!(gate.asks(&key).await, 401);
    drop((held, old));
}
