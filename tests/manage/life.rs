//! The life of a key in a running gate.

use serde_json::json;

use super::world::World;

#[tokio::test]
async fn a_key_is_made_and_works_at_once() {
    let world = World::start().await;
    let (id, key) = world.new_key(&["--name", "Server"]).await;
    assert_eq!(world.asks(&key).await, 200);
    let listed = world.says(&["keys", "list"]).await;
    let keys = listed.as_array().expect("a list");
    let shown = keys.iter().find(|key| key["id"] == json!(id)).expect("the key");
    assert_eq!((keys.len(), &shown["name"], &shown["standing"]), (3, &json!("Server"), &json!("active")));
    assert!(!listed.to_string().contains(&key[20..]), "nothing of the secret is shown again");
    let table = world.does(&["keys", "list"]).await;
    assert!(
        table.starts_with("id\tapp\tkind") && table.contains(&format!("{id}\tdemo\tsecret\tlive\tactive\tServer")),
        "{table}"
    );
}

#[tokio::test]
async fn a_revoked_key_ends_with_its_streams_and_the_receipt_says_so() {
    let world = World::start().await;
    let ((id, key), (_, other)) = (world.new_key(&[]).await, world.new_key(&[]).await);
    let (mut socket, mut others) = (world.socket(&key).await, world.socket(&other).await);
    let revoked = world.says(&["keys", "revoke", &id, "--yes", "--wait", "10s"]).await;
    let gate = &revoked["receipt"]["gates"][0];
    assert_eq!(
        (&gate["cut"], &gate["remaining"], &revoked["receipt"]["complete"]),
        (&json!(1), &json!(0), &json!(true)),
        "{revoked}"
    );
    socket.is_closed_with(1008).await;
    assert_eq!(world.asks(&key).await, 401);
    others.echoes("not I").await;
    let (code, _, error) = world.gate.command(&["keys", "enable", &id]).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("cannot be undone"), "{error}");
}

#[tokio::test]
async fn a_rotated_key_has_two_secrets_until_the_grace_period_ends() {
    let world = World::start().await;
    let (id, first) = world.new_key(&[]).await;
    let mut socket = world.socket(&first).await;
    let rotated = world.says(&["keys", "rotate", &id]).await;
    let second = rotated["secret"].as_str().expect("a text").to_owned();
    assert_eq!((world.asks(&first).await, world.asks(&second).await), (200, 200));
    socket.echoes("still here").await;
    // Who is still on the old one is told, and who is not, is not.
    let mut newer = world.socket(&second).await;
    newer.echoes("on the new one").await;
    let listed = world.says(&["connections", "list", "--key", &id, "--earlier-secret"]).await;
    let on_it = listed["connections"].as_array().expect("a list");
    assert_eq!((on_it.len(), &on_it[0]["earlier_secret"]), (1, &json!(true)), "{listed}");
    assert_eq!(world.says(&["connections", "list", "--key", &id]).await["matching"], 2);
    let shown = world.says(&["keys", "show", &id]).await;
    assert_eq!((&shown["connections"], &shown["earlier_connections"]), (&json!(2), &json!(1)));
    assert_eq!(rotated["key"]["earlier_connections"], 1);
    let third = world.says(&["keys", "rotate", &id, "--grace", "0s"]).await["secret"].as_str().expect("a text").to_owned();
    let asked = [world.asks(&first).await, world.asks(&second).await, world.asks(&third).await];
    assert_eq!(asked, [401, 401, 200], "after a leak no earlier secret is good");
    socket.is_closed_with(1008).await;
}

#[tokio::test]
async fn a_disabled_key_works_again() {
    let world = World::start().await;
    let (id, key) = world.new_key(&[]).await;
    world.does(&["keys", "disable", &id]).await;
    assert_eq!(world.asks(&key).await, 401);
    world.does(&["keys", "enable", &id]).await;
    assert_eq!(world.asks(&key).await, 200);
}

