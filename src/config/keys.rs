//! The key file as typed → the key set.

mod capabilities;
mod rare;
mod text;

use std::{
    borrow::Borrow,
    collections::{HashMap, HashSet},
    hash::Hash,
    path::Path,
    sync::Arc,
};

use chrono::DateTime;

use super::{
    fault::Place,
    limits,
    raw::{self, List, Text},
};
use crate::gate::{
    capability::Capabilities,
    credential::{Environment, KeyShape, Kind, Pepper, shape},
    keys::{BrowserRule, KeyLimits, KeyRecord, KeySet, KeySetBuilder, KeySetError, Rare, State, Thin},
    origin::OriginPattern,
};

const MAX_NAME_CHARS: usize = 200;

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
#[derive(Default)]
struct Shared {
    apps: HashSet<Thin<str>>,
    origins: HashSet<Thin<[OriginPattern]>>,
    limits: HashSet<Arc<KeyLimits>>,
    capabilities: HashSet<Arc<Capabilities>>,
    defaults: capabilities::Defaults,
}

/// The set. `None` only after a fault.
pub(super) fn key_set(typed: &raw::KeyFile, around: &Surroundings<'_>, root: &Place<'_>) -> Option<KeySet> {
    let place = root.field("keys");
    let Some(list) = &typed.keys else {
        place.missing("is required; the set without keys is `keys: []`");
        return None;
    };
    let mut shared = Shared { limits: HashSet::from([Arc::clone(around.defaults)]), ..Shared::default() };
    let mut set = KeySetBuilder::new(around.pepper.cloned());
    list.each(&place, |place, _, key| {
        if let Some((record, text)) = record(key, around, &mut shared, place) {
            set.add(record, text.as_deref());
        }
    });
    // Built even after faults, for what it finds belongs to the same run.
    set.build().map_err(|errors| clashes(list, &errors, &place)).ok()
}

/// One key, with its text where that is known.
fn record(
    typed: &raw::Key,
    around: &Surroundings<'_>,
    shared: &mut Shared,
    place: &Place<'_>,
) -> Option<(KeyRecord, Option<String>)> {
    let id = place.required("id", typed.id.as_ref()).and_then(|id| place.field("id").take(identifier(id)));
    let app = place.required("app", typed.app.as_ref()).and_then(|app| place.field("app").take(identifier(app)));
    let kind = place.required("kind", typed.kind).map(Kind::from);
    let environment = place.required("environment", typed.environment).map(Environment::from);
    if typed.name.as_ref().is_some_and(|name| name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control)) {
        place.field("name").fault(format!("must be at most {MAX_NAME_CHARS} printable characters"));
    }
    let text = text::of_key(typed, kind, environment, around, place);
    let origins = origins(typed, kind, place);
    let browser = browser(typed, kind, place);
    let capabilities = match &typed.capabilities {
        Some(typed) => capabilities::capabilities(typed, kind, &place.field("capabilities"))
            .map(|capabilities| keep(&mut shared.capabilities, capabilities)),
        None => kind.map(|kind| shared.defaults.of(kind)),
    };
    let limits = limits::over(**around.defaults, typed.limits.as_ref(), &place.field("limits"));
    let expires_at_ms = match &typed.expires_at {
        Some(text) => place.field("expires_at").take(moment(text)),
        None => Some(i64::MAX),
    };
    let rare = rare::fields(typed, text.as_ref().and_then(|(_, text)| text.as_deref()), around, place);
    let (id, (digest, text)) = (id?, text?);
    let before = around.previous.and_then(|set| set.by_id(id));
    let mut rare = Rare::from(rare?);
    if let Some(meter) = before.and_then(|record| record.rare.stream()).filter(|_| limits.stream.any()) {
        rare = rare.with_stream(Arc::clone(meter));
    }
    let record = KeyRecord {
        app: keep_thin(&mut shared.apps, app?),
        kind: kind?,
        environment: environment?,
        state: typed.state.map_or(State::Active, State::from),
        capabilities: capabilities?,
        missing_origin: typed.missing_origin == Some(raw::Permission::Allow),
        browser,
        expires_at_ms: expires_at_ms?,
        origins: keep_thin(&mut shared.origins, &*origins),
        limits: keep(&mut shared.limits, limits),
        digest,
        rare,
        usage: before.map(|record| Arc::clone(&record.usage)).unwrap_or_default(),
        id: id.into(),
    };
    Some((record, text))
}

fn identifier(text: &str) -> Result<&str, &'static str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    match text.len() {
        1..=64 if shape(text) != KeyShape::Foreign => Err("must not be a key: it is shown in logs and metrics"),
        1..=64 if text.bytes().all(plain) => Ok(text),
        _ => Err("must be 1 to 64 of A-Z, a-z, 0-9, `_` and `-`"),
    }
}

fn origins(typed: &raw::Key, kind: Option<Kind>, place: &Place<'_>) -> Vec<OriginPattern> {
    let missing_origin = place.field("missing_origin");
    if typed.missing_origin.is_some() && kind == Some(Kind::Secret) {
        missing_origin.out_of_place("is for publishable keys: a secret key needs no origin");
    }
    let place = place.field("origins");
    let origins = typed.origins.as_ref();
    let may_be_missing = typed.missing_origin == Some(raw::Permission::Allow) || missing_origin.is_faulty();
    if origins.is_none_or(|list| list.0.is_empty()) && kind == Some(Kind::Publishable) && !may_be_missing {
        place.missing("is required of a publishable key, unless it says `missing_origin: allow`");
    }
    origins.map(|list| list.map(&place, |place, text| place.take(OriginPattern::parse(text)))).unwrap_or_default()
}

fn browser(typed: &raw::Key, kind: Option<Kind>, place: &Place<'_>) -> BrowserRule {
    if typed.browser.is_some() && kind == Some(Kind::Publishable) {
        place.field("browser").out_of_place("is for secret keys: publishable keys live in browsers");
    }
    match typed.browser {
        None | Some(raw::Browser::Refuse) => BrowserRule::Refuse,
        Some(raw::Browser::Report) => BrowserRule::Report,
    }
}

fn moment(text: &Text) -> Result<i64, &'static str> {
    DateTime::parse_from_rfc3339(text)
        .map(|moment| moment.timestamp_millis())
        .map_err(|_| "must be a date and time with its offset, such as `2027-01-01T00:00:00Z`")
}

/// The one in `pool` that equals `value`; puts it there first where there is none.
fn keep<T: ?Sized + Hash + Eq>(pool: &mut HashSet<Arc<T>>, value: impl Borrow<T> + Into<Arc<T>>) -> Arc<T> {
    if let Some(kept) = pool.get(value.borrow()) {
        return Arc::clone(kept);
    }
    let kept = value.into();
    pool.insert(Arc::clone(&kept));
    kept
}

/// The same where one word leads there.
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
