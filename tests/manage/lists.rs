//! Lists are told to their end, and the trail from it.

use axum::http::Method;
use keygate::admin::{Question, Way};
use serde_json::{Value, json};

use super::world::World;

#[tokio::test]
async fn a_list_is_told_to_its_end() {
    let world = World::start().await;
    let way = Way::Socket(world.gate.path("control.sock"));
    // More than are on a page of whoever does not say how many.
    for at in 0..101 {
        let body = json!({ "name": format!("No {at}"), "role": "viewer" });
        way.ask(Method::POST, "/v1/operators", Question { body: Some(&body), fields: &[] }).await.expect("an operator");
    }
    let told = world.says(&["admin-token", "list"]).await;
    assert_eq!(told.as_array().map(Vec::len), Some(102));
    let table = world.does(&["admin-token", "list"]).await;
    assert!(table.starts_with("id\tname\trole\tcreated\texpires\tstate\n"), "{table}");
    assert_eq!(table.lines().count(), 103);
    assert_eq!(world.does(&["apps", "list"]).await.lines().next(), Some("id\tname\tkeys\tcreated"));
    let (code, out, error) = world.gate.command(&["keys", "list", "--limit", "1"]).await;
    assert_eq!((code, out.lines().count()), (Some(0), 2), "{error}");
    assert!(error.contains("the first 1; `--limit` shows more"), "{error}");
    let (code, _, error) = world.gate.command(&["keys", "list", "--kind", "private"]).await;
    assert_eq!(code, Some(2));
    assert!(error.contains("publishable, secret"), "{error}");
}

#[tokio::test]
async fn the_latest_records_are_told_in_their_order() {
    let world = World::start().await;
    let (id, _) = world.new_key(&[]).await;
    world.does(&["keys", "disable", &id]).await;
    world.does(&["keys", "enable", &id]).await;
    let told = world.does(&["audit", "tail", "-n", "2", "-o", "json"]).await;
    let actions: Vec<Value> =
        told.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["action"].clone()).collect();
    assert_eq!(actions, ["key.disable", "key.enable"]);
    assert_eq!(world.does(&["audit", "tail", "-n", "0"]).await, "");
}
