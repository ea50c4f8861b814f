//! On what terms a key may be used: by which pages and addresses, for what, how much. Many keys have the same.

use std::{borrow::Borrow, collections::HashSet, hash::Hash, sync::Arc};

use super::{capabilities, keep_thin, rare};
use crate::{
    config::{fault::Place, limits, raw},
    gate::{
        capability::Capabilities,
        credential::Kind,
        keys::{BrowserRule, KeyLimits, Thin},
        origin::OriginPattern,
        peer::Networks,
        policy::Mode,
    },
};

/// The terms of a key, as its record has them.
#[derive(Clone)]
pub(super) struct Terms {
    pub origins: Thin<[OriginPattern]>,
    pub missing_origin: bool,
    pub browser: BrowserRule,
    pub capabilities: Arc<Capabilities>,
    pub limits: Arc<KeyLimits>,
    pub ips: Option<Networks>,
    pub mode: Option<Mode>,
}

/// What the terms of many keys have in common is kept once.
pub(super) struct Shared {
    origins: HashSet<Thin<[OriginPattern]>>,
    limits: HashSet<Arc<KeyLimits>>,
    capabilities: HashSet<Arc<Capabilities>>,
    by_kind: capabilities::Defaults,
    /// The limits of keys that say nothing of theirs.
    defaults: Arc<KeyLimits>,
}

impl Shared {
    pub(super) fn new(defaults: &Arc<KeyLimits>) -> Self {
        Self {
            origins: HashSet::new(),
            limits: HashSet::from([Arc::clone(defaults)]),
            capabilities: HashSet::new(),
            by_kind: capabilities::Defaults::default(),
            defaults: Arc::clone(defaults),
        }
    }
}

/// The terms of a key of this kind. `None` only after a fault.
pub(super) fn terms(typed: &raw::Key, kind: Option<Kind>, shared: &mut Shared, place: &Place<'_>) -> Option<Terms> {
    let origins = origins(typed, kind, place);
    let browser = browser(typed, kind, place);
    let capabilities = match &typed.capabilities {
        Some(typed) => capabilities::capabilities(typed, kind, &place.field("capabilities"))
            .map(|capabilities| keep(&mut shared.capabilities, capabilities)),
        None => kind.map(|kind| shared.by_kind.of(kind)),
    };
    let limits = limits::over(*shared.defaults, typed.limits.as_ref(), &place.field("limits"));
    let ips = match &typed.ips {
        Some(list) => rare::networks(list, &place.field("ips")).map(Some),
        None => Some(None),
    };
    Some(Terms {
        origins: keep_thin(&mut shared.origins, &*origins),
        missing_origin: typed.missing_origin == Some(raw::Permission::Allow),
        browser,
        capabilities: capabilities?,
        limits: keep(&mut shared.limits, limits),
        ips: ips?,
        mode: typed.mode.map(Mode::from),
    })
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

/// The one in `pool` that equals `value`; puts it there first where there is none.
fn keep<T: ?Sized + Hash + Eq>(pool: &mut HashSet<Arc<T>>, value: impl Borrow<T> + Into<Arc<T>>) -> Arc<T> {
    if let Some(kept) = pool.get(value.borrow()) {
        return Arc::clone(kept);
    }
    let kept = value.into();
    pool.insert(Arc::clone(&kept));
    kept
}
