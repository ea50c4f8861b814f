//! A key as a row, and a row as a key.

use std::{collections::BTreeMap, str};

use rusqlite::{
    Connection, Row,
    types::{Value, ValueRef},
};
use serde::{Deserialize, Serialize};

use super::{
    checksum::{Checksum, Values, same},
    fault::corrupt,
    meta::integer,
    terms::{Terms, TermsDigest},
};
use crate::{
    gate::{
        credential::{Environment, KeyDigest, Kind, PepperId, StoredDigest},
        keys::{About, Key, Life, PreviousDigest, State},
    },
    keystore::StoreError,
};

/// The columns that [`Reader::read`] and [`write`] expect, in this order. Of `ill_checked` nothing is read but its part in the checksum.
pub(super) const COLUMNS: &str = "key_id, app, kind, environment, state, digest, pepper, previous, expires_at_ms, text, prefix, ill_checked, \
     name, terms, revocable_tokens, metadata, created_at_ms, changed_at_ms, version, sequence, text_since_ms, checksum";
pub(super) const NAME: usize = 12;
const TERMS: usize = 13;
const TEXT_SINCE: usize = 20;
const CHECKSUM: usize = 21;

/// A key with what the store knows of it besides.
pub(super) struct Kept {
    pub key: Key,
    /// Of its latest change.
    pub sequence: u64,
    pub checksum: Checksum,
}

/// Reads keys, in one transaction.
pub(super) struct Reader<'c> {
    conn: &'c Connection,
    terms: Terms,
    values: Values,
}

impl<'c> Reader<'c> {
    pub fn new(conn: &'c Connection) -> Self {
        Self { conn, terms: Terms::default(), values: Values::new() }
    }

    /// The key in a row of [`COLUMNS`], if it is as it was written.
    pub fn read(&mut self, row: &Row<'_>) -> Result<Kept, StoreError> {
        // Each once: to ask SQLite for a value costs as much as to look at it.
        let mut columns = [ValueRef::Null; CHECKSUM + 1];
        for (column, value) in columns.iter_mut().enumerate() {
            *value = row.get_ref(column)?;
        }
        let (terms, terms_digest) = self.terms.text(self.conn, columns[TERMS].as_i64()?)?;
        self.values.begin("keys");
        for (column, value) in columns[..TEXT_SINCE].iter().enumerate() {
            self.values.add(if column == TERMS { ValueRef::Blob(&terms_digest) } else { *value });
        }
        // A row that was written before there was that column has none, and a checksum without it.
        if columns[TEXT_SINCE] != ValueRef::Null {
            self.values.add(columns[TEXT_SINCE]);
        }
        let checksum = same("keys", self.values.checksum(), columns[CHECKSUM])?;
        let [id, app, kind, environment, state, digest, pepper, previous, expires_at_ms, text, prefix, _, name, ..] = columns;
        let [.., revocable_tokens, metadata, created_at_ms, changed_at_ms, version, sequence, text_since_ms, _] = columns;
        let maybe_text = |value: ValueRef<'_>| Ok::<_, StoreError>(value.as_str_or_null()?.map(Box::from));
        let key = Key {
            id: id.as_str()?.into(),
            app: app.as_str()?.into(),
            kind: Kind::from_name(kind.as_str()?).ok_or_else(|| unknown("kind"))?,
            environment: Environment::from_name(environment.as_str()?).ok_or_else(|| unknown("environment"))?,
            life: Life {
                state: State::from_name(state.as_str()?).ok_or_else(|| unknown("state"))?,
                digest: StoredDigest {
                    pepper: pepper.as_str_or_null()?.map(pepper_of).transpose()?,
                    digest: KeyDigest::new(digest.as_blob()?.try_into().map_err(|_| unknown("digest"))?),
                },
                previous: previous.as_str_or_null()?.map_or_else(|| Ok(Box::default()), previous_of)?,
                expires_at_ms: expires_at_ms.as_i64_or_null()?.unwrap_or(i64::MAX),
            },
            text: maybe_text(text)?,
            prefix: maybe_text(prefix)?,
            about: About {
                name: name.as_str()?.into(),
                terms,
                revocable_tokens: revocable_tokens.as_i64()? != 0,
                metadata: metadata.as_str_or_null()?.map_or_else(|| Ok(BTreeMap::new()), metadata_of)?,
            },
            created_at_ms: created_at_ms.as_i64()?,
            text_since_ms: text_since_ms.as_i64_or_null()?.unwrap_or(created_at_ms.as_i64()?),
            changed_at_ms: changed_at_ms.as_i64()?,
            version: count(version)?,
        };
        Ok(Kept { key, sequence: count(sequence)?, checksum })
    }
}

