//! What the running gate would say to a request that is described, told over the management API.

use axum::http::{Method, StatusCode};
use keygate::admin::{ControlError, Question, Way};
use serde_json::{Value, json};

use super::world::World;

async fn ask(world: &World, request: &Value) -> Result<Value, ControlError> {
    let question = Question { body: Some(request), fields: &[] };
    Way::Socket(world.gate.path("control.sock")).ask(Method::POST, "/v1/explain", question).await
}

async fn explained(world: &World, request: &Value) -> Value {
    ask(world, request).await.expect("an explanation")
}

/// The step of this name: whether it was passed, and the line and the path of its rule.
fn step(explained: &Value, name: &str) -> (bool, Value, Value) {
    let steps = explained["steps"].as_array().expect("steps");
    let step = steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("{name} in {explained}"));
    (step["passed"] == true, step["rule"]["line"].clone(), step["rule"]["path"].clone())
}

fn passed_by(line: u32, path: &str) -> (bool, Value, Value) {
    (true, json!(line), json!(path))
}

#[tokio::test]
async fn each_step_is_told_with_its_rule_and_the_key_is_not() {
    let world = World::start().await;
    let (id, key) = world.new_key(&["--capability", "chat:*=subscribe"]).await;
    let explain = async |target: &str| explained(&world, &json!({ "method": "GET", "target": target, "key": key })).await;
    let allowed = explain("/any/1").await;
    assert_eq!((&allowed["allowed"], &allowed["key_id"], &allowed["route"]), (&json!(true), &json!(id), &json!("open")));
    assert_eq!(step(&allowed, "route"), passed_by(11, "routes[4]"));
    assert_eq!(step(&allowed, "credential"), passed_by(5, "credentials.header"));
    assert_eq!(step(&allowed, "key"), (true, Value::Null, Value::Null), "a store has no lines");
    let file = allowed["steps"][1]["rule"]["file"].as_str().expect("a file");
    assert!(file.ends_with("keygate.yaml"), "{file}");

    let refused = explain("/api/x").await;
    assert_eq!(
        (&refused["allowed"], &refused["reason"], &refused["status"]),
        (&json!(false), &json!("not_capable"), &json!(403))
    );
    assert!(!step(&refused, "operation").0);
    let nowhere = explain("/nowhere").await;
    assert_eq!((&nowhere["reason"], nowhere["tried"].as_array().map(Vec::len)), (&json!("no_route"), Some(5)));

    // In other places, and as nobody's key.
    let bearer = json!([{ "name": "Authorization", "value": format!("Bearer {key}") }]);
    let target = format!("/any/1?api_key={key}");
    let other = [
        json!({ "method": "GET", "target": "/any/1", "headers": bearer }),
        json!({ "method": "GET", "target": target }),
        json!({ "method": "GET", "target": "/any/1", "key": key.replace("_live_", "_test_") }),
    ];
    let mut told = Vec::new();
    for request in &other {
        let explained = explained(&world, request).await;
        told.push(explained["reason"].clone());
        assert!(!explained.to_string().contains(&key[20..]), "{explained}");
    }
    assert_eq!(told, [Value::Null, json!("secret_in_query"), json!("malformed_key")]);
    assert!(![allowed, refused].iter().any(|explained| explained.to_string().contains(&key[20..])));
    let wrong = json!({ "method": "GET", "target": "/", "key": format!("{key}\n") });
    let ControlError::Refused(status, why) = ask(&world, &wrong).await.expect_err("is no header") else { panic!("no answer") };
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && why.contains("key: ") && !why.contains(&key[20..]), "{status} {why}");
    let logged = world.gate.program.stderr.text() + &world.gate.program.stdout.text();
    assert!(!logged.contains(&key[20..]), "{logged}");
}

