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
    /// Whether its text, where nobody knows it, may look like a generated key with a wrong checksum: an imported key was seen to.
    pub ill_checked: bool,
    /// What can be said anew of it.
    pub about: About,
    /// When it was made, in Unix milliseconds.
    pub created_at_ms: i64,
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
    /// The key after `change` at `now_ms` (Unix milliseconds). Equal to what it was where nothing changes.
    ///
    /// # Errors
    /// Why nothing can change.
    pub fn after(&self, change: KeyChange, now_ms: i64) -> Result<Self, Refused> {
        let next = match change {
            KeyChange::Step(step, text) => {
                let rotated = matches!(step, Step::Rotate { .. });
                let text = if rotated { text } else { self.text.clone() };
                Self { life: self.life.after(step, now_ms)?, text, ..self.clone() }
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
mod tests {
    use super::*;
    use crate::gate::credential::{Digester, StoredDigest};

    const NOW: i64 = 1_000_000;

    fn digest(text: &str) -> StoredDigest {
        StoredDigest { pepper: None, digest: Digester::Sha256.digest(text) }
    }

    fn key() -> Key {
        Key {
            id: "web".into(),
            app: "demo".into(),
            kind: Kind::Publishable,
            environment: Environment::Live,
            life: Life::new(digest("pk_first"), NOW + 100),
            text: Some("pk_first".into()),
            prefix: None,
            ill_checked: false,
            about: About { terms: "{}".into(), ..About::default() },
            created_at_ms: 1,
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
