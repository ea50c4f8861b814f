//! Managed keys: what callers may say of one, and how they move between a key file and a store without a loss.

use std::{path::Path, sync::Arc};

use keygate::{
    config::{KeyCompiler, entry, managed_keys, new_key, parse_keys, updated},
    gate::{
        credential::{Digester, Pepper},
        keys::{Key, KeyLimits, KeyRecord, Life, State},
    },
};
use serde_json::{Map, Value, json};

const NOW: i64 = 1_800_000_000_000;

fn fields(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn limits() -> Arc<KeyLimits> {
    Arc::default()
}

fn problems(wanted: Value) -> Vec<String> {
    let problems = new_key(&fields(wanted), &limits()).expect_err("something is wrong");
    problems.found.iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect()
}

fn web() -> Value {
    json!({ "app": "demo", "kind": "publishable", "environment": "live", "origins": ["https://app.example.com"] })
}

/// A key as a store would have it.
fn key(wanted: Value) -> Key {
    let new = new_key(&fields(wanted), &limits()).expect("a good key");
    Key {
        id: "web".into(),
        app: new.app,
        kind: new.kind,
        environment: new.environment,
        life: Life::new(Digester::Sha256.kept("pk_text"), new.expires_at_ms),
        text: Some("pk_text".into()),
        prefix: new.prefix,
        about: new.about,
        created_at_ms: NOW,
        text_since_ms: NOW,
        changed_at_ms: NOW,
        version: 1,
    }
}

#[test]
fn a_key_file_goes_into_a_store_and_comes_out_the_same() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/keys.yaml");
    let text = std::fs::read_to_string(&file).expect("the example");
    let keys = managed_keys(&file, &text, &limits(), None, NOW).expect("a good file");
    let again = json!({ "keys": keys.iter().map(|key| entry(key, true)).collect::<Vec<_>>() }).to_string();
    assert_eq!(managed_keys(&file, &again, &limits(), None, NOW).expect("what was written is read"), keys);

    let set = parse_keys(&file, &text, &limits(), None, None).expect("a good file");
    let mut compiler = KeyCompiler::new(&limits(), None);
    assert!(!keys.is_empty() && keys.len() == set.len());
    for key in &keys {
        let record = compiler.record(key, None).expect("a good key");
        let expected = set.by_id(&key.id).expect("the same key");
        // All but the live state of its limits, which begins with a set.
        let written = |record: &KeyRecord| format!("{record:?}").split(", usage: ").next().expect("text").to_owned();
        assert_eq!(written(&record), written(expected), "{}", key.id);
    }
}

#[test]
fn what_is_shown_of_a_secret_key_helps_nobody_to_guess_it() {
    let text = "{ keys: [{ id: a, app: demo, kind: secret, environment: live, \
                digest: sha256$ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad }] }";
    let keys = managed_keys(Path::new("keys.yaml"), text, &limits(), None, NOW).expect("a good file");
    let shown = Value::Object(entry(&keys[0], false)).to_string();
    assert!(!shown.contains("ba7816bf") && shown.contains("secret"), "{shown}");
    assert!(Value::Object(entry(&keys[0], true)).to_string().contains("ba7816bf"));
}

#[test]
fn a_pepper_that_the_gate_does_not_have_is_told() {
    let pepper = Arc::new(Pepper::new(&[7; 32]).expect("a pepper"));
    let mut key = key(web());
    key.life.digest = Digester::Hmac(&pepper).kept("pk_text");
    let told = KeyCompiler::new(&limits(), None).record(&key, None).expect_err("no pepper");
    assert!(told.contains("key `web`") && told.contains("keys.pepper.file"), "{told}");
    assert!(KeyCompiler::new(&limits(), Some(&pepper)).record(&key, None).is_ok());
}

#[test]
fn every_mistake_of_a_new_key_is_told_by_its_path() {
    assert_eq!(problems(json!({})).len(), 3, "app, kind and environment are required");
    let told = problems(json!({
        "app": "no spaces", "kind": "publishable", "environment": "live", "id": "mine", "digest": "sha256$00",
        "capabilities": { "*": ["fly"] }, "limits": { "rate": "fast" }, "metadata": { "n": "x".repeat(501) },
        "name": "n".repeat(201), "nonsense": 1
    }));
    for path in ["app", "id", "digest", "origins", "capabilities.*[0]", "limits.rate", "metadata.", "name", "nonsense"] {
        assert!(told.iter().any(|told| told.starts_with(path)), "{path} in {told:#?}");
    }
}

#[test]
fn nothing_said_of_a_new_key_is_its_default() {
    let plain = json!({ "app": "demo", "kind": "secret", "environment": "live", "limits": { "rate": "5/s" } });
    let with_nulls = json!({
        "app": "demo", "kind": "secret", "environment": "live", "limits": { "rate": "5/s", "bytes": null }, "expires_at": null,
        "capabilities": null, "metadata": { "team": null }, "prefix": null
    });
    let made = |said: Value| new_key(&fields(said), &limits()).expect("a good key");
    assert_eq!(made(with_nulls), made(plain));
    let told = new_key(&fields(json!({ "app": null, "kind": "secret", "environment": "live", "id": null })), &limits());
    let told = told.expect_err("nothing said of what is needed").to_string();
    assert!(told.contains("app") && told.contains("id"), "{told}");
}

#[test]
fn an_update_changes_what_it_names_and_nothing_else() {
    let before = key(json!({
        "app": "demo", "kind": "publishable", "environment": "live", "origins": ["https://app.example.com"], "name": "Web",
        "capabilities": { "chat:*": ["subscribe"], "news": ["subscribe"] }, "metadata": { "team": "web" }
    }));
    let change = |patch: Value| updated(&before, &fields(patch), &limits());
    let (about, expires) = change(json!({})).expect("nothing changes");
    assert_eq!((&about, expires), (&before.about, i64::MAX));

    let patch =
        json!({ "name": "New", "capabilities": { "news": null }, "expires_at": "2030-01-01T00:00:00Z", "metadata": null });
    let (about, expires) = change(patch).expect("a good change");
    assert_eq!((&*about.name, about.metadata.len(), expires), ("New", 0, 1_893_456_000_000));
    assert_eq!(&*about.terms, r#"{"capabilities":{"chat:*":["subscribe"]},"origins":["https://app.example.com"]}"#);

    for (field, value) in [("id", json!("x")), ("state", json!("revoked")), ("kind", json!("secret")), ("digest", json!("x"))] {
        let told = change(json!({ field: value })).expect_err("fixed").to_string();
        assert!(told.contains("cannot be changed"), "{field}: {told}");
    }
    let told = change(json!({ "origins": null })).expect_err("a publishable key needs one").to_string();
    assert!(told.contains("origins"), "{told}");
}

#[test]
fn an_update_leaves_the_state_alone() {
    let mut before = key(web());
    before.life.state = State::Disabled;
    let (about, _) = updated(&before, &fields(json!({ "name": "Web" })), &limits()).expect("a disabled key is renamed");
    assert_eq!(&*about.name, "Web");
}
