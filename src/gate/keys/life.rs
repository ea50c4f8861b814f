//! The life of a key: from one state to the next, and what is refused on the way.
//!
//! Pure: who changes a key brings the time and the new secret's digest, and a store applies what comes of it together with its record.

use std::fmt;

use super::{PreviousDigest, State};
use crate::gate::credential::StoredDigest;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// How long an old secret works after a rotation that says nothing of it, in milliseconds.
pub const DEFAULT_GRACE_MS: i64 = 24 * HOUR_MS;
/// How long it may work at most, in milliseconds.
pub const MAX_GRACE_MS: i64 = 30 * 24 * HOUR_MS;
/// Earlier secrets of a key that may be good at once: each is one more text that opens the door.
pub const MAX_PREVIOUS: usize = 8;

/// What decides whether a text of a key is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// Whether the key lives.
    pub state: State,
    /// Of its text.
    pub digest: StoredDigest,
    /// Of its earlier texts, the latest first, each until the end of its grace period.
    pub previous: Box<[PreviousDigest]>,
    /// Unix milliseconds; `i64::MAX` is never.
    pub expires_at_ms: i64,
}

/// What can happen to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It works no longer, until it is enabled.
    Disable,
    /// It works again.
    Enable,
    /// It has a new text; the old one is good for `grace_ms` more.
    Rotate {
        /// Of the new text.
        digest: StoredDigest,
        /// Milliseconds, at most [`MAX_GRACE_MS`]; 0 is for a secret that has leaked.
        grace_ms: i64,
    },
    /// It never works again.
    Revoke,
}

/// Why a step is not taken. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The key is revoked, which is for good.
    Revoked,
    /// The key has expired.
    Expired,
    /// The moment is over already.
    Past,
    /// The grace period is negative or longer than [`MAX_GRACE_MS`].
    Grace,
    /// [`MAX_PREVIOUS`] earlier secrets are still good.
    TooManyPrevious,
    /// The new text is the present or an earlier one.
    SameText,
}

impl Life {
    /// The life of a key that begins.
    #[must_use]
    pub fn new(digest: StoredDigest, expires_at_ms: i64) -> Self {
        Self { state: State::Active, digest, previous: Box::default(), expires_at_ms }
    }

    /// The life after `step` at `now_ms` (Unix milliseconds). A step to where the key is already changes nothing.
    ///
    /// # Errors
    /// Why the step is not taken.
    pub fn after(&self, step: Step, now_ms: i64) -> Result<Self, Refused> {
        match step {
            Step::Revoke => Ok(self.revoked()),
            _ if self.state == State::Revoked => Err(Refused::Revoked),
            Step::Disable => Ok(Self { state: State::Disabled, ..self.clone() }),
            Step::Enable => Ok(Self { state: State::Active, ..self.clone() }),
            Step::Rotate { digest, grace_ms } => self.rotated(digest, grace_ms, now_ms),
        }
    }

    /// The life at its end, for good.
    #[must_use]
    pub fn revoked(&self) -> Self {
        Self { state: State::Revoked, previous: Box::default(), ..self.clone() }
    }

    /// The life with another end (Unix milliseconds; `i64::MAX` is never), as decided at `now_ms`.
    ///
    /// # Errors
    /// If the key is revoked, or the end is over already.
    pub fn until(&self, expires_at_ms: i64, now_ms: i64) -> Result<Self, Refused> {
        match self.state {
            State::Revoked => Err(Refused::Revoked),
            State::Active | State::Disabled if expires_at_ms <= now_ms => Err(Refused::Past),
            State::Active | State::Disabled => Ok(Self { expires_at_ms, ..self.clone() }),
        }
    }

    /// The end of the earlier texts' last grace period that is still to come, in Unix milliseconds.
    #[must_use]
    pub fn grace_ends_ms(&self, now_ms: i64) -> Option<i64> {
        self.previous.iter().map(|earlier| earlier.until_ms.min(self.expires_at_ms)).filter(|&until| until > now_ms).max()
    }

    /// An earlier text is never good for longer than a later one: who says that a secret has leaked does not mean its predecessors to
    /// go on.
    fn rotated(&self, digest: StoredDigest, grace_ms: i64, now_ms: i64) -> Result<Self, Refused> {
        if !(0..=MAX_GRACE_MS).contains(&grace_ms) {
            return Err(Refused::Grace);
        }
        if self.expires_at_ms <= now_ms {
            return Err(Refused::Expired);
        }
        let is_it = |earlier: &PreviousDigest| earlier.digest == digest;
        if self.digest == digest || self.previous.iter().any(is_it) {
            return Err(Refused::SameText);
        }
        let until_ms = now_ms.saturating_add(grace_ms).min(self.expires_at_ms);
        let old = PreviousDigest { digest: self.digest.clone(), until_ms };
        let earlier =
            self.previous.iter().map(|earlier| PreviousDigest { until_ms: earlier.until_ms.min(until_ms), ..earlier.clone() });
        let previous: Box<[_]> = std::iter::once(old).chain(earlier).filter(|earlier| earlier.until_ms > now_ms).collect();
        if previous.len() > MAX_PREVIOUS {
            return Err(Refused::TooManyPrevious);
        }
        Ok(Self { digest, previous, ..self.clone() })
    }
}

