//! One key as the gate keeps it: what was written about it, and the live state of its limits.

use std::sync::Arc;

use once_cell::race::OnceBox;

use super::{KeyId, PreviousDigest, Rare, Thin, Uses};
use crate::gate::{
    capability::Capabilities,
    credential::{Environment, KeyDigest, Kind, StoredDigest},
    limit::{Gcra, Meters, Places, Quota, Quotas, StreamRates, Tallies},
    origin::OriginPattern,
    peer::Networks,
    policy::Mode,
};

/// Whether a key lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It works.
    Active,
    /// It does not work now, and may again.
    Disabled,
    /// It never works again.
    Revoked,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Disabled, Self::Revoked];

    /// The one that is called so.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// `active`, `disabled` or `revoked`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Revoked => "revoked",
        }
    }
}

/// What happens when a browser presents a secret key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BrowserRule {
    /// Refused: the key has leaked into a page.
    #[default]
    Refuse,
    /// Let through and reported.
    Report,
}

/// The limits of one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeyLimits {
    /// Requests and handshakes; `None` is without limit, which somebody wrote down.
    pub rate: Option<Quota>,
    /// Open streams; `None` is without limit.
    pub connections: Option<u32>,
    /// What happens to a stream beyond them.
    pub over_connections: OverConnections,
    /// Requests and handshakes by the calendar.
    pub quotas: Quotas,
    /// What clients send in all WebSockets of the key together.
    pub stream: StreamRates,
}

/// What happens to a stream for which its key has no place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OverConnections {
    /// It is refused.
    #[default]
    Reject,
    /// It is let in, and the oldest of the key is ended.
    EvictOldest,
}

impl KeyLimits {
    /// Places that are given: those of [`KeyLimits::connections`], and where the oldest stream makes room, as many again for those
    /// that are being ended, so that goodbyes to clients that take nothing in cannot pile up.
    #[must_use]
    pub fn most_places(&self) -> u32 {
        let max = self.connections.unwrap_or(u32::MAX);
        match self.over_connections {
            OverConnections::Reject => max,
            OverConnections::EvictOldest => max.saturating_mul(2),
        }
    }
}

/// A key. Immutable but for [`KeyState`], which the next set's record of the same id shares.
#[derive(Debug)]
pub struct KeyRecord {
    /// Unique in its set.
    pub id: KeyId,
    /// The application it belongs to.
    pub app: Thin<str>,
    /// Publishable or secret.
    pub kind: Kind,
    /// Live or test.
    pub environment: Environment,
    /// Whether it lives.
    pub state: State,
    /// What it may do.
    pub capabilities: Arc<Capabilities>,
    /// Whether a request without `Origin` may use it.
    pub missing_origin: bool,
    /// Unix milliseconds; `i64::MAX` is never.
    pub expires_at_ms: i64,
    /// Pages that may use it.
    pub origins: Thin<[OriginPattern]>,
    /// How much it may do.
    pub limits: Arc<KeyLimits>,
    /// The digest of its text.
    pub digest: StoredDigest,
    /// What few keys have.
    pub rare: Rare,
    /// The live state of its limits.
    pub usage: Arc<KeyState>,
}

/// The part of a key that lives on when its set is replaced.
#[derive(Debug, Default)]
pub struct KeyState {
    /// Of [`KeyLimits::rate`].
    pub rate: Gcra,
    places: Places,
    /// Nothing but one word of a key that nobody uses. Of one with quotas there from when its set is made, so that no decision has to
    /// make it.
    counts: OnceBox<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    /// Of [`KeyLimits::quotas`].
    meters: Meters,
    /// Of a key that was used where somebody keeps that.
    uses: OnceBox<Uses>,
}

impl KeyState {
    /// The state of the quotas; makes them where there were none.
    #[must_use]
    pub fn meters(&self) -> &Meters {
        &self.counts.get_or_init(Box::default).meters
    }

    /// What the key has done; makes the counts where there were none.
    #[must_use]
    pub fn uses(&self) -> &Uses {
        self.counts.get_or_init(Box::default).uses.get_or_init(Box::default)
    }

