//! Requests that are sent twice: what they made is made once, and the answer is about just that.

use axum::http::{HeaderName, HeaderValue, Method};
use keygate::admin::{Question, Way};
use serde_json::{Value, json};

use super::world::World;

/// The answer to a request that has a name.
async fn ask(world: &World, target: &str, body: &Value, name: &'static str) -> Value {
    let fields = [(HeaderName::from_static("idempotency-key"), HeaderValue::from_static(name))];
    let question = Question { body: Some(body), fields: &fields };
    Way::Socket(world.gate.path("control.sock")).ask(Method::POST, target, question).await.expect("an answer")
}

#[tokio::test]
async fn who_was_made_is_told_again_and_nobody_else_is_made() {
    let world = World::start().await;
    let ann = json!({ "name": "Ann", "role": "viewer" });
    let (first, again) = (ask(&world, "/v1/operators", &ann, "one").await, ask(&world, "/v1/operators", &ann, "one").await);
    assert_eq!(first["operator"], again["operator"]);
    assert_eq!((first["token"].is_string(), &again["token"], &again["repeated"]), (true, &Value::Null, &json!(true)));
    let listed = world.says(&["admin-token", "list"]).await;
    let named = listed.as_array().expect("a list").iter().filter(|operator| operator["name"] == "Ann");
    assert_eq!(named.collect::<Vec<_>>(), [&first["operator"]]);
    let id = first["operator"]["id"].as_str().expect("an id");
    world.does(&["admin-token", "revoke", id]).await;
    assert_eq!(ask(&world, "/v1/operators", &ann, "one").await["operator"]["revoked"], true, "as it is now");
}

#[tokio::test]
async fn an_application_is_told_again_as_it_was_made() {
    let world = World::start().await;
    let shop = json!({ "id": "shop", "environment": "live", "name": "Shop" });
    let (first, again) = (ask(&world, "/v1/apps", &shop, "one").await, ask(&world, "/v1/apps", &shop, "one").await);
    assert_eq!((&first["app"], &first["keys"][1]["key"]["id"]), (&again["app"], &again["keys"][1]["key"]["id"]));
    assert_eq!((first["keys"][1]["secret"].is_string(), &again["keys"][1]["secret"]), (true, &Value::Null));
}
