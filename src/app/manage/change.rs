//! Changes of keys that there are.

use serde_json::{Map, Value, json};

use super::{Manage, caller::may_grant, create::once, invalid, receipt::Wait, wrong};
use crate::{
    admin::{Asked, KeyView, Stepped, Stepping, Trouble},
    config,
    gate::{
        credential::Kind,
        keys::{DEFAULT_GRACE_MS, Key, KeyChange, Refused, Step},
    },
    keystore::{Committed, Deed, Once, StoreError},
};

impl Manage {
    pub(super) async fn update(&self, id: &str, fields: &Map<String, Value>, asked: &Asked) -> Result<KeyView, Trouble> {
        let before = self.key_for(id, &asked.by).await?;
        let (about, expires_at_ms) = {
            let mut hold = self.stored.hold().await;
            let changed = config::updated(&before, fields, hold.compiler.defaults());
            let (about, expires_at_ms) = changed.map_err(|problems| invalid(&problems))?;
            let mut after = Key { about: about.clone(), ..before.clone() };
            after.life.expires_at_ms = expires_at_ms;
            let record = hold.compiler.record(&after, None).map_err(Trouble::Broken)?;
            may_grant(&asked.by.reach, &after, &record.capabilities)?;
            (about, expires_at_ms)
        };
        // What was merged is of this version: another change in between would be undone.
        let version = Some(asked.if_version.unwrap_or(before.version));
        let committed = self.change(&before, version, KeyChange::Update(about, expires_at_ms), asked, None).await?;
        self.bring_into_force().await?;
        Ok(self.view(committed.keys.first().unwrap_or(&before)).await)
    }

    pub(super) async fn take_step(&self, id: &str, step: Stepping, asked: &Asked) -> Result<Stepped, Trouble> {
        let before = self.key_for(id, &asked.by).await?;
        let begun = std::time::Instant::now();
        let (change, text, wait) = match step {
            Stepping::Disable => (KeyChange::Step(Step::Disable, None), None, None),
            Stepping::Enable => (KeyChange::Step(Step::Enable, None), None, None),
            Stepping::Revoke(wait) => (KeyChange::Step(Step::Revoke, None), None, Some(wait)),
            Stepping::Rotate(grace) => {
                let grace_ms = grace.map_or(DEFAULT_GRACE_MS, |grace| i64::try_from(grace.as_millis()).unwrap_or(i64::MAX));
                let hold = self.stored.hold().await;
                let made = self.text(before.prefix.as_deref(), before.kind, before.environment, &hold)?;
                let shown = (before.kind == Kind::Publishable).then(|| made.text.as_str().into());
                (KeyChange::Step(Step::Rotate { digest: made.digest, grace_ms }, shown), Some(made.text), None)
            }
        };
        let said = match step {
            Stepping::Rotate(grace) => json!({ "key": id, "grace_ms": grace.map(|grace| u64::try_from(grace.as_millis()).ok()) }),
            Stepping::Disable | Stepping::Enable | Stepping::Revoke(_) => json!({ "key": id }),
        };
        let once = text.as_ref().and_then(|_| once(asked, "key.rotate", &said));
        let committed = self.change(&before, asked.if_version, change, asked, once).await?;
        self.bring_into_force().await?;
        let key = committed.keys.first().unwrap_or(&before);
        let receipt = match wait {
            Some(wait) => Some(self.receipt(&key.id, committed.version, Wait { begun, wait }).await),
            None => None,
        };
        let secret = text.filter(|_| !committed.repeated).map(Into::into);
        Ok(Stepped { key: self.view(key).await, secret, receipt, repeated: committed.repeated })
    }

    async fn change(
        &self,
        key: &Key,
        if_version: Option<u64>,
        change: KeyChange,
        asked: &Asked,
        once: Option<Once>,
    ) -> Result<Committed, Trouble> {
        let deed = Deed::Change { id: key.id.clone(), if_version, change: Box::new(change) };
        self.keep(deed, asked, once).await.map_err(|error| {
            if error == StoreError::Refused(Refused::Past) {
                wrong("expires_at", error.to_string())
            } else if error == StoreError::Refused(Refused::Grace) {
                wrong("grace", error.to_string())
            } else {
                error.into()
            }
        })
    }
}
