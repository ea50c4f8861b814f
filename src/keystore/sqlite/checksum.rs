//! Checksums of rows, and of a set of them: what tells a damaged file from a whole one.
//!
//! SQLite notices a page that makes no sense, and not one in which a bit of a value has turned, or which is an older one. So every row
//! carries a checksum over all its values, and of a table where a row that is lost or old would open a door, `meta` keeps the number
//! and the sum of the checksums, changed in the same transaction. They are against accidents: whoever can write the file can make them.

use ring::digest::{SHA256, digest};
use rusqlite::{
    Row,
    types::{Value, ValueRef},
};

use super::fault::corrupt;
use crate::keystore::StoreError;

/// Half of the SHA-256 of a row: no collision by accident, at the price of a hash that is here already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Checksum(u128);

/// How many rows there are, and the sum of their checksums, which does not ask for their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Total {
    pub rows: u64,
    pub sum: u128,
}

/// The values of a row, one behind the other, so that no two rows look alike: each with its type, and its length where that varies.
pub(super) struct Values(Vec<u8>);

impl Values {
    /// Of no row yet.
    pub fn new() -> Self {
        Self(Vec::with_capacity(512))
    }

    /// Begins a row of `table`.
    pub fn begin(&mut self, table: &str) {
        self.0.clear();
        self.add(ValueRef::Text(table.as_bytes()));
    }

    pub fn add(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Null => self.0.push(0),
            ValueRef::Integer(number) => self.put(1, &number.to_le_bytes()),
            ValueRef::Real(number) => self.put(2, &number.to_bits().to_le_bytes()),
            ValueRef::Text(bytes) => self.put_long(3, bytes),
            ValueRef::Blob(bytes) => self.put_long(4, bytes),
        }
    }

    pub fn checksum(&self) -> Checksum {
        let hash = digest(&SHA256, &self.0);
        Checksum(hash.as_ref().iter().take(16).fold(0, |sum, byte| sum << 8 | u128::from(*byte)))
    }

    fn put(&mut self, kind: u8, bytes: &[u8]) {
        self.0.push(kind);
        self.0.extend_from_slice(bytes);
    }

    fn put_long(&mut self, kind: u8, bytes: &[u8]) {
        self.put(kind, &(bytes.len() as u64).to_le_bytes());
        self.0.extend_from_slice(bytes);
    }
}

/// `values` as a row of `table`, with their checksum behind them.
pub(super) fn sealed(table: &str, values: impl Into<Vec<Value>>) -> (Vec<Value>, Checksum) {
    let (mut all, mut row) = (values.into(), Values::new());
    row.begin(table);
    all.iter().for_each(|value| row.add(value.into()));
    let checksum = row.checksum();
    all.push(checksum.into());
    (all, checksum)
}

/// The checksum of a row of `table` that has `columns` values before it, if it is right.
pub(super) fn checked(table: &str, row: &Row<'_>, columns: usize) -> Result<Checksum, StoreError> {
    let mut values = Values::new();
    values.begin(table);
    for column in 0..columns {
        values.add(row.get_ref(column)?);
    }
    same(table, values.checksum(), row.get_ref(columns)?)
}

/// `made`, if it is what stands in a row of `table`.
pub(super) fn same(table: &str, made: Checksum, kept: ValueRef<'_>) -> Result<Checksum, StoreError> {
    let right = kept.as_blob().is_ok_and(|bytes| bytes == made.0.to_be_bytes());
    if right { Ok(made) } else { Err(corrupt(format_args!("the checksum of a row of {table} is wrong"))) }
}

impl From<Checksum> for Value {
    fn from(checksum: Checksum) -> Self {
        Self::Blob(checksum.0.to_be_bytes().into())
    }
}

impl Total {
    pub const fn add(&mut self, row: Checksum) {
        self.rows = self.rows.wrapping_add(1);
        self.sum = self.sum.wrapping_add(row.0);
    }

    pub const fn remove(&mut self, row: Checksum) {
        self.rows = self.rows.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(row.0);
    }

    /// What was read of `table`, if it is all.
    pub fn expect(self, read: Self, table: &str) -> Result<(), StoreError> {
        if self == read {
            return Ok(());
        }
        Err(corrupt(format_args!(
            "{} rows of {table} were read and {} were written, or some are older ones",
            read.rows, self.rows
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checksum(values: &[ValueRef<'_>]) -> Checksum {
        let mut row = Values::new();
        row.begin("keys");
        values.iter().for_each(|value| row.add(*value));
        row.checksum()
    }

    #[test]
    fn what_differs_has_another_checksum() {
        use ValueRef::{Blob, Integer, Null, Real, Text};
        let rows: [&[ValueRef<'_>]; 12] = [
            &[],
            &[Null],
            &[Null, Null],
            &[Integer(0)],
            &[Integer(1)],
            &[Real(0.0)],
            &[Text(b"")],
            &[Blob(b"")],
            &[Text(b"ab"), Text(b"c")],
            &[Text(b"a"), Text(b"bc")],
            &[Text(b"abc")],
            &[Text(b"abc"), Null],
        ];
        for (n, row) in rows.iter().enumerate() {
            for other in &rows[..n] {
                assert!(checksum(row) != checksum(other), "{row:?} {other:?}");
            }
        }
        let mut other = Values::new();
        other.begin("operators");
        assert!(other.checksum() != checksum(&[]), "and a row of another table");
    }

    #[test]
    fn a_total_does_not_ask_for_the_order_and_takes_back() {
        let (one, two) = (checksum(&[ValueRef::Integer(1)]), checksum(&[ValueRef::Integer(2)]));
        let (mut total, mut other) = (Total::default(), Total::default());
        total.add(one);
        total.add(two);
        other.add(two);
        assert!(total.expect(other, "keys").is_err());
        other.add(one);
        assert_eq!(total.expect(other, "keys"), Ok(()));
        other.remove(two);
        other.add(one);
        assert!(total.expect(other, "keys").is_err(), "as many, but one twice");
    }
}
