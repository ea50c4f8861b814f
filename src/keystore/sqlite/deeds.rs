//! What happens to the keys, each deed with its records, in the transaction that it is given.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::{apps, audit, details, keys, meta::Meta, once, restore::WentOn};
use crate::{
    gate::keys::{Key, KeyChange, State},
    keystore::{App, Change, Committed, Deed, Operator, StoreError, Version},
};

/// Does what `change` says, and writes its records; or it is an error, and whoever holds the transaction rolls it back.
pub(super) fn commit(conn: &Connection, change: &Change) -> Result<Committed, StoreError> {
    let mut work = Work { conn, meta: Meta::load(conn)?, actor: &change.actor, at_ms: change.at_ms };
    let before = change.once.as_ref().map(|once| once::before(conn, change, once)).transpose()?.flatten();
    if let Some(about) = before {
        return Ok(about.committed(work.meta.version, false, true));
    }
    let last = work.meta.audit.last;
    let about = work.perform(&change.deed)?;
    let unchanged = work.meta.audit.last == last;
    // What changed nothing is remembered too: done again later, it might.
    if let Some(once) = &change.once {
        once::remember(conn, change, once, &about)?;
    }
    if !unchanged {
        work.meta.save(conn)?;
    }
    Ok(about.committed(work.meta.version, unchanged, false))
}

/// What a change was about, as it is now.
#[derive(Default)]
pub(super) struct About {
    pub keys: Vec<Key>,
    pub operator: Option<Operator>,
}

impl From<Vec<Key>> for About {
    fn from(keys: Vec<Key>) -> Self {
        Self { keys, operator: None }
    }
}

impl About {
    fn committed(self, version: Version, unchanged: bool, repeated: bool) -> Committed {
        let Self { keys, operator } = self;
        Committed { version, keys, operator, unchanged, repeated }
    }
}

/// Forgets the records of before `before_ms`, which is a deed too.
pub(super) fn prune(conn: &Connection, before_ms: i64, actor: &str, at_ms: i64) -> Result<u64, StoreError> {
    let mut work = Work { conn, meta: Meta::load(conn)?, actor, at_ms };
    let pruned = audit::prune(conn, &mut work.meta, before_ms)?;
    if pruned > 0 {
        let first = work.meta.audit.first;
        let detail = serde_json::json!({ "before_ms": before_ms, "first": first, "records": pruned });
        work.record("audit.prune", "audit", &detail.to_string())?;
        super::terms::forget_unused(conn)?;
        work.meta.save(conn)?;
    }
    Ok(pruned)
}

/// Begins another epoch, later than the present one and than `after`, in a copy that takes the place of a store: with the keys as they went on
/// in that one, and the operators ended.
pub(super) fn restore(conn: &Connection, after: u64, went_on: &WentOn, actor: &str, at_ms: i64) -> Result<Meta, StoreError> {
    let mut work = Work { conn, meta: Meta::load(conn)?, actor, at_ms };
    let later = work.meta.version.epoch.max(after) + 1;
    let (was, epoch) = (work.meta.version.epoch, later.max(u64::try_from(at_ms).unwrap_or_default()));
    work.meta.version.epoch = epoch;
    work.record("store.restore", "store", &details::of_restore(was, epoch, went_on))?;
    // All of them before any is taken: the text of one may have been another's.
    for is in &went_on.keys {
        keys::find(conn, &is.id)?.map_or(Ok(()), |was| keys::release_texts(conn, &was.key))?;
    }
    for is in &went_on.keys {
        work.go_on(is)?;
    }
    for id in &went_on.operators {
        work.revoke_operator(id)?;
    }
    work.meta.save(conn)?;
    Ok(work.meta)
}

struct Work<'c> {
    conn: &'c Connection,
    meta: Meta,
    actor: &'c str,
    at_ms: i64,
}

