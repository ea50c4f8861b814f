//! What calls do: heads, conditions, pages, repetitions, and that a secret is shown once.

use std::{net::SocketAddr, time::Duration};

use keygate::admin::{KnownRecord, Stepping};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    client::{Answer, Ask},
    fake::SECRET,
    world::World,
};

/// The answer to bytes as they are.
pub async fn raw(to: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(to).await.expect("the listener");
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    Answer::parse(&answer)
}

fn creating(once: &str) -> Ask<'static> {
    let body = json!({ "app": "demo", "kind": "secret", "environment": "live" });
    Ask::new("POST", "/v1/keys").token("operator").with("idempotency-key", once).json(&body)
}

#[tokio::test]
async fn a_new_key_has_a_place_and_its_secret_is_shown_once() {
    let world = World::new().await;
    let first = creating("one").send(world.address).await;
    assert_eq!((first.status, first.field("location"), first.field("etag")), (201, Some("/v1/keys/made"), Some("\"1\"")));
    assert_eq!((first.json()["secret"].as_str(), first.json()["repeated"].as_bool()), (Some(SECRET), Some(false)));
    assert_eq!(first.field("idempotency-replayed"), None);

    let again = creating("one").send(world.address).await;
    assert_eq!((again.status, again.field("idempotency-replayed")), (201, Some("true")));
    assert_eq!((&again.json()["secret"], again.json()["repeated"].as_bool()), (&Value::Null, Some(true)));

    for target in ["/v1/keys", "/v1/keys/made", "/v1/keys/made/usage", "/v1/audit", "/v1/audit/export"] {
        let answer = world.get(target).await;
        assert!(answer.status == 200 && !String::from_utf8_lossy(&answer.body).contains(SECRET), "{target}");
    }
}

#[tokio::test]
async fn apps_operators_and_rotations_are_repeated_without_a_secret_as_well() {
    let world = World::new().await;
    for (target, body, secret) in [
        ("/v1/apps", json!({ "id": "shop", "environment": "live" }), "/keys/0/secret"),
        ("/v1/operators", json!({ "name": "Bob", "role": "viewer" }), "/token"),
        ("/v1/keys/server/rotate", json!({ "grace": "1h" }), "/secret"),
    ] {
        let send = || Ask::new("POST", target).token("owner").with("idempotency-key", target).json(&body).send(world.address);
        let (first, again) = (send().await, send().await);
        assert_eq!(first.json().pointer(secret).and_then(Value::as_str), Some(SECRET), "{target}");
        assert!(first.status < 300 && first.status == again.status && first.field("idempotency-replayed").is_none(), "{target}");
        assert_eq!(
            (again.field("idempotency-replayed"), again.json()["repeated"].as_bool()),
            (Some("true"), Some(true)),
            "{target}"
        );
        assert!(again.json().pointer(secret).is_none_or(Value::is_null), "{target}");
    }
}

#[tokio::test]
async fn a_reader_who_has_it_is_not_sent_it_again() {
    let world = World::new().await;
    let show = |tag: &str| Ask::new("GET", "/v1/keys/web").token("viewer").with("if-none-match", tag).send(world.address);
    for (tag, status) in [("\"7\"", 304), ("W/\"7\"", 304), ("\"6\", \"7\"", 304), ("*", 304), ("\"6\"", 200), ("7", 200)] {
        let answer = show(tag).await;
        assert_eq!(
            (answer.status, answer.field("etag"), answer.body.is_empty()),
            (status, Some("\"7\""), status == 304),
            "{tag}"
        );
    }
}

#[tokio::test]
async fn a_change_on_a_condition_is_of_just_that_version() {
    let world = World::new().await;
    let change = |tag: Option<&str>| {
        let ask = Ask::new("PATCH", "/v1/keys/web").token("operator").json(&json!({ "name": "New" }));
        match tag {
            Some(tag) => ask.with("if-match", tag),
            None => ask,
        }
        .send(world.address)
    };
    assert_eq!((change(Some("\"7\"")).await.status, change(Some("\"7\"")).await.status), (200, 412));
    assert_eq!(change(Some("*")).await.field("etag"), Some("\"9\""));
    assert_eq!(change(None).await.field("etag"), Some("\"10\""), "without a condition the last wins");
}

#[tokio::test]
async fn steps_are_told_as_they_were_asked_for() {
    let world = World::new().await;
    let step = |name: &str, body: Option<Value>| {
        let target = format!("/v1/keys/web/{name}");
        async move {
            let ask = Ask::new("POST", &target).token("operator").with("if-match", "\"7\"").with("idempotency-key", "n");
            let ask = match &body {
                Some(body) => ask.json(body),
                None => ask,
            };
            ask.send(world.address).await
        }
    };
    let (hour, second) = (Duration::from_secs(3600), Duration::from_secs(1));
    for (name, body, expected, once) in [
        ("disable", None, Stepping::Disable, false),
        ("enable", Some(json!({})), Stepping::Enable, false),
        ("rotate", None, Stepping::Rotate(None), true),
        ("rotate", Some(json!({ "grace": null })), Stepping::Rotate(None), true),
        ("rotate", Some(json!({ "grace": "0" })), Stepping::Rotate(Some(Duration::ZERO)), true),
        ("rotate", Some(json!({ "grace": "24h" })), Stepping::Rotate(Some(24 * hour)), true),
        ("rotate", Some(json!({ "grace": "30d" })), Stepping::Rotate(Some(720 * hour)), true),
        ("revoke", None, Stepping::Revoke(Duration::ZERO), false),
        ("revoke", Some(json!({ "wait": "1s" })), Stepping::Revoke(second), false),
        ("revoke", Some(json!({ "wait": "60s" })), Stepping::Revoke(60 * second), false),
    ] {
        let answer = step(name, body.clone()).await;
        assert_eq!((answer.status, answer.field("etag")), (200, Some("\"7\"")), "{name} {body:?}: {answer:?}");
        assert_eq!(answer.json()["receipt"].is_object(), name == "revoke");
        assert_eq!(world.manager.steps.lock().pop(), Some(("web".to_owned(), expected, Some(7), once)), "{name} {body:?}");
    }
}

