//! What the audit trail says of a change, as one line of JSON: never the text of a secret, and no digest.
//!
//! Of what an owner remembers of a key only the names are told: the values may be about people, and the trail is kept for long.

use serde_json::{Map, Value, json};

use super::restore::WentOn;
use crate::{
    gate::keys::{About, Key, KeyChange, Step},
    keystore::{App, Operator},
};

pub(super) fn of_app(app: &App) -> String {
    json!({ "name": app.name }).to_string()
}

pub(super) fn of_operator(operator: &Operator) -> String {
    json!({ "name": operator.name, "role": operator.role.name(), "expires_at_ms": moment(operator.expires_at_ms) }).to_string()
}

/// Of a key that is there from now on.
pub(super) fn of_key(key: &Key) -> String {
    let Key { life, about, .. } = key;
    json!({
        "app": key.app,
        "kind": key.kind.name(),
        "environment": key.environment.name(),
        "state": life.state.name(),
        "expires_at_ms": moment(life.expires_at_ms),
        "previous": life.previous.len(),
        "text": key.text,
        "name": about.name,
        "terms": terms(about),
        "revocable_tokens": about.revocable_tokens,
        "metadata": about.metadata.keys().collect::<Vec<_>>(),
    })
    .to_string()
}

/// What happens to a key, by the name of an action, and what of it changed.
pub(super) fn of_change(change: &KeyChange, was: &Key, is: &Key) -> (&'static str, String) {
    match change {
        KeyChange::Step(Step::Disable, _) => ("key.disable", "{}".into()),
        KeyChange::Step(Step::Enable, _) => ("key.enable", "{}".into()),
        KeyChange::Step(Step::Revoke, _) => ("key.revoke", "{}".into()),
        KeyChange::Step(Step::Rotate { .. }, _) => {
            let until = is.life.previous.first().map(|earlier| earlier.until_ms);
            ("key.rotate", json!({ "grace_ends_at_ms": until, "text": is.text }).to_string())
        }
        KeyChange::Update(..) => ("key.update", Value::Object(update(was, is)).to_string()),
    }
}

/// Of a copy that was put in the place of a store.
pub(super) fn of_restore(was: u64, epoch: u64, went_on: &WentOn) -> String {
    let WentOn { keys, operators, lost, unread } = went_on;
    let went_on = json!({ "keys": keys.len(), "operators": operators.len(), "lost_keys": lost, "unread": unread });
    json!({ "epoch": { "from": was, "to": epoch }, "replaced": went_on }).to_string()
}

/// Of a key that stays as it was when a copy was put back in which it was not.
pub(super) fn of_life(was: &Key, is: &Key) -> String {
    json!({
        "restore": true,
        "state": { "from": was.life.state.name(), "to": is.life.state.name() },
        "other_text": was.life.digest != is.life.digest,
        "expires_at_ms": moment(is.life.expires_at_ms),
    })
    .to_string()
}

fn update(was: &Key, is: &Key) -> Map<String, Value> {
    let mut changed = Map::new();
    let mut compare = |name: &str, from: Value, to: Value| {
        if from != to {
            changed.insert(name.to_owned(), json!({ "from": from, "to": to }));
        }
    };
    compare("name", json!(was.about.name), json!(is.about.name));
    compare("expires_at_ms", moment(was.life.expires_at_ms), moment(is.life.expires_at_ms));
    compare("terms", terms(&was.about), terms(&is.about));
    compare("revocable_tokens", json!(was.about.revocable_tokens), json!(is.about.revocable_tokens));
    let (old, new) = (&was.about.metadata, &is.about.metadata);
    let mut names: Vec<_> = old.keys().chain(new.keys()).filter(|name| old.get(*name) != new.get(*name)).collect();
    names.sort_unstable();
    names.dedup();
    if !names.is_empty() {
        changed.insert("metadata".to_owned(), json!(names));
    }
    changed
}

/// The terms as the JSON that they are.
fn terms(about: &About) -> Value {
    serde_json::from_str(&about.terms).unwrap_or_else(|_| json!(&*about.terms))
}

fn moment(at_ms: i64) -> Value {
    if at_ms == i64::MAX { Value::Null } else { json!(at_ms) }
}
