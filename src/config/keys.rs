//! The key file as typed → the key set.

mod capabilities;
mod draft;
mod entry;

mod managed;
mod rare;
mod terms;
mod text;

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    path::Path,
    sync::Arc,
};

use chrono::DateTime;

pub use self::{
    draft::{NewKey, new_key, updated},
    entry::{entry, managed_keys, rfc3339},
    managed::KeyCompiler,
};
use self::{terms::Terms, text::Known};
use super::{
    fault::Place,
    raw::{self, List, Text},
};
use crate::gate::{
    credential::{Environment, KeyShape, Kind, Pepper, StoredDigest, shape},
    keys::{KeyLimits, KeyRecord, KeySet, KeySetBuilder, KeySetError, Rare, RareFields, State, Thin},
};

/// What the keys of a file have around them.
pub(super) struct Surroundings<'s> {
    /// Where relative paths start.
    pub folder: &'s Path,
    /// The limits of keys that say nothing of theirs.
    pub defaults: &'s Arc<KeyLimits>,
    pub pepper: Option<&'s Arc<Pepper>>,
    /// The set whose usage goes on.
    pub previous: Option<&'s KeySet>,
}

/// What many keys of a set have in common is kept once.
struct Shared {
    apps: HashSet<Thin<str>>,
    terms: terms::Shared,
}

impl Shared {
    fn new(defaults: &Arc<KeyLimits>) -> Self {
        Self { apps: HashSet::new(), terms: terms::Shared::new(defaults) }
    }
}

/// The set. `None` only after a fault.
pub(super) fn key_set(typed: &raw::KeyFile, around: &Surroundings<'_>, root: &Place<'_>) -> Option<KeySet> {
    let place = root.field("keys");
    let Some(list) = &typed.keys else {
        place.missing("is required; the set without keys is `keys: []`");
        return None;
    };
    let mut shared = Shared::new(around.defaults);
    let mut set = KeySetBuilder::new(around.pepper.cloned());
    list.each(&place, |place, _, key| {
        if let Some(record) = record(key, around, &mut shared, place) {
            set.add(record);
        }
    });
    // Built even after faults, for what it finds belongs to the same run.
    set.build().map_err(|errors| clashes(list, &errors, &place)).ok()
}

/// One key.
fn record(typed: &raw::Key, around: &Surroundings<'_>, shared: &mut Shared, place: &Place<'_>) -> Option<KeyRecord> {
    let id = place.required("id", typed.id.as_ref()).and_then(|id| place.field("id").take(identifier(id)));
    let app = place.required("app", typed.app.as_ref()).and_then(|app| place.field("app").take(identifier(app)));
    let kind = place.required("kind", typed.kind).map(Kind::from);
    let environment = place.required("environment", typed.environment).map(Environment::from);
    draft::name(typed, place);
    draft::metadata(typed, place);
    let known = text::of_key(typed, kind, environment, around, place);
    let terms = terms::terms(typed, kind, &mut shared.terms, place);
    let expires_at_ms = match &typed.expires_at {
        Some(text) => place.field("expires_at").take(moment(text)),
        None => Some(i64::MAX),
    };
    let rare = rare::fields(typed, known.as_ref().and_then(|known| known.text.as_deref()), around, place);
    let (id, Known { digest, .. }) = (id?, known?);
    let who = Who {
        id,
        app: keep_thin(&mut shared.apps, app?),
        kind: kind?,
        environment: environment?,
        state: typed.state.map_or(State::Active, State::from),
        expires_at_ms: expires_at_ms?,
        digest,
        rare: rare?,
    };
    Some(who.under(terms?, around.previous.and_then(|set| set.by_id(id)).map(AsRef::as_ref)))
}

/// All of a record but the terms.
struct Who<'k> {
    id: &'k str,
    app: Thin<str>,
    kind: Kind,
    environment: Environment,
    state: State,
    expires_at_ms: i64,
    digest: StoredDigest,
    rare: RareFields,
}

impl Who<'_> {
    /// The record of this key under `terms`. Where there was one `before`, the live state of its limits goes on.
    fn under(self, terms: Terms, before: Option<&KeyRecord>) -> KeyRecord {
        let record = KeyRecord {
            id: self.id.into(),
            app: self.app,
            kind: self.kind,
            environment: self.environment,
            state: self.state,
            capabilities: terms.capabilities,
            missing_origin: terms.missing_origin,
            expires_at_ms: self.expires_at_ms,
            origins: terms.origins,
            limits: terms.limits,
            digest: self.digest,
            rare: Rare::from(RareFields { ips: terms.ips, mode: terms.mode, browser: terms.browser, ..self.rare }),
            usage: Arc::default(),
        };
        match before {
            Some(before) => record.going_on_from(before),
            None => record,
        }
    }
}

fn identifier(text: &str) -> Result<&str, &'static str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    match text.len() {
        1..=64 if shape(text) != KeyShape::Foreign => Err("must not be a key: it is shown in logs and metrics"),
        1..=64 if text.bytes().all(plain) => Ok(text),
        _ => Err("must be 1 to 64 of A-Z, a-z, 0-9, `_` and `-`"),
    }
}

fn moment(text: &Text) -> Result<i64, &'static str> {
    DateTime::parse_from_rfc3339(text)
        .map(|moment| moment.timestamp_millis())
        .map_err(|_| "must be a date and time with its offset, such as `2027-01-01T00:00:00Z`")
}

/// The one in `pool` that equals `value`; puts it there first where there is none.
fn keep_thin<'v, T: ?Sized + Hash + Eq>(pool: &mut HashSet<Thin<T>>, value: &'v T) -> Thin<T>
where
    Box<T>: From<&'v T>,
{
    if let Some(kept) = pool.get(value) {
        return kept.clone();
    }
    let kept = Thin::from(Box::from(value));
    pool.insert(kept.clone());
    kept
}

/// Tells of keys that clash where they stand in the file, the later one of two.
fn clashes(list: &List<raw::Key>, errors: &[KeySetError], place: &Place<'_>) {
    let mut first: HashMap<&str, usize> = HashMap::with_capacity(list.0.len());
    for (at, key) in list.0.iter().enumerate() {
        let Some(id) = key.as_ref().and_then(|key| key.id.as_deref()) else { continue };
        let other = *first.entry(id).or_insert(at);
        if other != at {
            place.item(at).field("id").fault(format!("is the id of keys[{other}] already"));
        }
    }
    for error in errors {
        let KeySetError::DuplicateKey(one, other) = error else { continue };
        let (Some(&one_at), Some(&other_at)) = (first.get(&**one), first.get(&**other)) else { continue };
        if one == other {
            // Two entries with one id have been told of; what is left is a key that is its own predecessor.
            place.item(one_at).missing("has the same digest twice");
        } else {
            let (later, earlier) = if one_at > other_at { (one_at, other_at) } else { (other_at, one_at) };
            place.item(later).fault(format!("is the same key as keys[{earlier}]: two keys cannot have one text"));
        }
    }
}

impl From<raw::Kind> for Kind {
    fn from(typed: raw::Kind) -> Self {
        match typed {
            raw::Kind::Publishable => Self::Publishable,
            raw::Kind::Secret => Self::Secret,
        }
    }
}

impl From<raw::KeyState> for State {
    fn from(typed: raw::KeyState) -> Self {
        match typed {
            raw::KeyState::Active => Self::Active,
            raw::KeyState::Disabled => Self::Disabled,
            raw::KeyState::Revoked => Self::Revoked,
        }
    }
}
