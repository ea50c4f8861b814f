//! What somebody who manages keys may say of one: of a new key all but what is made for it, of a key that there is what can change.
//!
//! It comes as JSON and is read as a key file is, so that there is one set of rules and of words for what is wrong.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde_json::{Map, Value};

use super::{Shared, identifier, moment, rare, terms};
use crate::{
    config::{
        Problems,
        fault::Place,
        raw::{self, Text},
        read,
    },
    gate::{
        credential::{Environment, Kind},
        keys::{About, Key, KeyLimits},
    },
};

const MAX_NAME_CHARS: usize = 200;
const MAX_METADATA: usize = 50;
const MAX_METADATA_NAME_CHARS: usize = 40;
const MAX_METADATA_TEXT_CHARS: usize = 500;

/// Fields of a key file that are the terms of a key.
const TERMS: [&str; 7] = ["browser", "capabilities", "ips", "limits", "missing_origin", "mode", "origins"];
/// Fields of a key file that are made, not said; and why.
const MADE: [(&str, &str); 6] = [
    ("digest", "is made here: a new key has a new text; to take over a text from elsewhere, import it"),
    ("id", "is made here, for it stands in the text of the key"),
    ("key", "is made here: a new key has a new text; to take over a text from elsewhere, import it"),
    ("previous", "comes with the first rotation"),
    ("secret", "is made here: a new key has a new text; to take over a text from elsewhere, import it"),
    ("state", "is `active` in the beginning; disable or revoke the key afterwards"),
];
/// Fields that a key has for good; and why.
const FIXED: [(&str, &str); 9] = [
    ("app", "cannot be changed: create a key of the other application"),
    ("digest", "cannot be changed: rotate the key"),
    ("environment", "cannot be changed: it stands in the text of the key"),
    ("id", "cannot be changed: logs and the audit trail name the key by it"),
    ("key", "cannot be changed: rotate the key"),
    ("kind", "cannot be changed: it stands in the text of the key"),
    ("prefix", "cannot be changed: it stands in the text of the key"),
    ("previous", "cannot be changed: rotate the key with a grace period of 0 to end earlier secrets"),
    ("state", "cannot be changed so: enable, disable or revoke the key"),
];

/// A key that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// The application it belongs to.
    pub app: Box<str>,
    /// Publishable or secret.
    pub kind: Kind,
    /// Live or test.
    pub environment: Environment,
    /// What its text begins with, before the `_`.
    pub prefix: Option<Box<str>>,
    /// Unix milliseconds; `i64::MAX` is never.
    pub expires_at_ms: i64,
    /// The rest.
    pub about: About,
}

/// The key that is wanted by these fields of a key file. As in a change, `null` is nothing said.
///
/// # Errors
/// Every fault, by its path. No value is repeated.
pub fn new_key(fields: &Map<String, Value>, defaults: &Arc<KeyLimits>) -> Result<NewKey, Problems> {
    let mut whole = Value::Object(Map::new());
    merge(&mut whole, &Value::Object(fields.clone()));
    let Value::Object(whole) = whole else { return Err(no_map()) };
    compiled(&whole, &MADE, fields, defaults)
}

/// What is said of `key`, and its end, once `fields` are changed as RFC 7396 has it: `null` takes one away.
///
/// # Errors
/// Every fault, by its path. No value is repeated.
pub fn updated(key: &Key, fields: &Map<String, Value>, defaults: &Arc<KeyLimits>) -> Result<(About, i64), Problems> {
    let mut whole = Value::Object(super::entry(key, false));
    if let Value::Object(whole) = &mut whole {
        whole.retain(|name, _| !MADE.iter().any(|(made, _)| made == name));
    }
    merge(&mut whole, &Value::Object(fields.clone()));
    let Value::Object(whole) = whole else { return Err(no_map()) };
    let NewKey { about, expires_at_ms, .. } = compiled(&whole, &FIXED, fields, defaults)?;
    Ok((about, expires_at_ms))
}

fn no_map() -> Problems {
    Problems::one(Path::new("key"), "must be a map")
}

/// What `whole` means, where `said` has none of the fields that are `barred`.
fn compiled(
    whole: &Map<String, Value>,
    barred: &[(&str, &str)],
    said: &Map<String, Value>,
    defaults: &Arc<KeyLimits>,
) -> Result<NewKey, Problems> {
    let text = Value::Object(whole.clone()).to_string();
    let mut shared = Shared::new(defaults);
    read(Path::new("key"), &text, |typed: &raw::Key, root| {
        for (name, why) in barred.iter().filter(|(name, _)| said.contains_key(*name)) {
            root.field(name).out_of_place(*why);
        }
        let app = root.required("app", typed.app.as_ref()).and_then(|app| root.field("app").take(identifier(app)));
        let kind = root.required("kind", typed.kind).map(Kind::from);
        let environment = root.required("environment", typed.environment).map(Environment::from);
        let name = name(typed, root);
        let metadata = metadata(typed, root);
        let prefix = rare::prefix(typed.prefix.as_ref(), None, &root.field("prefix"));
        let expires_at_ms = match &typed.expires_at {
            Some(text) => root.field("expires_at").take(moment(text)),
            None => Some(i64::MAX),
        };
        terms::terms(typed, kind, &mut shared.terms, root)?;
        Some(NewKey {
            app: app?.into(),
            kind: kind?,
            environment: environment?,
            prefix: prefix?.map(Into::into),
            expires_at_ms: expires_at_ms?,
            about: About {
                name: name.into(),
                terms: terms_text(whole).into(),
                revocable_tokens: typed.revocable_tokens.unwrap_or_default(),
                metadata,
            },
        })
    })
}

/// The terms among the fields of a key, as a store keeps them.
pub(super) fn terms_text(fields: &Map<String, Value>) -> String {
    let said = |name: &&str| fields.get(*name).filter(|value| !value.is_null()).map(|value| ((*name).to_owned(), value.clone()));
    Value::Object(TERMS.iter().filter_map(said).collect()).to_string()
}

/// The name that `typed` says, or none.
pub(super) fn name<'k>(typed: &'k raw::Key, place: &Place<'_>) -> &'k str {
    let name: &str = typed.name.as_deref().unwrap_or_default();
    if name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        place.field("name").fault(format!("must be at most {MAX_NAME_CHARS} printable characters"));
    }
    name
}

/// What the owner wants to remember.
pub(super) fn metadata(typed: &raw::Key, place: &Place<'_>) -> BTreeMap<Box<str>, Box<str>> {
    let place = place.field("metadata");
    let Some(raw::Map(said)) = &typed.metadata else { return BTreeMap::new() };
    if said.len() > MAX_METADATA {
        place.fault(format!("must be at most {MAX_METADATA} names"));
    }
    let fits = |text: &str, most| text.chars().count() <= most && !text.chars().any(char::is_control);
    let one = |(name, text): &(Box<str>, Option<Text>)| {
        let place = place.made_up_field(name);
        if name.is_empty() || !fits(name, MAX_METADATA_NAME_CHARS) {
            place.out_of_place(format!("must have a name of 1 to {MAX_METADATA_NAME_CHARS} printable characters"));
        }
        let Some(text) = text else {
            place.missing("must be text");
            return None;
        };
        if !fits(text, MAX_METADATA_TEXT_CHARS) {
            place.fault(format!("must be at most {MAX_METADATA_TEXT_CHARS} printable characters"));
        }
        Some((name.clone(), (**text).into()))
    };
    said.iter().filter_map(one).collect()
}

/// RFC 7396, section 2.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else { return target.clone_from(patch) };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}
