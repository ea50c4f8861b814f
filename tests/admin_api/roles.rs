//! Who may make which call: the golden matrix, in `roles.txt`. **A diff of that file is the security review.**
//! `UPDATE_EXPECT=1 cargo test --test admin_api` writes it anew.

use std::fmt::Write as _;

use expect_test::expect_file;
use serde_json::{Value, json};

use crate::{
    client::{Answer, Ask},
    world::World,
};

const CALLERS: [&str; 7] = ["nobody", "wrong", "app", "gate", "viewer", "operator", "owner"];

/// Every call that is described, with what it takes at least.
pub fn calls() -> Vec<(String, String, Option<Value>)> {
    let document = keygate::admin::openapi_document();
    let mut calls = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            let target = path.replace("{id}", if path.starts_with("/v1/operators") { "ada" } else { "web" });
            let query = match path.as_str() {
                "/v1/snapshot/events" => {
                    "?nonce=n&instance=i&name=edge&epoch=3&after=4&max_stale_ms=1000&hash=0000000000000000000000000000000000000000000000000000000000000000"
                }
                _ => "",
            };
            calls.push((method.to_uppercase(), format!("{target}{query}"), body(method, path)));
        }
    }
    calls
}

fn body(method: &str, path: &str) -> Option<Value> {
    let body = match (method, path) {
        ("get", _) => return None,
        ("post", "/v1/keys") => json!({ "app": "demo", "kind": "secret", "environment": "live" }),
        ("patch", _) => json!({ "name": "New" }),
        ("post", "/v1/apps") => json!({ "id": "shop", "environment": "live" }),
        ("post", "/v1/operators") => json!({ "name": "Bob", "role": "viewer" }),
        ("post", "/v1/explain") => json!({ "method": "GET", "target": "/" }),
        ("post", "/v1/connections/cut") => json!({ "key": "web" }),
        ("post", "/v1/snapshot/reports") => {
            json!({ "instance": "i", "version": { "epoch": 3, "sequence": 4 }, "hash": "0".repeat(64), "number": 1 })
        }
        ("post", "/v1/snapshot/usage") => json!({ "instance": "i", "batch": 1 }),
        ("post", _) => json!({}),
        _ => panic!("{method} {path} is new: say what it takes"),
    };
    Some(body)
}

pub async fn ask(world: &World, method: &str, target: &str, body: Option<&Value>, caller: &str) -> Answer {
    let ask = Ask::new(method, target);
    let ask = if caller == "nobody" { ask } else { ask.token(caller) };
    let ask = body.map_or(Ask { head: ask.head.clone(), method, target, body: Vec::new() }, |body| ask.json(body));
    if target == "/v1/decisions" {
        // Which has no end of itself.
        let manager = world.manager.clone();
        let ending = tokio::spawn(async move {
            while manager.decisions.receiver_count() == 0 {
                tokio::task::yield_now().await;
            }
            manager.decisions.send("{}".into()).expect("a reader")
        });
        let answer = crate::streams::first_bytes(world.address, &ask).await;
        ending.abort();
        return answer;
    }
    ask.send(world.address).await
}

#[tokio::test]
async fn the_matrix() {
    let mut text = String::from("CALL");
    let calls = calls();
    let named = |method: &str, target: &str| format!("{method} {}", target.split('?').next().unwrap_or_default());
    let width = calls.iter().map(|(method, target, _)| named(method, target).len()).max().expect("calls");
    text += &" ".repeat(width - 4);
    for caller in CALLERS {
        let _ = write!(text, "   {caller:8}");
    }
    text = text.trim_end().to_owned() + "\n";
    for (method, target, body) in &calls {
        let call = named(method, target);
        let _ = write!(text, "{call:width$}");
        for caller in CALLERS {
            // Of each a new one: nobody is refused for what another has done.
            let world = World::new().await;
            let answer = ask(&world, method, target, body.as_ref(), caller).await;
            let cell = match answer.status {
                200..300 => "✔".to_owned(),
                status => status.to_string(),
            };
            let _ = write!(text, "   {cell:8}");
            let noted = world.manager.notes.lock().iter().filter(|note| note.contains("refused")).count();
            assert_eq!(noted, usize::from(answer.status == 403), "{call} by {caller}");
        }
        text = text.trim_end().to_owned() + "\n";
    }
    expect_file!["./roles.txt"].assert_eq(&text);
}

#[tokio::test]
async fn a_refused_call_is_remembered_or_is_another_error() {
    let world = World::new().await;
    let ask = || Ask::new("POST", "/v1/keys/web/revoke").token("viewer").send(world.address);
    let refused = ask().await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "forbidden"));
    assert!(refused.json()["detail"].as_str().is_some_and(|told| told.contains("`operator`")), "{refused:?}");
    let note = world.manager.notes.lock().pop().expect("a note");
    assert!(note.starts_with("operator:viewer key.revoke key:web "), "{note}");
    assert!(world.manager.steps.lock().is_empty(), "nothing is done");

    world.manager.deaf.store(true, std::sync::atomic::Ordering::Relaxed);
    let unheard = ask().await;
    assert_eq!((unheard.status, unheard.code().as_str()), (503, "not_noted"));
}

#[tokio::test]
async fn what_the_manager_refuses_is_remembered_as_well() {
    let world = World::new().await;
    *world.manager.trouble.lock() = Some(keygate::admin::Trouble::Forbidden("grants more than it holds".to_owned()));
    let refused = Ask::new("POST", "/v1/keys").token("app").json(&json!({ "app": "demo" })).send(world.address).await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "forbidden"));
    let note = world.manager.notes.lock().pop().expect("a note");
    assert!(note.contains("key.create keys") && note.contains("grants more"), "{note}");
}

#[tokio::test]
async fn who_is_refused_again_and_again_is_told_to_wait_and_the_trail_does_not_grow() {
    let world = World::new().await;
    let mut statuses = Vec::new();
    for _ in 0..40 {
        statuses.push(Ask::new("GET", "/v1/operators").token("app").send(world.address).await.status);
    }
    assert!(
        statuses[..30].iter().all(|status| *status == 403) && statuses[35..].iter().all(|status| *status == 429),
        "{statuses:?}"
    );
    let noted = world.manager.notes.lock().len();
    assert!((30..36).contains(&noted), "{noted}");
    assert_eq!(Ask::new("GET", "/v1/keys").token("app").send(world.address).await.status, 200, "what is allowed is done");
}
