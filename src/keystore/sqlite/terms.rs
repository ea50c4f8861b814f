//! The terms of keys: each text once, however many keys have it.

use std::{collections::HashMap, sync::Arc};

use ring::digest::{SHA256, digest};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::fault::corrupt;
use crate::keystore::StoreError;

/// SHA-256 of a text of terms; it stands for it in the checksums of keys.
pub(super) type TermsDigest = [u8; 32];

/// The terms that were met while keys were read. For one transaction: of another one, a number may mean another text.
#[derive(Default)]
pub(super) struct Terms(HashMap<i64, (Arc<str>, TermsDigest)>);

impl Terms {
    /// The text with this number, which all that ask for it share.
    pub fn text(&mut self, conn: &Connection, number: i64) -> Result<(Arc<str>, TermsDigest), StoreError> {
        if let Some((text, digest)) = self.0.get(&number) {
            return Ok((text.clone(), *digest));
        }
        let found: Option<(TermsDigest, String)> = conn
            .prepare_cached("SELECT digest, text FROM terms WHERE terms_id = ?1")?
            .query_row([number], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (digest, text) = found.ok_or_else(|| corrupt("a key has terms that are not there"))?;
        if digest != of(&text) {
            return Err(corrupt("the terms of a key are not as they were written"));
        }
        let text: Arc<str> = text.into();
        self.0.insert(number, (text.clone(), digest));
        Ok((text, digest))
    }
}

/// The number of `text`, which is there afterwards.
pub(super) fn number(conn: &Connection, text: &str) -> Result<(i64, TermsDigest), StoreError> {
    let digest = of(text);
    let known: Option<i64> =
        conn.prepare_cached("SELECT terms_id FROM terms WHERE digest = ?1")?.query_row([digest], |row| row.get(0)).optional()?;
    if let Some(number) = known {
        return Ok((number, digest));
    }
    conn.prepare_cached("INSERT INTO terms (digest, text) VALUES (?1, ?2)")?.execute(params![digest, text])?;
    Ok((conn.last_insert_rowid(), digest))
}

/// Forgets those that no key has any more.
pub(super) fn forget_unused(conn: &Connection) -> Result<(), StoreError> {
    conn.execute("DELETE FROM terms WHERE terms_id NOT IN (SELECT DISTINCT terms FROM keys)", [])?;
    Ok(())
}

fn of(text: &str) -> TermsDigest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    bytes
}