impl Work<'_> {
    /// Does it; what it was about, as it is then.
    fn perform(&mut self, deed: &Deed) -> Result<About, StoreError> {
        match deed {
            Deed::CreateApp(app, keys) => {
                self.create_app(app)?;
                self.create("key.create", keys).map(About::from)
            }
            Deed::Create(keys) => self.create("key.create", keys).map(About::from),
            Deed::Import(keys) => self.import(keys).map(About::from),
            Deed::Change { id, if_version, change } => self.change(id, *if_version, change).map(About::from),
            Deed::CreateOperator(operator) => {
                self.create_operator(operator)?;
                Ok(About { keys: Vec::new(), operator: Some(operator.clone()) })
            }
            Deed::RevokeOperator(id) => self.revoke_operator(id).map(|()| About::default()),
            Deed::Note { action, target, detail } => self.record(action, target, detail).map(|_| About::default()),
        }
    }

    fn create_app(&mut self, app: &App) -> Result<(), StoreError> {
        apps::insert(self.conn, app)?;
        self.record("app.create", &format!("app:{}", app.id), &details::of_app(app)).map(drop)
    }

    fn create(&mut self, action: &str, keys: &[Key]) -> Result<Vec<Key>, StoreError> {
        // All that happens together has one number, so that nobody who follows sees half of it: that of its last record.
        let sequence = self.meta.audit.last + keys.len() as u64;
        for key in keys {
            if !apps::is_there(self.conn, &key.app)? {
                return Err(StoreError::NotFound(format!("app:{}", key.app).into()));
            }
            keys::insert(self.conn, &mut self.meta.keys, key, sequence)?;
            self.record(action, &format!("key:{}", key.id), &details::of_key(key))?;
        }
        if !keys.is_empty() {
            self.meta.version.sequence = sequence;
        }
        Ok(keys.to_vec())
    }

    fn import(&mut self, keys: &[Key]) -> Result<Vec<Key>, StoreError> {
        for id in keys.iter().map(|key| &key.app).collect::<BTreeSet<_>>() {
            if !apps::is_there(self.conn, id)? {
                self.create_app(&App { id: id.clone(), name: id.clone(), created_at_ms: self.at_ms })?;
            }
        }
        self.create("key.import", keys)
    }

    fn change(&mut self, id: &str, if_version: Option<u64>, change: &KeyChange) -> Result<Vec<Key>, StoreError> {
        let target = format!("key:{id}");
        let was = keys::find(self.conn, id)?.ok_or_else(|| StoreError::NotFound(target.as_str().into()))?;
        if if_version.is_some_and(|version| version != was.key.version) {
            return Err(StoreError::Changed(was.key.version));
        }
        let is = was.key.after(change.clone(), self.at_ms).map_err(StoreError::Refused)?;
        if is != was.key {
            let (action, detail) = details::of_change(change, &was.key, &is);
            let sequence = self.record(action, &target, &detail)?;
            keys::replace(self.conn, &mut self.meta.keys, &was, &is, sequence)?;
            self.meta.version.sequence = sequence;
        }
        Ok(vec![is])
    }

    /// Has a key be `is`, as it had become by the time when a copy was put back.
    fn go_on(&mut self, is: &Key) -> Result<(), StoreError> {
        let target = format!("key:{}", is.id);
        let was = keys::find(self.conn, &is.id)?.ok_or_else(|| StoreError::NotFound(target.as_str().into()))?;
        let revoked = is.life.state == State::Revoked && was.key.life.state != State::Revoked;
        let action = if revoked { "key.revoke" } else { "key.restore" };
        let sequence = self.record(action, &target, &details::of_life(&was.key, is))?;
        keys::replace(self.conn, &mut self.meta.keys, &was, is, sequence)?;
        self.meta.version.sequence = sequence;
        Ok(())
    }

    fn create_operator(&mut self, operator: &Operator) -> Result<(), StoreError> {
        let target = format!("operator:{}", operator.id);
        if apps::find_operator(self.conn, &operator.id)?.is_some() {
            return Err(StoreError::Exists(target.into()));
        }
        apps::write_operator(self.conn, &mut self.meta.operators, operator)?;
        self.record("operator.create", &target, &details::of_operator(operator)).map(drop)
    }

    fn revoke_operator(&mut self, id: &str) -> Result<(), StoreError> {
        let target = format!("operator:{id}");
        let was = apps::find_operator(self.conn, id)?.ok_or_else(|| StoreError::NotFound(target.as_str().into()))?;
        if !was.revoked {
            apps::write_operator(self.conn, &mut self.meta.operators, &Operator { revoked: true, ..was })?;
            self.record("operator.revoke", &target, "{}")?;
        }
        Ok(())
    }

    fn record(&mut self, action: &str, target: &str, detail: &str) -> Result<u64, StoreError> {
        audit::append(self.conn, &mut self.meta.audit, self.at_ms, [self.actor, action, target, detail])
    }
}
