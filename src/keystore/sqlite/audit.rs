//! The audit trail: a chain of records, written in the transaction of what they record.
//!
//! The hash of a record is the SHA-256 of the hash before it, the number and the time (8 bytes each, big-endian), and of actor, action,
//! target and detail, each behind its length in 8 bytes. Where the chain begins, the hash before is 32 zero bytes. So an edited, a
//! missing and a moved record show; a trail that was cut short or written anew by whoever owns the file shows only to who kept its head
//! elsewhere.

use ring::digest::{Context, SHA256};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{
    fault::corrupt,
    keepsakes,
    meta::{Ends, Meta},
};
use crate::keystore::{AuditFilter, AuditFrom, AuditHead, AuditRecord, RecordHash, StoreError};

/// What the hash of the latest change of keys is kept under when its record is forgotten.
const KEYS_HASH: &str = "keys_hash";
const COLUMNS: &str = "sequence, at_ms, actor, action, target, detail, hash";

/// Writes a record behind the last one.
pub(super) fn append(conn: &Connection, ends: &mut Ends, at_ms: i64, said: [&str; 4]) -> Result<u64, StoreError> {
    let sequence = ends.last + 1;
    let hash = hash(&ends.hash, sequence, at_ms, said);
    let [actor, action, target, detail] = said;
    conn.prepare_cached(
        "INSERT INTO audit (sequence, at_ms, actor, action, target, detail, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![sequence, at_ms, actor, action, target, detail, hash])?;
    (ends.last, ends.hash) = (sequence, hash);
    Ok(sequence)
}

/// The records that `wanted` describes, in the order that `from` says, at most `limit`.
pub(super) fn list(
    conn: &Connection,
    wanted: &AuditFilter,
    from: AuditFrom,
    limit: usize,
) -> Result<Vec<AuditRecord>, StoreError> {
    let (than, order, end) = match from {
        AuditFrom::After(sequence) => ('>', "ASC", sequence),
        AuditFrom::Before(sequence) => ('<', "DESC", sequence),
    };
    let mut asked = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM audit WHERE sequence {than} ?1 AND (?2 IS NULL OR actor = ?2) AND (?3 IS NULL OR SUBSTR(action, 1, LENGTH(?3)) = ?3) {} \
         ORDER BY sequence {order} LIMIT ?5",
        // An index of its own, which no `OR` may hide.
        if wanted.target.is_some() { "AND target = ?4" } else { "AND ?4 IS NULL" },
    ))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let end = i64::try_from(end).unwrap_or(i64::MAX);
    let mut rows = asked.query(params![end, wanted.actor, wanted.action, wanted.target, limit])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(record(row)?);
    }
    Ok(records)
}

/// Reads all of the trail, and says up to where it is whole.
pub(super) fn verify(conn: &Connection, ends: &Ends) -> Result<AuditHead, StoreError> {
    let mut asked = conn.prepare(&format!("SELECT {COLUMNS} FROM audit ORDER BY sequence"))?;
    let mut rows = asked.query([])?;
    let (mut next, mut before) = (ends.first, ends.before);
    while let Some(row) = rows.next()? {
        let record = record(row)?;
        if record.sequence != next {
            return Err(corrupt(missing(next)));
        }
        if record.hash != record.made_after(&before) {
            return Err(corrupt(format_args!("record {next} of the audit trail is not as it was written, or the one before it")));
        }
        (next, before) = (next + 1, record.hash);
    }
    if next <= ends.last {
        return Err(corrupt(missing(next)));
    }
    if next != ends.last + 1 || before != ends.hash {
        return Err(corrupt(format_args!("record {} of the audit trail was not written by keygate", next - 1)));
    }
    Ok(AuditHead { first: ends.first, sequence: ends.last, hash: ends.hash })
}

fn missing(sequence: u64) -> String {
    format!("record {sequence} of the audit trail is missing")
}

fn cut(conn: &Connection, ends: &mut Ends, before_ms: i64) -> Result<u64, StoreError> {
    let kept: Option<u64> = conn.query_row("SELECT MIN(sequence) FROM audit WHERE at_ms >= ?1", [before_ms], |row| row.get(0))?;
    let first = kept.unwrap_or(ends.last + 1);
    let pruned = first.saturating_sub(ends.first);
    if pruned > 0 {
        // What the rest hangs on.
        ends.before = conn.query_row("SELECT hash FROM audit WHERE sequence = ?1", [first - 1], |row| row.get(0))?;
        ends.first = first;
        conn.execute("DELETE FROM audit WHERE sequence < ?1", [first])?;
    }
    Ok(pruned)
}

/// The hash of the record with this number, by what `meta` says and by what is there; `None` where neither knows it.
pub(super) fn hash_of(conn: &Connection, meta: &Meta, sequence: u64) -> Result<Option<RecordHash>, StoreError> {
    let Ends { first, before, last, hash } = meta.audit;
    if sequence == 0 {
        return Ok(Some([0; 32]));
    }
    if sequence == last {
        return Ok(Some(hash));
    }
    if sequence + 1 == first {
        return Ok(Some(before));
    }
    let Ok(number) = i64::try_from(sequence) else { return Ok(None) };
    let mut asked = conn.prepare_cached("SELECT hash FROM audit WHERE sequence = ?1")?;
    let found = asked.query_row([number], |row| row.get(0)).optional()?;
    if found.is_some() || sequence != meta.version.sequence {
        return Ok(found);
    }
    let kept = keepsakes::find(conn, KEYS_HASH)?.and_then(|kept| kept.try_into().ok());
    kept.map(Some).ok_or_else(|| corrupt("the record of the latest change of keys is gone; change any key to mend that"))
}

/// Forgets the records of before `before_ms`, up to the first that is not; but not the hash of the latest change of keys. How many they were.
pub(super) fn prune(conn: &Connection, meta: &mut Meta, before_ms: i64) -> Result<u64, StoreError> {
    let hash = hash_of(conn, meta, meta.version.sequence)?;
    let pruned = cut(conn, &mut meta.audit, before_ms)?;
    if let Some(hash) = hash.filter(|_| pruned > 0) {
        keepsakes::keep_anew(conn, KEYS_HASH, &hash)?;
    }
    Ok(pruned)
}

fn record(row: &Row<'_>) -> Result<AuditRecord, StoreError> {
    Ok(AuditRecord {
        sequence: row.get(0)?,
        at_ms: row.get(1)?,
        actor: row.get(2)?,
        action: row.get(3)?,
        target: row.get(4)?,
        detail: row.get(5)?,
        hash: row.get(6)?,
    })
}

impl AuditRecord {
    /// The hash of this record behind one with the hash `before` (32 zero bytes where the trail begins), for whoever checks a trail
    /// elsewhere.
    #[must_use]
    pub fn made_after(&self, before: &[u8; 32]) -> [u8; 32] {
        hash(before, self.sequence, self.at_ms, [&self.actor, &self.action, &self.target, &self.detail])
    }
}

fn hash(before: &[u8; 32], sequence: u64, at_ms: i64, said: [&str; 4]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(before);
    context.update(&sequence.to_be_bytes());
    context.update(&at_ms.to_be_bytes());
    for text in said {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}
