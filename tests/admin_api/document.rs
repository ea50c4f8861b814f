//! The description of the API: the one that is committed is the one that is served, and its words for a key are those of a key file.

use std::collections::BTreeSet;

use expect_test::expect_file;
use keygate::{admin::openapi_document, config};
use serde_json::Value;

use crate::{client::Ask, world::World};

#[test]
fn what_is_committed_is_what_is_served() {
    expect_file!["../../docs/openapi.json"].assert_eq(&format!("{:#}\n", openapi_document()));
}

#[tokio::test]
async fn anybody_may_read_it() {
    let world = World::new().await;
    let answer = Ask::new("GET", "/v1/openapi.json").send(world.address).await;
    assert_eq!((answer.status, answer.json()), (200, openapi_document()));
}

fn names(schema: &Value) -> BTreeSet<String> {
    schema["properties"].as_object().expect("properties").keys().cloned().collect()
}

/// What can be said of a new key is what a key file can say, but for what is made with it.
#[test]
fn a_key_has_the_words_of_a_key_file() {
    let document = openapi_document();
    let schemas = &document["components"]["schemas"];
    let of_file = names(&config::key_schema()["properties"]["keys"]["items"]);
    let made = ["digest", "id", "key", "previous", "secret", "state"];
    let sayable: BTreeSet<_> = of_file.iter().filter(|name| !made.contains(&name.as_str())).cloned().collect();
    let all = |name: &str| schemas[name]["anyOf"].as_array().expect("kinds").iter().flat_map(names).collect::<BTreeSet<_>>();
    assert_eq!(all("NewKey"), sayable);
    let fixed = ["app", "environment", "kind", "prefix"];
    assert_eq!(all("KeyPatch"), sayable.iter().filter(|name| !fixed.contains(&name.as_str())).cloned().collect());
    let shown = names(&schemas["Key"]);
    let hidden = ["digest", "previous", "secret"];
    assert!(of_file.iter().all(|name| hidden.contains(&name.as_str()) || shown.contains(name)), "{shown:?}");
    assert!(hidden.iter().all(|name| !shown.contains(*name)), "{shown:?}");
    // Of what may be nothing, the first is what it may be else.
    let said = names(&schemas["NewKey"]["anyOf"][0]["properties"]["limits"]["anyOf"][0]);
    assert_eq!(said, names(&config::key_schema()["properties"]["keys"]["items"]["properties"]["limits"]));
}