impl Refused {
    /// Its name in answers and in the audit trail.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Revoked => "key_revoked",
            Self::Expired => "key_expired",
            Self::Past => "moment_is_past",
            Self::Grace => "grace_out_of_range",
            Self::TooManyPrevious => "too_many_previous",
            Self::SameText => "same_text",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revoked => f.write_str("the key is revoked, which cannot be undone; create another"),
            Self::Expired => f.write_str("the key has expired; give it a later `expires_at` first, or create another"),
            Self::Past => f.write_str("the moment is over already; to end a key now, disable or revoke it"),
            Self::Grace => f.write_str("a grace period is 0 to 30 days"),
            Self::TooManyPrevious => {
                write!(
                    f,
                    "{MAX_PREVIOUS} earlier secrets of the key are still good; rotate with a grace period of 0 to end them, or wait"
                )
            }
            Self::SameText => f.write_str("the text is one that the key has or had already"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::credential::Digester;
    use proptest::prelude::*;

    const NOW: i64 = 1_000_000;

    fn digest(text: &str) -> StoredDigest {
        StoredDigest { pepper: None, digest: Digester::Sha256.digest(text) }
    }

    fn life() -> Life {
        Life::new(digest("first"), i64::MAX)
    }

    fn rotate(text: &str, grace_ms: i64) -> Step {
        Step::Rotate { digest: digest(text), grace_ms }
    }

    #[test]
    fn a_rotated_key_has_both_texts_until_the_grace_period_ends() {
        let rotated = life().after(rotate("second", 500), NOW).unwrap();
        assert_eq!(rotated.digest, digest("second"));
        assert_eq!(*rotated.previous, [PreviousDigest { digest: digest("first"), until_ms: NOW + 500 }]);
        assert_eq!((rotated.grace_ends_ms(NOW + 499), rotated.grace_ends_ms(NOW + 500)), (Some(NOW + 500), None));
        let leaked = life().after(rotate("second", 0), NOW).unwrap();
        assert!(leaked.previous.is_empty(), "nothing is kept of a secret that ends now");
    }

    #[test]
    fn a_grace_period_ends_with_the_key_and_before_that_of_a_later_text() {
        let short = Life { expires_at_ms: NOW + 100, ..life() };
        assert_eq!(short.after(rotate("second", 500), NOW).unwrap().previous[0].until_ms, NOW + 100);
        let twice = life().after(rotate("second", 1000), NOW).unwrap().after(rotate("third", 10), NOW + 1).unwrap();
        assert_eq!(twice.previous.iter().map(|earlier| earlier.until_ms).collect::<Vec<_>>(), [NOW + 11, NOW + 11]);
        let leaked = twice.after(rotate("fourth", 0), NOW + 2).unwrap();
        assert!(leaked.previous.is_empty());
    }

    #[test]
    fn what_is_revoked_stays_so() {
        let revoked = life().after(rotate("second", 500), NOW).unwrap().after(Step::Revoke, NOW).unwrap();
        assert_eq!((revoked.state, revoked.previous.len()), (State::Revoked, 0));
        for step in [Step::Disable, Step::Enable, rotate("third", 0)] {
            assert_eq!(revoked.after(step, NOW), Err(Refused::Revoked));
        }
        assert_eq!(revoked.until(i64::MAX, NOW), Err(Refused::Revoked));
        assert_eq!(revoked.after(Step::Revoke, NOW), Ok(revoked.clone()));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refused = |life: &Life, step| life.after(step, NOW).unwrap_err();
        assert_eq!(refused(&life(), rotate("second", -1)), Refused::Grace);
        assert_eq!(refused(&life(), rotate("second", MAX_GRACE_MS + 1)), Refused::Grace);
        assert!(life().after(rotate("second", MAX_GRACE_MS), NOW).is_ok());
        assert_eq!(refused(&life(), rotate("first", 1)), Refused::SameText);
        assert_eq!(refused(&life().after(rotate("second", 1), NOW).unwrap(), rotate("first", 1)), Refused::SameText);
        assert_eq!(refused(&Life { expires_at_ms: NOW, ..life() }, rotate("second", 1)), Refused::Expired);
        assert_eq!(life().until(NOW, NOW), Err(Refused::Past));
        assert_eq!(life().until(NOW + 1, NOW).unwrap().expires_at_ms, NOW + 1);
        let many = (0..MAX_PREVIOUS).fold(life(), |life, n| life.after(rotate(&format!("n{n}"), 9), NOW).unwrap());
        assert_eq!(refused(&many, rotate("more", 9)), Refused::TooManyPrevious);
        assert!(many.after(rotate("more", 0), NOW).is_ok(), "and the way out is one");
    }

    fn steps() -> impl Strategy<Value = Vec<(Step, i64)>> {
        let step = prop_oneof![
            Just(Step::Disable),
            Just(Step::Enable),
            (0..6u8, -5..50i64).prop_map(|(n, grace_ms)| rotate(&n.to_string(), grace_ms)),
            (0..20u8).prop_map(|n| if n == 0 { Step::Revoke } else { Step::Enable }),
        ];
        proptest::collection::vec((step, 0..20i64), 0..30)
    }

    proptest! {
        /// Whatever happens: no earlier text outlives the key, a later text, or its own end; and a dead key stays dead.
        #[test]
        fn no_way_leads_back(steps in steps(), expires in prop_oneof![Just(i64::MAX), NOW..NOW + 300]) {
            let (mut life, mut now) = (Life { expires_at_ms: expires, ..life() }, NOW);
            for (step, later) in steps {
                now += later;
                let was = life.clone();
                match life.after(step, now) {
                    Ok(next) => life = next,
                    Err(_) => prop_assert_eq!(&life, &was),
                }
                let ends: Vec<_> = life.previous.iter().map(|earlier| earlier.until_ms).collect();
                prop_assert!(ends.is_sorted_by(|later, earlier| later >= earlier));
                prop_assert!(ends.iter().all(|&end| end <= life.expires_at_ms) && ends.len() <= MAX_PREVIOUS);
                prop_assert!(was.state != State::Revoked || life.state == State::Revoked && ends.is_empty());
            }
        }
    }
}
