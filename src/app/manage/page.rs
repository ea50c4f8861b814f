//! Lists: keys, applications, usage.

use std::collections::HashMap;

use super::{Manage, warnings, wrong};
use crate::{
    admin::{AppView, Caller, KeyView, KeysWanted, Page, Reach, Trouble, UsageView},
    config::rfc3339,
    gate::{
        credential::{Environment, Kind},
        keys::{Key, State},
    },
    keystore::{KeyFilter, KeyStore, Usage},
};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

impl Manage {
    pub(super) async fn page_of_keys(&self, wanted: KeysWanted, by: &Caller) -> Result<Page<KeyView>, Trouble> {
        let Page { items, next } = self.page(wanted, by).await?;
        let now_ms = self.now_ms();
        let warned = move |store: &dyn KeyStore, key: Key| (warnings::of(store, &key, now_ms), key);
        let items = self.stored.ask(move |store| Ok(items.into_iter().map(|key| warned(store, key)).collect::<Vec<_>>())).await?;
        Ok(Page { items: items.into_iter().map(|(warnings, key)| self.view_with(&key, warnings)).collect(), next })
    }

    pub(super) async fn page_of_usage(&self, wanted: KeysWanted, by: &Caller) -> Result<Page<UsageView>, Trouble> {
        let Page { items, next } = self.page(wanted, by).await?;
        let mut usage = Vec::with_capacity(items.len());
        for key in &items {
            usage.push(self.usage_of(&key.id).await?);
        }
        Ok(Page { items: usage, next })
    }

    pub(super) async fn usage_of(&self, id: &str) -> Result<UsageView, Trouble> {
        let wanted: Box<str> = id.into();
        let Usage { last_used_ms, requests, refusals, .. } =
            self.stored.ask(move |store| store.usage(&wanted)).await?.unwrap_or_default();
        let last_used_at = (last_used_ms > 0).then(|| rfc3339(last_used_ms));
        Ok(UsageView { id: id.to_owned(), last_used_at, requests, refusals, connections: self.streams_of(id) })
    }

    pub(super) async fn list_of_apps(&self) -> Result<Vec<AppView>, Trouble> {
        let apps = self.stored.ask(|store| store.apps()).await?;
        let mut counts = HashMap::<Box<str>, usize>::new();
        let snapshot = self.edge.as_ref().map(|edge| edge.gate().snapshot());
        if let Some(keys) = snapshot.as_ref().and_then(|snapshot| snapshot.keys.as_ref()) {
            for record in keys.records() {
                *counts.entry((*record.app).into()).or_default() += 1;
            }
        }
        let view = |app: crate::keystore::App| AppView {
            keys: counts.get(&app.id).copied().unwrap_or_default(),
            created_at: rfc3339(app.created_at_ms),
            id: app.id.into(),
            name: app.name.into(),
        };
        Ok(apps.into_iter().map(view).collect())
    }

    async fn page(&self, wanted: KeysWanted, by: &Caller) -> Result<Page<Key>, Trouble> {
        let limit = wanted.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(wrong("limit", format!("must be 1 to {MAX_LIMIT}")));
        }
        let filter = filter(&wanted, &by.reach)?;
        let after: Option<Box<str>> = wanted.cursor.map(Into::into);
        // One more tells whether there is another page.
        let mut items = self.stored.ask(move |store| store.keys(&filter, after.as_deref(), limit + 1)).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|key| key.id.to_string());
        Ok(Page { items, next })
    }
}

/// Which keys are looked for; never more than are within reach.
fn filter(wanted: &KeysWanted, reach: &Reach) -> Result<KeyFilter, Trouble> {
    let mut filter = KeyFilter {
        app: wanted.app.as_deref().map(Into::into),
        kind: one_of("kind", wanted.kind.as_deref(), Kind::from_name, &Kind::ALL.map(Kind::name))?,
        environment: one_of(
            "environment",
            wanted.environment.as_deref(),
            Environment::from_name,
            &Environment::ALL.map(Environment::name),
        )?,
        state: one_of("state", wanted.state.as_deref(), State::from_name, &State::ALL.map(State::name))?,
        text: wanted.q.as_deref().filter(|text| !text.is_empty()).map(Into::into),
    };
    if let Reach::App { app, environment, .. } = reach {
        let own = if *environment == Environment::Live.name() { Environment::Live } else { Environment::Test };
        let beyond =
            filter.app.as_ref().is_some_and(|asked| asked != app) || filter.environment.is_some_and(|asked| asked != own);
        if beyond {
            return Err(Trouble::Forbidden(format!("this key manages the `{environment}` keys of the application `{app}` only")));
        }
        (filter.app, filter.environment) = (Some(app.clone()), Some(own));
    }
    Ok(filter)
}

fn one_of<T>(path: &str, said: Option<&str>, known: impl Fn(&str) -> Option<T>, names: &[&str]) -> Result<Option<T>, Trouble> {
    let Some(said) = said else { return Ok(None) };
    known(said).map(Some).ok_or_else(|| wrong(path, format!("must be one of `{}`", names.join("`, `"))))
}
