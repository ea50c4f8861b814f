//! What a store has one of: its epoch, the version of its keys, what its tables add up to, and the two ends of its audit trail.

use rusqlite::{Connection, Row, types::Value};

use super::checksum::{Total, checked, sealed};
use crate::keystore::{StoreError, Version};

/// The one row of `meta`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    pub version: Version,
    pub keys: Total,
    pub operators: Total,
    pub audit: Ends,
}

/// The two ends of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    /// Of the first record that was not pruned.
    pub first: u64,
    /// The hash of the record before that one.
    pub before: [u8; 32],
    /// Of the last record.
    pub last: u64,
    /// Of the last record, or [`Ends::before`] where there is none.
    pub hash: [u8; 32],
}

const COLUMNS: usize = 11;

impl Meta {
    /// Of a store that begins.
    pub const fn new(epoch: u64) -> Self {
        const NONE: Total = Total { rows: 0, sum: 0 };
        let audit = Ends { first: 1, before: [0; 32], last: 0, hash: [0; 32] };
        Self { version: Version { epoch, sequence: 0 }, keys: NONE, operators: NONE, audit }
    }

    pub fn load(conn: &Connection) -> Result<Self, StoreError> {
        let mut asked = conn.prepare_cached("SELECT * FROM meta WHERE id = 1")?;
        let mut rows = asked.query([])?;
        let row = rows.next()?.ok_or_else(|| super::fault::corrupt("it has no row of meta"))?;
        checked("meta", row, COLUMNS)?;
        Ok(Self {
            version: Version { epoch: row.get(1)?, sequence: row.get(2)? },
            keys: total(row, 3)?,
            operators: total(row, 5)?,
            audit: Ends { first: row.get(7)?, before: row.get(8)?, last: row.get(9)?, hash: row.get(10)? },
        })
    }

    /// Writes it, the first time or over what was there.
    pub fn save(&self, conn: &Connection) -> Result<(), StoreError> {
        let row = self.row()?;
        let mut replaced = conn.prepare_cached(
            "UPDATE meta SET epoch = ?2, keys_sequence = ?3, keys_rows = ?4, keys_sum = ?5, operators_rows = ?6, operators_sum = ?7, \
             audit_first = ?8, audit_before = ?9, audit_last = ?10, audit_hash = ?11, checksum = ?12 WHERE id = ?1",
        )?;
        if replaced.execute(rusqlite::params_from_iter(&row))? == 0 {
            conn.prepare("INSERT INTO meta VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)")?
                .execute(rusqlite::params_from_iter(&row))?;
        }
        Ok(())
    }

    fn row(&self) -> Result<Vec<Value>, StoreError> {
        let Self { version, keys, operators, audit } = self;
        let values: [Value; COLUMNS] = [
            Value::Integer(1),
            integer(version.epoch)?,
            integer(version.sequence)?,
            integer(keys.rows)?,
            Value::Blob(keys.sum.to_be_bytes().into()),
            integer(operators.rows)?,
            Value::Blob(operators.sum.to_be_bytes().into()),
            integer(audit.first)?,
            Value::Blob(audit.before.into()),
            integer(audit.last)?,
            Value::Blob(audit.hash.into()),
        ];
        Ok(sealed("meta", values).0)
    }
}

/// `number` as SQLite has it.
pub(super) fn integer(number: u64) -> Result<Value, StoreError> {
    i64::try_from(number).map(Value::Integer).map_err(|_| StoreError::Io(format!("{number} is more than can be counted")))
}

fn total(row: &Row<'_>, column: usize) -> Result<Total, StoreError> {
    Ok(Total { rows: row.get(column)?, sum: u128::from_be_bytes(row.get(column + 1)?) })
}
