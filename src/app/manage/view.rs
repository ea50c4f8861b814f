//! A key as it is shown.

use super::Manage;
use crate::{
    admin::KeyView,
    config::{entry, rfc3339},
    gate::keys::{Key, State, Warning},
};

impl Manage {
    pub(super) async fn view(&self, key: &Key) -> KeyView {
        self.view_with(key, self.warnings_of(key).await)
    }

    pub(super) fn view_with(&self, key: &Key, warnings: Vec<Warning>) -> KeyView {
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
            earlier_connections: self.earlier_streams_of(key),
            warnings: warnings.into_iter().map(Warning::name).collect(),
        }
    }
}
