//! Managed keys → the records that decisions are made by.

use std::{collections::HashMap, path::Path, sync::Arc};

use super::{
    Shared, Who, keep_thin,
    terms::{self, Terms},
};
use crate::{
    config::{raw, read},
    gate::{
        credential::{Kind, Pepper, PepperId},
        keys::{Key, KeyLimits, KeyRecord, RareFields},
    },
};

/// Makes the records of managed keys. What many of them have in common is read once and kept once.
pub struct KeyCompiler {
    shared: Shared,
    known: HashMap<(Kind, Arc<str>), Terms>,
    pepper: Option<PepperId>,
}

impl KeyCompiler {
    /// For a gate with these limits for keys that have none of their own, and with this pepper.
    #[must_use]
    pub fn new(defaults: &Arc<KeyLimits>, pepper: Option<&Pepper>) -> Self {
        Self { shared: Shared::new(defaults), known: HashMap::new(), pepper: pepper.map(Pepper::id) }
    }

    /// The record of `key`. Where there was one `before`, the live state of its limits goes on.
    ///
    /// # Errors
    /// If its terms mean nothing to this version, or its digests were made with a pepper that this gate does not have: with the id of the
    /// key, and no value of it.
    pub fn record(&mut self, key: &Key, before: Option<&KeyRecord>) -> Result<KeyRecord, String> {
        let wrong = |what: String| format!("key `{}`: {what}", key.id);
        let digests = std::iter::once(&key.life.digest).chain(key.life.previous.iter().map(|previous| &previous.digest));
        for theirs in digests.filter_map(|digest| digest.pepper).filter(|theirs| self.pepper != Some(*theirs)) {
            return Err(wrong(match self.pepper {
                Some(ours) => format!("its digest was made with the pepper `{theirs}`; the one of this gate is `{ours}`"),
                None => {
                    format!("its digest was made with the pepper `{theirs}`; the configuration names none (`keys.pepper.file`)")
                }
            }));
        }
        let terms = self.terms(key).map_err(wrong)?;
        let who = Who {
            id: &key.id,
            app: keep_thin(&mut self.shared.apps, &*key.app),
            kind: key.kind,
            environment: key.environment,
            state: key.life.state,
            expires_at_ms: key.life.expires_at_ms,
            digest: key.life.digest.clone(),
            rare: RareFields { previous: key.life.previous.clone(), prefix: key.prefix.clone(), ..RareFields::default() },
        };
        Ok(who.under(terms, before))
    }

    fn terms(&mut self, key: &Key) -> Result<Terms, String> {
        let name = (key.kind, Arc::clone(&key.about.terms));
        if let Some(terms) = self.known.get(&name) {
            return Ok(terms.clone());
        }
        let shared = &mut self.shared.terms;
        let compile = |typed: &raw::Key, root: &super::Place<'_>| terms::terms(typed, Some(key.kind), shared, root);
        let terms: Terms = read(Path::new("terms"), &key.about.terms, compile).map_err(|problems| problems.to_string())?;
        self.known.insert(name, terms.clone());
        Ok(terms)
    }
}
