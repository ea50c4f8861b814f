//! What can happen to what is stored.

use super::{App, Operator, Version};
use crate::gate::keys::{Key, KeyChange};

/// A change, by whom and when.
#[derive(Clone, Debug)]
pub struct Change {
    /// What happens.
    pub deed: Deed,
    /// By whom: `operator:<id>`, `key:<id>`, `local:<uid>`, `gate`.
    pub actor: Box<str>,
    /// When, in Unix milliseconds.
    pub at_ms: i64,
    /// For a change that must not happen twice, however often it is asked for.
    pub once: Option<Once>,
}

/// What tells a request that is repeated from another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// What its sender calls it (`Idempotency-Key`); unique for the actor, for a day.
    pub key: Box<str>,
    /// SHA-256 of all that was asked for.
    pub request: [u8; 32],
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Deed {
    /// An application is made, with its first keys.
    CreateApp(App, Vec<Key>),
    /// Keys are made, all or none; their applications are there.
    Create(Vec<Key>),
    /// Keys are taken over from elsewhere, all or none, and the applications that there are not yet are made.
    Import(Vec<Key>),
    /// A key is changed; where a version is said, only if it has it.
    Change {
        /// Of the key.
        id: Box<str>,
        /// [`Key::version`].
        if_version: Option<u64>,
        /// How.
        change: Box<KeyChange>,
    },
    /// An operator gets a token.
    CreateOperator(Operator),
    /// A token ends.
    RevokeOperator(Box<str>),
    /// Nothing changes, but it is to be remembered: a management call that was refused, a misuse of a key.
    Note {
        /// What was tried: `key.create`, `key.misuse`.
        action: Box<str>,
        /// On what: `key:<id>`, `app:<id>`.
        target: Box<str>,
        /// As one line of JSON, without secrets.
        detail: Box<str>,
    },
}

/// A change that has happened.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The version that the keys have now.
    pub version: Version,
    /// The keys that it was about, as they are now.
    pub keys: Vec<Key>,
    /// The operator who was made, as they are now.
    pub operator: Option<Operator>,
    /// Whether all was so already, and nothing was recorded.
    pub unchanged: bool,
    /// Whether it had happened before, by the same request ([`Once`]).
    pub repeated: bool,
}
