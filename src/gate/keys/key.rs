//! A key as it is managed: all that is written of it, from which the record that decisions are made by is compiled.

use std::{collections::BTreeMap, sync::Arc};

use super::{Life, Refused, State, Step};
use crate::gate::credential::{Environment, Kind};

/// All that is written of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Unique for good: no id is ever given twice.
    pub id: Box<str>,
    /// The application it belongs to.
    pub app: Box<str>,
    /// Publishable or secret.
    pub kind: Kind,
    /// Live or test.
    pub environment: Environment,
    /// What decides whether its text is good.
    pub life: Life,
    /// The text of a publishable key, which is public; never that of a secret one.
    pub text: Option<Box<str>>,
    /// The vendor's prefix of a generated key, without the `_` behind it.
    pub prefix: Option<Box<str>>,
    /// What can be said anew of it.
    pub about: About,
    /// When it was made, in Unix milliseconds.
    pub created_at_ms: i64,
    /// Since when it has its text, in Unix milliseconds: since it was made, or rotated last.
    pub text_since_ms: i64,
    /// When it was changed last, in Unix milliseconds.
    pub changed_at_ms: i64,
    /// Counts its changes, from 1.
    pub version: u64,
}

/// What can be said anew of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// For people.
    pub name: Box<str>,
    /// The terms on which it may be used: origins, capabilities, limits and the like, as one line of JSON in the words of a key file,
    /// its members sorted. Many keys have the same, so that it is kept once. What it means is the configuration's affair.
    pub terms: Arc<str>,
    /// Whether tokens that it signs can be revoked one by one.
    pub revocable_tokens: bool,
    /// What its owner wants to remember of it.
    pub metadata: BTreeMap<Box<str>, Box<str>>,
}

/// A change of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyChange {
    /// Its life goes on so; the text is the new one of a publishable key that is rotated.
    Step(Step, Option<Box<str>>),
    /// This is said of it from now on, and when it expires (Unix milliseconds; `i64::MAX` is never).
    Update(About, i64),
}

impl Key {
    /// This key of a copy of a store, as it is to be at `now_ms` (Unix milliseconds) where that copy takes the place of the store, in which it
    /// is `replaced`: its life is that of the one that was changed last, and it is revoked if either is. `None` where that changes nothing.
    #[must_use]
    pub fn put_back(&self, replaced: &Self, now_ms: i64) -> Option<Self> {
        let latest = if replaced.version > self.version { replaced } else { self };
        let is_revoked = [self, replaced].iter().any(|key| key.life.state == State::Revoked);
        let life = if is_revoked { latest.life.revoked() } else { latest.life.clone() };
        if life == self.life {
            return None;
        }
        let (text, text_since_ms) = (latest.text.clone(), latest.text_since_ms);
        let (changed_at_ms, version) = (now_ms, latest.version + 1);
        Some(Self { life, text, text_since_ms, changed_at_ms, version, ..self.clone() })
    }

