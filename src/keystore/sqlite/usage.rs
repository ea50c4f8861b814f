//! What keys have done: beside the keys, and no change of them.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params_from_iter, types::Value};
use serde_json::json;

use super::{
    checksum::{checked, sealed},
    fault::corrupt,
    meta::integer,
    rows::json as json_value,
};
use crate::{
    gate::limit::{Tallies, Tally},
    keystore::{StoreError, Usage},
};

const COLUMNS: &str = "key_id, last_used_ms, requests, refusals, tallies, checksum";

/// Adds what keys have done.
pub(super) fn add(conn: &Connection, usage: &BTreeMap<Box<str>, Usage>) -> Result<(), StoreError> {
    let mut written = conn.prepare_cached(&format!(
        "INSERT INTO usage ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (key_id) DO UPDATE SET last_used_ms = excluded.last_used_ms, \
         requests = excluded.requests, refusals = excluded.refusals, tallies = excluded.tallies, checksum = excluded.checksum"
    ))?;
    for (id, more) in usage {
        let sum = match find(conn, id)? {
            None => more.clone(),
            Some(known) => sum(known, more),
        };
        written.execute(params_from_iter(write(id, &sum)?))?;
    }
    Ok(())
}

/// What the key with this id has done.
pub(super) fn find(conn: &Connection, id: &str) -> Result<Option<Usage>, StoreError> {
    let mut asked = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM usage WHERE key_id = ?1"))?;
    let mut rows = asked.query([id])?;
    rows.next()?.map(read).transpose()
}

/// Gives what every key has done to `take`.
pub(super) fn read_all(conn: &Connection, take: &mut dyn FnMut(Box<str>, Usage)) -> Result<(), StoreError> {
    let mut asked = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM usage ORDER BY key_id"))?;
    let mut rows = asked.query([])?;
    while let Some(row) = rows.next()? {
        take(row.get(0)?, read(row)?);
    }
    Ok(())
}

/// Writes what a key has done as another store of it has counted it, where that has counted further.
pub(super) fn catch_up(conn: &Connection, id: &str, usage: &Usage) -> Result<(), StoreError> {
    let further = |known: &Usage| (usage.requests, usage.last_used_ms) > (known.requests, known.last_used_ms);
    if find(conn, id)?.is_none_or(|known| further(&known)) {
        let mut written =
            conn.prepare_cached(&format!("INSERT OR REPLACE INTO usage ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"))?;
        written.execute(params_from_iter(write(id, usage)?))?;
    }
    Ok(())
}

fn sum(known: Usage, more: &Usage) -> Usage {
    let mut refusals = known.refusals;
    for (code, count) in &more.refusals {
        let sum = refusals.entry(code.clone()).or_default();
        *sum = sum.saturating_add(*count);
    }
    Usage {
        last_used_ms: known.last_used_ms.max(more.last_used_ms),
        requests: known.requests.saturating_add(more.requests),
        refusals,
        tallies: more.tallies.or(known.tallies),
    }
}

fn write(id: &str, usage: &Usage) -> Result<Vec<Value>, StoreError> {
    let pair = |tally: Tally| [tally.window, tally.count];
    let tallies =
        usage.tallies.map(|Tallies { day, month }| json!({ "day": day.map(pair), "month": month.map(pair) }).to_string());
    let values = [
        Value::Text(id.to_owned()),
        Value::Integer(usage.last_used_ms),
        integer(usage.requests.min(i64::MAX as u64))?,
        if usage.refusals.is_empty() { Value::Null } else { json_value(&usage.refusals)? },
        tallies.map_or(Value::Null, Value::Text),
    ];
    Ok(sealed("usage", values).0)
}

fn read(row: &Row<'_>) -> Result<Usage, StoreError> {
    checked("usage", row, 5)?;
    let refusals = row.get_ref(3)?.as_str_or_null()?.map(serde_json::from_str).transpose();
    let tallies = row.get_ref(4)?.as_str_or_null()?.map(serde_json::from_str).transpose();
    let strange = |_| corrupt("what a key has done is in another form than was written");
    Ok(Usage {
        last_used_ms: row.get(1)?,
        requests: row.get(2)?,
        refusals: refusals.map_err(strange)?.unwrap_or_default(),
        tallies: tallies.map_err(strange)?.map(|TalliesText { day, month }| {
            let tally = |[window, count]: [u32; 2]| Tally { window, count };
            Tallies { day: day.map(tally), month: month.map(tally) }
        }),
    })
}

#[derive(serde::Deserialize)]
struct TalliesText {
    day: Option<[u32; 2]>,
    month: Option<[u32; 2]>,
}