#[tokio::test]
async fn an_update_is_in_force_and_what_is_wrong_is_told_by_its_place() {
    let world = World::start().await;
    let (id, key) = world.new_key(&[]).await;
    let shown = world.says(&["keys", "update", &id, "--capability", "chat:*=subscribe", "--metadata", "team=web"]).await;
    assert_eq!((&shown["capabilities"], &shown["metadata"]), (&json!({ "chat:*": ["subscribe"] }), &json!({ "team": "web" })));
    let request = format!("GET /api/x HTTP/1.1\r\nHost: gate\r\nx-api-key: {key}\r\nConnection: close\r\n\r\n");
    assert_eq!(world.gate.connect().await.ask(request).await.status, 403, "it manages nothing any more");
    let (code, _, error) = world.gate.command(&["keys", "update", &id, "--capability", "chat:*=fly", "--rate", "fast"]).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("capabilities") && error.contains("limits.rate"), "{error}");
    let (code, _, error) = world.gate.command(&["keys", "update", &id, "--name", "x", "--if-version", "1"]).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("version 2"), "{error}");
}

#[tokio::test]
async fn everything_is_in_the_audit_trail_and_an_edit_of_it_is_found() {
    let world = World::start().await;
    let (id, key) = world.new_key(&[]).await;
    world.says(&["keys", "rotate", &id]).await;
    world.does(&["keys", "revoke", &id, "--yes"]).await;
    let lines = world.does(&["audit", "tail", "-o", "json", "--target", &format!("key:{id}")]).await;
    let actions: Vec<_> =
        lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["action"].clone()).collect();
    assert_eq!(actions, ["key.create", "key.rotate", "key.revoke"]);
    assert!(!lines.contains(&key[20..]));
    let head = world.says(&["audit", "verify"]).await;
    assert!(head["sequence"].as_u64() >= Some(4), "{head}");
    let edit = rusqlite::Connection::open(world.gate.path("keygate.db")).expect("the store");
    edit.execute("UPDATE audit SET actor = 'nobody' WHERE sequence = 2", []).expect("an edit");
    let (code, _, error) = world.gate.command(&["audit", "verify"]).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("record 2"), "{error}");
}

#[tokio::test]
async fn usage_is_kept() {
    let world = World::start().await;
    let (id, key) = world.new_key(&["--capability", "chat:*=subscribe"]).await;
    assert_eq!(world.asks(&key).await, 200);
    let request = format!("GET /api/x HTTP/1.1\r\nHost: gate\r\nx-api-key: {key}\r\nConnection: close\r\n\r\n");
    assert_eq!(world.gate.connect().await.ask(request).await.status, 403);
    let socket = world.gate.path("control.sock");
    loop {
        let usage = curl(&socket, &format!("/v1/keys/{id}/usage")).await;
        if usage["requests"] == 1
            && usage["refusals"].as_object().is_some_and(|refusals| refusals.values().any(|count| *count == 1))
        {
            assert!(usage["last_used_at"].is_string());
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// What the control socket answers to a GET.
async fn curl(socket: &std::path::Path, target: &str) -> serde_json::Value {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::UnixStream::connect(socket).await.expect("a gate");
    stream
        .write_all(format!("GET {target} HTTP/1.1\r\nHost: keygate\r\nConnection: close\r\n\r\n").as_bytes())
        .await
        .expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    let text = String::from_utf8(answer).expect("text");
    serde_json::from_str(text.split_once("\r\n\r\n").expect("a body").1).expect("JSON")
}

#[tokio::test]
async fn a_gate_that_starts_again_has_what_was_answered() {
    let world = World::start().await;
    let ((_, good), (ended, bad)) = (world.new_key(&[]).await, world.new_key(&[]).await);
    world.does(&["keys", "revoke", &ended, "--yes"]).await;
    let World { backend: _backend, mut gate } = world;
    let old = gate.upgrade().await;
    drop(old);
    let again = |key: String| format!("GET /any/1 HTTP/1.1\r\nHost: gate\r\nx-api-key: {key}\r\nConnection: close\r\n\r\n");
    let status = |answer: super::support::Answer| answer.status;
    assert_eq!(status(gate.connect().await.ask(again(good)).await), 200);
    assert_eq!(status(gate.connect().await.ask(again(bad)).await), 401);
}