#[tokio::test]
async fn a_list_is_read_page_by_page() {
    let world = World::new().await;
    for (list, id) in [("/v1/keys", "/id"), ("/v1/apps", "/id")] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = world.get(&format!("{list}?limit=1{cursor}")).await.json();
            found.extend(page["items"].as_array().expect("items").iter().map(|item| item.pointer(id).cloned()));
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let whole = world.get(list).await.json();
        let all: Vec<_> = whole["items"].as_array().expect("items").iter().map(|item| item.pointer(id).cloned()).collect();
        assert_eq!((found, whole["next"].is_null()), (all, true), "{list}");
    }
}

#[tokio::test]
async fn the_trail_is_read_forwards_and_backwards() {
    let world = World::new().await;
    world.manager.records.store(5, std::sync::atomic::Ordering::Relaxed);
    let read = async |order: &str| {
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page = world.get(&format!("/v1/audit?limit=2&order={order}{after}")).await.json();
            found.extend(page["items"].as_array().expect("items").iter().filter_map(|record| record["sequence"].as_u64()));
            let Some(next) = page["next"].as_str() else { break found };
            after = format!("&after={next}");
        }
    };
    assert_eq!((read("asc").await, read("desc").await), (vec![1, 2, 3, 4, 5], vec![5, 4, 3, 2, 1]));
    let record = &world.get("/v1/audit?limit=1").await.json()["items"][0];
    let expected = json!({
        "sequence": 1, "at": "2026-01-01T00:00:00.000Z", "actor": "operator:ada", "action": "key.create", "target": "key:web",
        "detail": { "name": "Web" }, "hash": "07".repeat(32),
    });
    assert_eq!(record, &expected);
    let head = world.get("/v1/audit/verify").await.json();
    assert_eq!(head, json!({ "first": 1, "sequence": 3, "hash": "07".repeat(32) }));
    assert_eq!(*world.manager.known.lock(), None);
    let hash = "07".repeat(32);
    assert_eq!(world.get(&format!("/v1/audit/verify?expect=3:{hash}")).await.status, 200);
    assert_eq!(*world.manager.known.lock(), Some(KnownRecord { sequence: 3, hash: [7; 32] }));
}

#[tokio::test]
async fn a_request_that_is_described_has_what_most_have() {
    let world = World::new().await;
    let explained = world.post("/v1/explain", &json!({ "method": "GET", "target": "/chat", "key": null })).await;
    let expected = json!({ "method": "GET", "target": "/chat", "peer": "127.0.0.1", "host": "localhost" });
    assert_eq!((explained.status, explained.json()), (200, expected));
    let unix = world.post("/v1/explain", &json!({ "method": "GET", "target": "/", "peer": "unix" })).await;
    assert_eq!(unix.json()["peer"], "unix");
}

#[tokio::test]
async fn who_asks_is_told_who_they_are() {
    let world = World::new().await;
    let whoami = async |token: &str| Ask::new("GET", "/v1/whoami").token(token).send(world.address).await.json();
    assert_eq!(whoami("viewer").await, json!({ "actor": "operator:viewer", "name": "viewer", "role": "viewer" }));
    let app = json!({
        "actor": "operator:app", "name": "app", "role": "app", "app": "demo", "environment": "live",
        "capabilities": { "*": ["keygate:keys", "subscribe"] }, "expires_at": null,
    });
    assert_eq!(whoami("app").await, app);
    assert_eq!(world.get("/v1/operators").await.json()["items"][0].get("digest"), None);
}

#[tokio::test]
async fn a_cut_is_remembered_before_it_is_done() {
    let world = World::new().await;
    let cut = || {
        Ask::new("POST", "/v1/connections/cut").token("operator").json(&json!({ "key": "web", "wait_ms": 5 })).send(world.address)
    };
    let answer = cut().await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "cut": 2, "remaining": 0 })));
    assert_eq!(
        world.manager.notes.lock().pop().as_deref(),
        Some(r#"operator:operator connection.cut connections {"key":"web"}"#)
    );
    assert_eq!(world.gate.cuts.lock().len(), 1);
    let all = json!({ "all": true, "id": null, "key": null, "peer": null, "transport": null });
    assert_eq!(world.post("/v1/connections/cut", &all).await.status, 200, "nothing may be said to be nothing");
    world.manager.deaf.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!((cut().await.status, world.gate.cuts.lock().len()), (507, 2), "what cannot be remembered is not done");
}

#[tokio::test]
async fn a_head_is_asked_for_without_its_body() {
    let world = World::new().await;
    for target in ["/v1/keys", "/v1/keys/web", "/", "/v1/openapi.json"] {
        let answer = Ask::new("HEAD", target).token("viewer").send(world.address).await;
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{target}");
    }
}