    /// Places that are taken.
    #[must_use]
    pub fn places(&self) -> u32 {
        self.places.taken()
    }

    /// What the quotas have counted, for a store to keep; `None` where the key never had any.
    #[must_use]
    pub fn tallies(&self) -> Option<Tallies> {
        self.counts.get().map(|counts| counts.meters.tallies())
    }
}

impl AsRef<Places> for KeyState {
    fn as_ref(&self) -> &Places {
        &self.places
    }
}

/// The use of a key by one of its texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// Good until then, in Unix milliseconds (`i64::MAX`: for as long as nobody changes it).
    Good { until_ms: i64 },
    /// This text is none of the key's, or no longer.
    Unknown,
    /// The key or the grace period of this text has expired.
    Expired,
    /// The key is disabled.
    Disabled,
    /// The key is revoked.
    Revoked,
}

impl KeyRecord {
    /// How the key stands at `now_ms` for whoever presents the text with this digest.
    #[must_use]
    pub fn standing(&self, digest: &KeyDigest, now_ms: i64) -> KeyUse {
        let until_ms = if self.digest.digest == *digest {
            self.expires_at_ms
        } else {
            match self.previous().iter().find(|previous| previous.digest.digest == *digest) {
                Some(previous) => previous.until_ms.min(self.expires_at_ms),
                None => return KeyUse::Unknown,
            }
        };
        match self.state {
            State::Revoked => KeyUse::Revoked,
            State::Disabled => KeyUse::Disabled,
            State::Active if until_ms <= now_ms => KeyUse::Expired,
            State::Active => KeyUse::Good { until_ms },
        }
    }

    /// Earlier secrets.
    #[must_use]
    pub fn previous(&self) -> &[PreviousDigest] {
        self.rare.previous()
    }

    /// The addresses that may use the key; `None` is every one.
    #[must_use]
    pub fn ips(&self) -> Option<&Networks> {
        self.rare.ips()
    }

    /// Whether the key is held to what it may do; `None` leaves it to its route.
    #[must_use]
    pub fn mode(&self) -> Option<Mode> {
        self.rare.mode()
    }

    /// What happens when a browser presents the key, where it is a secret one.
    #[must_use]
    pub fn browser(&self) -> BrowserRule {
        self.rare.browser()
    }

    /// The vendor's prefix of a generated key, without the `_` behind it.
    #[must_use]
    pub fn prefix(&self) -> Option<&str> {
        self.rare.prefix()
    }

    /// The same key, whose limits go on counting from where those of `before` stand, a key of its id in an earlier set.
    #[must_use]
    pub fn going_on_from(mut self, before: &Self) -> Self {
        self.usage = Arc::clone(&before.usage);
        if let Some(meter) = before.rare.stream().filter(|_| self.limits.stream.any()) {
            self.rare = self.rare.with_stream(Arc::clone(meter));
        }
        self
    }

    /// Makes what decisions would have to make: the state of limits that few keys have.
    pub(super) fn made_ready(mut self) -> Self {
        if self.limits.quotas.any() {
            let _ = self.usage.meters();
        }
        if self.limits.stream.any() && self.rare.stream().is_none() {
            self.rare = self.rare.with_stream(Arc::default());
        }
        self
    }

    /// Whether the key is found by this digest, its own or an earlier one.
    pub(super) fn has(&self, digest: &KeyDigest) -> bool {
        self.digests().any(|stored| stored.digest == *digest)
    }

    /// All digests under which the key is found.
    pub fn digests(&self) -> impl Iterator<Item = &StoredDigest> {
        std::iter::once(&self.digest).chain(self.previous().iter().map(|previous| &previous.digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_of_a_key_is_kept_with_it() {
        let state = KeyState::default();
        assert!(state.tallies().is_none(), "nothing is kept of a key that nobody uses");
        assert!(state.uses().count(None, 5));
        assert_eq!((state.uses().take().permitted, state.uses().take().permitted), (1, 0));
        let quotas = Quotas { day: Some(2), month: None };
        assert!(state.meters().charge(&quotas, 0).is_some());
        assert_eq!(state.tallies().and_then(|tallies| tallies.day).map(|tally| tally.count), Some(1));
    }
}
