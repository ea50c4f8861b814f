//! What few keys have: earlier secrets, an allow list of addresses, a mode of their own, leave to be used in browsers, a vendor's prefix,
//! a meter of what their streams send. A key without any of it pays one word of memory for all of it.

use std::sync::Arc;

use super::BrowserRule;
use crate::gate::{credential::StoredDigest, limit::StreamMeter, peer::Networks, policy::Mode};

/// An earlier secret of a rotated key, good until its grace period ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviousDigest {
    /// Of the earlier secret.
    pub digest: StoredDigest,
    /// End of the grace period, in Unix milliseconds.
    pub until_ms: i64,
}

/// What few keys have, as it is said of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RareFields {
    /// Earlier secrets.
    pub previous: Box<[PreviousDigest]>,
    /// The addresses that may use the key; `None` is every one.
    pub ips: Option<Networks>,
    /// Whether the key is held to what it may do; `None` leaves it to its route.
    pub mode: Option<Mode>,
    /// What happens when a browser presents the key, where it is a secret one.
    pub browser: BrowserRule,
    /// What stands before `pk_` or `sk_` in the text of a generated key, without the `_` between them.
    pub prefix: Option<Box<str>>,
}

/// [`RareFields`] as a record keeps them, and the state of its streams' rates.
#[derive(Clone, Debug, Default)]
pub struct Rare(Option<Box<Kept>>);

#[derive(Clone, Debug, Default)]
struct Kept {
    fields: RareFields,
    stream: Option<Arc<StreamMeter>>,
}

impl From<RareFields> for Rare {
    fn from(fields: RareFields) -> Self {
        Self((fields != RareFields::default()).then(|| Box::new(Kept { fields, stream: None })))
    }
}

impl Rare {
    /// The same, with this meter: a new one, or that of the key in the set before, which goes on.
    #[must_use]
    pub fn with_stream(self, meter: Arc<StreamMeter>) -> Self {
        let mut kept = self.0.unwrap_or_default();
        kept.stream = Some(meter);
        Self(Some(kept))
    }

    /// The state of the rates of its streams, of a key in a set; `None` where it has none.
    #[must_use]
    pub fn stream(&self) -> Option<&Arc<StreamMeter>> {
        self.0.as_ref()?.stream.as_ref()
    }

    /// Earlier secrets.
    #[must_use]
    pub fn previous(&self) -> &[PreviousDigest] {
        self.0.as_ref().map_or(&[], |kept| &kept.fields.previous)
    }

    /// The addresses that may use the key; `None` is every one.
    #[must_use]
    pub fn ips(&self) -> Option<&Networks> {
        self.0.as_ref()?.fields.ips.as_ref()
    }

    /// Whether the key is held to what it may do; `None` leaves it to its route.
    #[must_use]
    pub fn mode(&self) -> Option<Mode> {
        self.0.as_ref()?.fields.mode
    }

    /// What happens when a browser presents the key; it is refused where nothing else is said.
    #[must_use]
    pub fn browser(&self) -> BrowserRule {
        self.0.as_ref().map_or(BrowserRule::default(), |kept| kept.fields.browser)
    }

    /// The vendor's prefix of a generated key, without the `_` behind it.
    #[must_use]
    pub fn prefix(&self) -> Option<&str> {
        self.0.as_ref()?.fields.prefix.as_deref()
    }
}