    /// The key after `change` at `now_ms` (Unix milliseconds). Equal to what it was where nothing changes.
    ///
    /// # Errors
    /// Why nothing can change.
    pub fn after(&self, change: KeyChange, now_ms: i64) -> Result<Self, Refused> {
        let next = match change {
            KeyChange::Step(step, text) => {
                let rotated = matches!(step, Step::Rotate { .. });
                let (text, text_since_ms) = if rotated { (text, now_ms) } else { (self.text.clone(), self.text_since_ms) };
                Self { life: self.life.after(step, now_ms)?, text, text_since_ms, ..self.clone() }
            }
            KeyChange::Update(about, expires_at_ms) if expires_at_ms == self.life.expires_at_ms => {
                // Not asked whether that is over: who renames an expired key does not mean its end.
                if self.life.state == State::Revoked && about != self.about {
                    return Err(Refused::Revoked);
                }
                Self { about, ..self.clone() }
            }
            KeyChange::Update(about, expires_at_ms) => {
                Self { about, life: self.life.until(expires_at_ms, now_ms)?, ..self.clone() }
            }
        };
        Ok(if next == *self { next } else { Self { changed_at_ms: now_ms, version: self.version + 1, ..next } })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::gate::credential::{Digester, StoredDigest};

    const NOW: i64 = 1_000_000;

    fn digest(text: &str) -> StoredDigest {
        StoredDigest { pepper: None, digest: Digester::Sha256.digest(text) }
    }

    pub fn key() -> Key {
        Key {
            id: "web".into(),
            app: "demo".into(),
            kind: Kind::Publishable,
            environment: Environment::Live,
            life: Life::new(digest("pk_first"), NOW + 100),
            text: Some("pk_first".into()),
            prefix: None,
            about: About { terms: "{}".into(), ..About::default() },
            created_at_ms: 1,
            text_since_ms: 1,
            changed_at_ms: 1,
            version: 1,
        }
    }

    #[test]
    fn a_change_counts_and_none_does_not() {
        let disabled = key().after(KeyChange::Step(Step::Disable, None), NOW).unwrap();
        assert_eq!((disabled.version, disabled.changed_at_ms, disabled.created_at_ms), (2, NOW, 1));
        assert_eq!(disabled.text.as_deref(), Some("pk_first"), "a text stays until another comes");
        assert_eq!(disabled.after(KeyChange::Step(Step::Disable, None), NOW + 1).unwrap(), disabled);
    }

    #[test]
    fn a_rotated_publishable_key_shows_its_new_text() {
        let step = Step::Rotate { digest: digest("pk_second"), grace_ms: 10 };
        let rotated = key().after(KeyChange::Step(step, Some("pk_second".into())), NOW).unwrap();
        assert_eq!((rotated.text.as_deref(), rotated.life.previous.len()), (Some("pk_second"), 1));
        assert_eq!((rotated.text_since_ms, rotated.created_at_ms), (NOW, 1));
    }

    #[test]
    fn a_key_that_is_put_back_is_as_dead_as_in_either() {
        let named = |key: &Key, name: &str| {
            let about = About { name: name.into(), ..key.about.clone() };
            key.after(KeyChange::Update(about, key.life.expires_at_ms), NOW).unwrap()
        };
        let step = |key: &Key, step| key.after(KeyChange::Step(step, None), NOW).unwrap();
        let (copy, store) = (key(), named(&key(), "Other"));
        assert_eq!(copy.put_back(&store, NOW), None, "what is said of it is as in the copy");
        let is = copy.put_back(&step(&store, Step::Revoke), NOW + 5).unwrap();
        assert_eq!(
            (is.life.state, is.version, is.changed_at_ms, &*is.about.name),
            (State::Revoked, 4, NOW + 5, &*copy.about.name)
        );
        let disabled = step(&copy, Step::Disable);
        assert_eq!(copy.put_back(&disabled, NOW).unwrap().life.state, State::Disabled);
        assert_eq!(disabled.put_back(&step(&disabled, Step::Enable), NOW).unwrap().life.state, State::Active);
        // A store that is older than the copy ends what it has ended, and gives back no text.
        assert_eq!(disabled.put_back(&copy, NOW), None);
        let is = step(&disabled, Step::Enable).put_back(&step(&copy, Step::Revoke), NOW).unwrap();
        assert_eq!((is.life.state, is.version), (State::Revoked, 4));
        assert_eq!(step(&copy, Step::Revoke).put_back(&store, NOW), None, "nor is what the copy has ended alive");
    }

    #[test]
    fn a_key_that_is_put_back_has_the_texts_that_it_was_given_last() {
        let leaked = KeyChange::Step(Step::Rotate { digest: digest("pk_second"), grace_ms: 0 }, Some("pk_second".into()));
        let rotated = key().after(leaked, NOW).unwrap();
        let is = key().put_back(&rotated, NOW).unwrap();
        assert_eq!((&is.life, &is.text, is.text_since_ms), (&rotated.life, &rotated.text, NOW));
        assert_eq!(rotated.put_back(&key(), NOW), None);
    }

    #[test]
    fn an_expired_key_is_renamed_and_a_revoked_one_is_not() {
        let about = About { name: "New".into(), ..key().about };
        let renamed = key().after(KeyChange::Update(about.clone(), NOW + 100), NOW + 200).unwrap();
        assert_eq!((&*renamed.about.name, renamed.life.expires_at_ms), ("New", NOW + 100));
        assert_eq!(key().after(KeyChange::Update(about.clone(), NOW + 150), NOW + 200), Err(Refused::Past));
        let revoked = key().after(KeyChange::Step(Step::Revoke, None), NOW).unwrap();
        assert_eq!(revoked.after(KeyChange::Update(about, NOW + 100), NOW), Err(Refused::Revoked));
    }
}