fn count(value: ValueRef<'_>) -> Result<u64, StoreError> {
    u64::try_from(value.as_i64()?).map_err(|_| unknown("version"))
}

/// The row of `key`, changed last by the record `sequence`, with the number and the digest of its terms.
pub(super) fn write(key: &Key, sequence: u64, terms: (i64, TermsDigest)) -> Result<(Vec<Value>, Checksum), StoreError> {
    let Key { life, about, .. } = key;
    let text = |text: &str| Value::Text(text.to_owned());
    let maybe_text = |said: &Option<Box<str>>| said.as_deref().map_or(Value::Null, text);
    let mut row = Vec::with_capacity(CHECKSUM + 1);
    row.extend([
        text(&key.id),
        text(&key.app),
        text(key.kind.name()),
        text(key.environment.name()),
        text(life.state.name()),
        Value::Blob(life.digest.digest.as_bytes().into()),
        life.digest.pepper.map_or(Value::Null, |pepper| Value::Text(pepper.to_string())),
        if life.previous.is_empty() { Value::Null } else { previous_text(&life.previous)? },
        never_is_null(life.expires_at_ms),
        maybe_text(&key.text),
        maybe_text(&key.prefix),
        Value::Integer(0),
        text(&about.name),
        Value::Integer(terms.0),
        Value::Integer(about.revocable_tokens.into()),
        if about.metadata.is_empty() { Value::Null } else { json(&about.metadata)? },
        Value::Integer(key.created_at_ms),
        Value::Integer(key.changed_at_ms),
        integer(key.version)?,
        integer(sequence)?,
        Value::Integer(key.text_since_ms),
    ]);
    let mut values = Values::new();
    values.begin("keys");
    for (column, value) in row.iter().enumerate() {
        values.add(if column == TERMS { ValueRef::Blob(&terms.1) } else { value.into() });
    }
    let checksum = values.checksum();
    row.push(checksum.into());
    Ok((row, checksum))
}

/// A moment, or none.
pub(super) const fn never_is_null(at_ms: i64) -> Value {
    if at_ms == i64::MAX { Value::Null } else { Value::Integer(at_ms) }
}

pub(super) fn json(said: &impl Serialize) -> Result<Value, StoreError> {
    // Maps of texts and numbers have a text; an error would be one of memory.
    serde_json::to_string(said).map(Value::Text).map_err(|error| StoreError::Io(error.to_string()))
}

#[derive(Serialize, Deserialize)]
struct PreviousText<'t> {
    digest: std::borrow::Cow<'t, str>,
    until_ms: i64,
}

fn previous_text(previous: &[PreviousDigest]) -> Result<Value, StoreError> {
    let texts =
        previous.iter().map(|earlier| PreviousText { digest: earlier.digest.written().into(), until_ms: earlier.until_ms });
    json(&texts.collect::<Vec<_>>())
}

fn previous_of(text: &str) -> Result<Box<[PreviousDigest]>, StoreError> {
    let texts: Vec<PreviousText<'_>> = serde_json::from_str(text).map_err(|_| unknown("previous"))?;
    texts
        .into_iter()
        .map(|earlier| {
            let digest = StoredDigest::parse(&earlier.digest).map_err(|_| unknown("previous"))?;
            Ok(PreviousDigest { digest, until_ms: earlier.until_ms })
        })
        .collect()
}

fn metadata_of(text: &str) -> Result<BTreeMap<Box<str>, Box<str>>, StoreError> {
    serde_json::from_str(text).map_err(|_| unknown("metadata"))
}

fn pepper_of(text: &str) -> Result<PepperId, StoreError> {
    PepperId::parse(text).ok_or_else(|| unknown("pepper"))
}

/// Of a row whose checksum is right: it was written by something else.
fn unknown(column: &str) -> StoreError {
    corrupt(format_args!("a key whose {column} nobody here would write"))
}
