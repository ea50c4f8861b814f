//! A key as a line of a parcel. What can be public of it and what cannot are both in here, so that a parcel is for gates alone: of a secret
//! key the digest of its text, never the text, which nobody has.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use crate::gate::{
    credential::{Environment, Kind, StoredDigest},
    keys::{About, Key, Life, PreviousDigest, State},
};

/// A key's line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line<'k> {
    id: Cow<'k, str>,
    app: Cow<'k, str>,
    kind: Cow<'k, str>,
    environment: Cow<'k, str>,
    state: Cow<'k, str>,
    digest: Cow<'k, str>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    previous: Vec<Previous<'k>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'k, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<Cow<'k, str>>,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    name: Cow<'k, str>,
    terms: Cow<'k, str>,
    #[serde(default, skip_serializing_if = "is_false")]
    revocable_tokens: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<Cow<'k, str>, Cow<'k, str>>,
    created_at_ms: i64,
    text_since_ms: i64,
    changed_at_ms: i64,
    version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Previous<'k> {
    digest: Cow<'k, str>,
    until_ms: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_false(said: &bool) -> bool {
    !*said
}

impl<'k> From<&'k Key> for Line<'k> {
    fn from(key: &'k Key) -> Self {
        let Key { life, about, .. } = key;
        let earlier = life.previous.iter();
        Self {
            id: Cow::from(&*key.id),
            app: Cow::from(&*key.app),
            kind: key.kind.name().into(),
            environment: key.environment.name().into(),
            state: life.state.name().into(),
            digest: life.digest.written().into(),
            previous: earlier
                .map(|earlier| Previous { digest: earlier.digest.written().into(), until_ms: earlier.until_ms })
                .collect(),
            expires_at_ms: (life.expires_at_ms != i64::MAX).then_some(life.expires_at_ms),
            text: key.text.as_deref().map(Cow::from),
            prefix: key.prefix.as_deref().map(Cow::from),
            name: Cow::from(&*about.name),
            terms: Cow::from(&*about.terms),
            revocable_tokens: about.revocable_tokens,
            metadata: about.metadata.iter().map(|(name, value)| (Cow::from(&**name), Cow::from(&**value))).collect(),
            created_at_ms: key.created_at_ms,
            text_since_ms: key.text_since_ms,
            changed_at_ms: key.changed_at_ms,
            version: key.version,
        }
    }
}

impl Line<'_> {
    /// The key; `None` where a word of the line has no meaning here.
    pub fn key(self) -> Option<Key> {
        let kept = |said: Option<Cow<'_, str>>| said.map(|said| Box::from(&*said));
        let previous = self.previous.iter().map(|earlier| {
            let digest = StoredDigest::parse(&earlier.digest).ok()?;
            Some(PreviousDigest { digest, until_ms: earlier.until_ms })
        });
        Some(Key {
            kind: Kind::from_name(&self.kind)?,
            environment: Environment::from_name(&self.environment)?,
            life: Life {
                state: State::from_name(&self.state)?,
                digest: StoredDigest::parse(&self.digest).ok()?,
                previous: previous.collect::<Option<_>>()?,
                expires_at_ms: self.expires_at_ms.unwrap_or(i64::MAX),
            },
            id: (*self.id).into(),
            app: (*self.app).into(),
            text: kept(self.text),
            prefix: kept(self.prefix),
            about: About {
                name: (*self.name).into(),
                terms: (*self.terms).into(),
                revocable_tokens: self.revocable_tokens,
                metadata: self.metadata.iter().map(|(name, value)| ((&**name).into(), (&**value).into())).collect(),
            },
            created_at_ms: self.created_at_ms,
            text_since_ms: self.text_since_ms,
            changed_at_ms: self.changed_at_ms,
            version: self.version,
        })
    }
}
