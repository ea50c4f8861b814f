//! What of a key somebody should see to, before it is a trouble.

use super::{Key, State};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// A text that is older has been in many hands.
const OLD_MS: i64 = 90 * DAY_MS;
/// What ends sooner should be seen to.
const SOON_MS: i64 = 7 * DAY_MS;
/// The same of a grace period, which is a day mostly.
const GRACE_SOON_MS: i64 = DAY_MS / 4;
/// A key that nobody has used for so long is one that nobody needs, and that nobody would miss.
const UNUSED_MS: i64 = 30 * DAY_MS;

/// What somebody should see to, of a key that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// It has had its text for more than 90 days.
    Old,
    /// An earlier text works for less than 6 hours more.
    GraceEndsSoon,
    /// It ends in less than 7 days.
    ExpiresSoon,
    /// It was made more than 30 days ago, and was never let in.
    NeverUsed,
}

impl Warning {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Old, Self::GraceEndsSoon, Self::ExpiresSoon, Self::NeverUsed];

    /// Its name in answers and the metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Old => "older_than_90_days",
            Self::GraceEndsSoon => "grace_ends_soon",
            Self::ExpiresSoon => "expires_soon",
            Self::NeverUsed => "never_used",
        }
    }

    /// Those of `key` at `now_ms` (Unix milliseconds), in order; none of one that does not work. `was_used` tells whether it was ever let in, and
    /// is asked only where that matters.
    pub fn of(key: &Key, now_ms: i64, was_used: impl FnOnce() -> bool) -> Vec<Self> {
        let life = &key.life;
        if life.state != State::Active || life.expires_at_ms <= now_ms {
            return Vec::new();
        }
        let age = |since_ms: i64| now_ms.saturating_sub(since_ms);
        let ends_within = |until: i64, span: i64| until != i64::MAX && until.saturating_sub(now_ms) < span;
        let found = [
            age(key.text_since_ms) > OLD_MS,
            life.grace_ends_ms(now_ms).is_some_and(|until| ends_within(until, GRACE_SOON_MS)),
            ends_within(life.expires_at_ms, SOON_MS),
            age(key.created_at_ms) > UNUSED_MS && !was_used(),
        ];
        Self::ALL.into_iter().zip(found).filter(|(_, is_so)| *is_so).map(|(warning, _)| warning).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{
        keys::{KeyChange, Life, Step, key::tests::key},
        testing,
    };

    const MADE: i64 = 1_000 * DAY_MS;

    fn made() -> Key {
        let life = Life::new(testing::digest("first"), i64::MAX);
        Key { life, created_at_ms: MADE, text_since_ms: MADE, ..key() }
    }

    fn after(key: &Key, step: Step, now_ms: i64) -> Key {
        key.after(KeyChange::Step(step, None), now_ms).unwrap()
    }

    fn rotated(key: &Key, now_ms: i64) -> Key {
        after(key, Step::Rotate { digest: testing::digest("second"), grace_ms: DAY_MS }, now_ms)
    }

    #[test]
    fn a_text_is_as_old_as_its_rotation() {
        let key = made();
        assert_eq!(Warning::of(&key, MADE + OLD_MS, || true), []);
        assert_eq!(Warning::of(&key, MADE + OLD_MS + 1, || true), [Warning::Old]);
        let rotated = rotated(&key, MADE + OLD_MS);
        assert_eq!(Warning::of(&rotated, MADE + 2 * OLD_MS, || true), []);
        assert_eq!(Warning::of(&rotated, MADE + 2 * OLD_MS + 1, || true), [Warning::Old]);
        let disabled = after(&after(&rotated, Step::Disable, MADE + 2 * OLD_MS), Step::Enable, MADE + 2 * OLD_MS + 1);
        assert_eq!(Warning::of(&disabled, MADE + 2 * OLD_MS + 1, || true), [Warning::Old], "no other change makes it young");
    }

    #[test]
    fn what_ends_soon_is_told_before() {
        let rotated = rotated(&made(), MADE);
        assert_eq!(Warning::of(&rotated, MADE + DAY_MS - GRACE_SOON_MS, || true), []);
        assert_eq!(Warning::of(&rotated, MADE + DAY_MS - 1, || true), [Warning::GraceEndsSoon]);
        assert_eq!(Warning::of(&rotated, MADE + DAY_MS, || true), []);
        let ending = made();
        let ending = Key { life: ending.life.until(MADE + SOON_MS + 1, MADE).unwrap(), ..ending };
        assert_eq!(Warning::of(&ending, MADE, || true), []);
        assert_eq!(Warning::of(&ending, MADE + 2, || true), [Warning::ExpiresSoon]);
        assert_eq!(Warning::of(&ending, MADE + SOON_MS + 1, || false), [], "and not afterwards");
    }

    #[test]
    fn what_nobody_uses_is_told_if_it_works() {
        let key = made();
        assert_eq!(Warning::of(&key, MADE + UNUSED_MS, || unreachable!()), []);
        assert_eq!(Warning::of(&key, MADE + UNUSED_MS + 1, || false), [Warning::NeverUsed]);
        assert_eq!(Warning::of(&key, MADE + UNUSED_MS + 1, || true), []);
        assert_eq!(Warning::of(&key, MADE + OLD_MS + 1, || false), [Warning::Old, Warning::NeverUsed]);
        for step in [Step::Disable, Step::Revoke] {
            assert_eq!(Warning::of(&after(&key, step, MADE), MADE + OLD_MS + 1, || unreachable!()), []);
        }
    }
}
