//! Managed keys → the records that decisions are made by.

use std::{collections::HashMap, path::Path, sync::Arc};

use super::{
    Shared, Who, keep_thin,
    terms::{self, Terms},
};
use crate::{
    config::{raw, read},
    gate::{
        credential::{Digester, Kind, Pepper},
        keys::{Key, KeyLimits, KeyRecord, RareFields},
    },
};

/// Makes the records of managed keys. What many of them have in common is read once and kept once.
pub struct KeyCompiler {
    shared: Shared,
    known: HashMap<(Kind, Arc<str>), Terms>,
    defaults: Arc<KeyLimits>,
    pepper: Option<Arc<Pepper>>,
}

impl KeyCompiler {
    /// For a gate with these limits for keys that have none of their own, and with this pepper.
    #[must_use]
    pub fn new(defaults: &Arc<KeyLimits>, pepper: Option<&Arc<Pepper>>) -> Self {
        let (defaults, pepper) = (Arc::clone(defaults), pepper.cloned());
        Self { shared: Shared::new(&defaults), known: HashMap::new(), defaults, pepper }
    }

    /// One like this, which has met no keys yet.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self::new(&self.defaults, self.pepper.as_ref())
    }

    /// What digests are mixed with.
    #[must_use]
    pub const fn pepper(&self) -> Option<&Arc<Pepper>> {
        self.pepper.as_ref()
    }

    /// The limits of keys that have none of their own.
    #[must_use]
    pub const fn defaults(&self) -> &Arc<KeyLimits> {
        &self.defaults
    }

    /// What makes the digests of new keys.
    #[must_use]
    pub fn digester(&self) -> Digester<'_> {
        self.pepper.as_deref().map_or(Digester::Sha256, Digester::Hmac)
    }

    /// The record of `key`. Where there was one `before`, the live state of its limits goes on.
    ///
    /// # Errors
    /// If its terms mean nothing to this version, or its digests were made with a pepper that this gate does not have: with the id of the
    /// key, and no value of it.
    pub fn record(&mut self, key: &Key, before: Option<&KeyRecord>) -> Result<KeyRecord, String> {
        let wrong = |what: String| format!("key `{}`: {what}", key.id);
        let digests = std::iter::once(&key.life.digest).chain(key.life.previous.iter().map(|previous| &previous.digest));
        let ours = self.pepper.as_ref().map(|pepper| pepper.id());
        if let Some(theirs) = digests.filter_map(|digest| digest.pepper).find(|theirs| ours != Some(*theirs)) {
            return Err(wrong(match ours {
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