#[tokio::test]
async fn nothing_is_charged() {
    let world = World::start().await;
    let (id, key) = world.new_key(&["--rate", "1/d", "--connections", "1"]).await;
    let request = json!({ "method": "GET", "target": "/any/1", "key": key });
    let stream = json!({ "method": "GET", "target": "/connection/1", "websocket": true, "key_id": id });
    for _ in 0..3 {
        assert_eq!(explained(&world, &request).await["allowed"], true);
        assert_eq!(explained(&world, &stream).await["allowed"], true);
    }
    let mut socket = world.socket(&key).await;
    assert_eq!(explained(&world, &stream).await["allowed"], true, "as if nothing had been used");
    socket.echoes("still here").await;
    assert_eq!(world.asks(&key).await, 429, "the one of the day");
    let usage = world.says(&["keys", "show", &id]).await;
    assert_eq!(usage["connections"], 1);
}

#[tokio::test]
async fn a_key_is_explained_by_its_id() {
    let world = World::start().await;
    let (id, key) = world.new_key(&[]).await;
    let explain = async |more: Value| {
        let mut request = json!({ "method": "GET", "target": "/any/1" });
        request.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        ask(&world, &request).await
    };
    let allowed = explain(json!({ "key_id": id })).await.expect("an explanation");
    assert_eq!((&allowed["allowed"], &allowed["key_id"]), (&json!(true), &json!(id)));
    assert_eq!(world.asks(&key).await, 200, "it has the text that it had");
    let list = world.says(&["keys", "list", "--kind", "publishable"]).await;
    let publishable = list[0]["id"].as_str().expect("a key");
    let refused = explain(json!({ "key_id": publishable, "origin": "https://evil.example" })).await.expect("an explanation");
    assert_eq!((&refused["reason"], &refused["key_id"]), (&json!("origin_refused"), &json!(publishable)));
    let allowed = explain(json!({ "key_id": publishable, "origin": "https://app.example.com" })).await.expect("an explanation");
    assert_eq!(allowed["allowed"], true, "{allowed}");
    world.does(&["keys", "revoke", &id, "--yes"]).await;
    assert_eq!(explain(json!({ "key_id": id })).await.expect("an explanation")["reason"], "key_revoked");
    let refused = async |more: Value| match explain(more).await {
        Err(ControlError::Refused(status, why)) => (status.as_u16(), why),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(json!({ "key_id": "nobody" })).await.0, 404);
    let both = refused(json!({ "key_id": id, "key": key })).await;
    assert!(both.0 == 422 && both.1.contains("key_id: has no place beside `key`"), "{both:?}");
}

#[tokio::test]
async fn it_is_the_configuration_in_force_that_is_explained() {
    let world = World::start().await;
    let (_, key) = world.new_key(&[]).await;
    let explain = async || explained(&world, &json!({ "method": "GET", "target": "/any/1", "key": key })).await;
    let config = std::fs::read_to_string(world.gate.path("keygate.yaml")).expect("a file");
    world.gate.replace("keygate.yaml", &format!("# one line more\n{config}"));
    world.does(&["reload"]).await;
    assert_eq!(step(&explain().await, "route"), passed_by(12, "routes[4]"));
    // What is wrong is not in force, and what it says is not told.
    world.gate.replace("keygate.yaml", &format!("# two\n# lines more\ncolour: red\n{config}"));
    assert_eq!(world.gate.command(&["reload"]).await.0, Some(1));
    assert_eq!(step(&explain().await, "route"), passed_by(12, "routes[4]"));
}

#[tokio::test]
async fn who_is_blocked_is_told_so() {
    let world = World::start().await;
    let (id, key) = world.new_key(&[]).await;
    world.does(&["block", "--ip", "192.0.2.0/24"]).await;
    let request = |peer: &str| json!({ "method": "GET", "target": "/any/1", "key": key, "peer": peer });
    assert_eq!(explained(&world, &request("192.0.2.7")).await["reason"], "peer_blocked");
    assert_eq!(explained(&world, &request("198.51.100.7")).await["allowed"], true);
    world.does(&["block", "--key", &id]).await;
    assert_eq!(explained(&world, &request("198.51.100.7")).await["reason"], "key_blocked");
}
