//! A managed key as an entry of a key file, and back: how keys move between a file and a store.

use std::{path::Path, sync::Arc};

use chrono::{DateTime, SecondsFormat};
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use super::{
    Surroundings, draft, key_set, moment, rare,
    text::{self, Known},
};
use crate::{
    config::{Problems, fault::Place, folder, raw, read},
    gate::{
        credential::{Environment, Kind, Pepper},
        keys::{About, Key, KeyLimits, Life, State},
    },
};

/// The entry of `key`; without `digests`, what can be shown to whoever may see the key: of a secret one nothing that helps to guess it.
#[must_use]
pub fn entry(key: &Key, digests: bool) -> Map<String, Value> {
    let mut fields = match serde_json::from_str(&key.about.terms) {
        Ok(Value::Object(terms)) => terms,
        // The gate would not have taken it in.
        Ok(_) | Err(_) => Map::new(),
    };
    let mut say = |name: &str, value: Value| _ = fields.insert(name.to_owned(), value);
    say("id", json!(key.id));
    say("app", json!(key.app));
    say("kind", json!(key.kind.name()));
    say("environment", json!(key.environment.name()));
    if !key.about.name.is_empty() {
        say("name", json!(key.about.name));
    }
    match &key.text {
        Some(text) => say("key", json!(text)),
        None if digests => say("digest", json!(key.life.digest.written())),
        None => {}
    }
    if let Some(prefix) = &key.prefix {
        say("prefix", json!(prefix));
    }
    if key.life.expires_at_ms != i64::MAX {
        say("expires_at", json!(rfc3339(key.life.expires_at_ms)));
    }
    if key.life.state != State::Active {
        say("state", json!(key.life.state.name()));
    }
    if digests && !key.life.previous.is_empty() {
        let earlier = key.life.previous.iter();
        let earlier = earlier.map(|earlier| json!({ "digest": earlier.digest.written(), "until": rfc3339(earlier.until_ms) }));
        say("previous", earlier.collect());
    }
    if key.about.revocable_tokens {
        say("revocable_tokens", json!(true));
    }
    if !key.about.metadata.is_empty() {
        say("metadata", json!(key.about.metadata));
    }
    fields
}

/// The keys of a key file, to be managed from `now_ms` (Unix milliseconds) on.
///
/// # Errors
/// Every problem of the text.
pub fn managed_keys(
    file: &Path,
    text: &str,
    defaults: &Arc<KeyLimits>,
    pepper: Option<&Arc<Pepper>>,
    now_ms: i64,
) -> Result<Vec<Key>, Problems> {
    let around = Surroundings { folder: folder(file), defaults, pepper, previous: None };
    read(file, text, |typed: &raw::KeyFile, root| {
        // All rules of a key file, those between its keys too.
        key_set(typed, &around, root)?;
        let said: Value = Value::deserialize(serde_yaml::Deserializer::from_str(text)).ok()?;
        let mut keys = Vec::new();
        typed.keys.as_ref()?.each(&root.field("keys"), |place, at, typed| {
            let fields = said["keys"][at].as_object();
            keys.extend(fields.and_then(|fields| managed(typed, fields, &around, now_ms, place)));
        });
        Some(keys)
    })
}

/// `None` only after a fault, which all have been told.
fn managed(
    typed: &raw::Key,
    fields: &Map<String, Value>,
    around: &Surroundings<'_>,
    now_ms: i64,
    place: &Place<'_>,
) -> Option<Key> {
    let (kind, environment) = (Kind::from(typed.kind?), Environment::from(typed.environment?));
    let Known { digest, text } = text::of_key(typed, Some(kind), Some(environment), around, place)?;
    let rare = rare::fields(typed, text.as_deref(), around, place)?;
    let expires_at_ms = match &typed.expires_at {
        Some(text) => moment(text).ok()?,
        None => i64::MAX,
    };
    let state = typed.state.map_or(State::Active, State::from);
    Some(Key {
        id: (**typed.id.as_ref()?).into(),
        app: (**typed.app.as_ref()?).into(),
        kind,
        environment,
        life: Life { state, previous: rare.previous, ..Life::new(digest, expires_at_ms) },
        text: text.filter(|_| kind == Kind::Publishable).map(Into::into),
        prefix: rare.prefix,
        about: About {
            name: draft::name(typed, place).into(),
            terms: draft::terms_text(fields).into(),
            revocable_tokens: typed.revocable_tokens.unwrap_or_default(),
            metadata: draft::metadata(typed, place),
        },
        created_at_ms: now_ms,
        text_since_ms: now_ms,
        changed_at_ms: now_ms,
        version: 1,
    })
}

/// A moment in Unix milliseconds as text; one that is not in the calendar is its end.
#[must_use]
pub fn rfc3339(ms: i64) -> String {
    let moment = DateTime::from_timestamp_millis(ms).unwrap_or(DateTime::<chrono::Utc>::MAX_UTC);
    moment.to_rfc3339_opts(if ms % 1000 == 0 { SecondsFormat::Secs } else { SecondsFormat::Millis }, true)
}
