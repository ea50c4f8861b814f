//! A key as it is shown.

use super::Manage;
use crate::{
    admin::KeyView,
    config::{entry, rfc3339},
    gate::keys::{Key, State},
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// A secret that is older has been in many hands.
const OLD_MS: i64 = 90 * DAY_MS;
/// What ends sooner should be seen to.
const SOON_MS: i64 = 7 * DAY_MS;
/// The same of a grace period, which is a day mostly.
const GRACE_SOON_MS: i64 = DAY_MS / 4;

impl Manage {
    pub(super) fn view(&self, key: &Key) -> KeyView {
        let now_ms = self.now_ms();
        let life = &key.life;
        let mut fields = entry(key, false);
        fields.entry("name").or_insert_with(|| "".into());
        fields.entry("state").or_insert_with(|| life.state.name().into());
        let standing = match life.state {
            State::Active if life.expires_at_ms <= now_ms => "expired",
            state @ (State::Active | State::Disabled | State::Revoked) => state.name(),
        };
        let grace = life.previous.iter().map(|earlier| earlier.until_ms.min(life.expires_at_ms)).filter(|&until| until > now_ms);
        KeyView {
            fields,
            standing,
            grace: grace.map(rfc3339).collect(),
            created_at: rfc3339(key.created_at_ms),
            changed_at: rfc3339(key.changed_at_ms),
            version: key.version,
            connections: self.streams_of(&key.id),
            warnings: if standing == "active" { warnings(key, now_ms) } else { Vec::new() },
        }
    }
}

/// What somebody should see to, of a key that works.
fn warnings(key: &Key, now_ms: i64) -> Vec<&'static str> {
    let ends_within = |until: i64, span: i64| until != i64::MAX && until.saturating_sub(now_ms) < span;
    let found = [
        ("older_than_90_days", now_ms.saturating_sub(key.created_at_ms) > OLD_MS),
        ("grace_ends_soon", key.life.grace_ends_ms(now_ms).is_some_and(|until| ends_within(until, GRACE_SOON_MS))),
        ("expires_soon", ends_within(key.life.expires_at_ms, SOON_MS)),
    ];
    found.into_iter().filter(|(_, is_so)| *is_so).map(|(name, _)| name).collect()
}
