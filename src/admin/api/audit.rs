//! The audit trail: a page of it, all of it as lines, and whether it is whole.

use std::{io, sync::Arc};

use axum::{
    Json as Answer,
    body::{Body, Bytes},
    extract::State,
    http::{Uri, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    Api,
    head::By,
    operators::written,
    problem::{Kind, Problem},
    query,
};
use crate::{
    admin::{Caller, KnownRecord, Page, Trouble},
    gate::credential::hex,
    keystore::{AuditFilter, AuditFrom, AuditRecord, StoreError},
};

/// Records that are read at once for an export.
const CHUNK: usize = 500;
/// The longest text that is looked for, in characters.
const MAX_TEXT_CHARS: usize = 200;

/// Which records.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    after: Option<u64>,
    order: Option<String>,
    limit: Option<usize>,
    actor: Option<Box<str>>,
    action: Option<Box<str>>,
    target: Option<Box<str>>,
}

/// What somebody knows of the trail.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    expect: Option<Box<str>>,
}

/// A record as it is shown.
#[derive(Serialize)]
struct RecordView {
    sequence: u64,
    at: String,
    actor: Box<str>,
    action: Box<str>,
    target: Box<str>,
    detail: Value,
    hash: String,
}

pub(super) async fn list(State(api): State<Arc<Api>>, By(by): By, uri: Uri) -> Result<Response, Problem> {
    let wanted: Wanted = query::read(&uri)?;
    query::one_of("order", wanted.order.as_deref(), &["asc", "desc"])?;
    query::number("after", wanted.after)?;
    let limit = query::limit(wanted.limit)?;
    let from = match wanted.order.as_deref() {
        Some("desc") => AuditFrom::Before(wanted.after.unwrap_or(u64::MAX)),
        _ => AuditFrom::After(wanted.after.unwrap_or(0)),
    };
    // One more than is shown tells whether there is a next page.
    let mut records = api.manager.audit(wanted.filter()?, from, limit + 1, &by).await?;
    let is_last = records.len() <= limit;
    records.truncate(limit);
    let next = records.last().filter(|_| !is_last).map(|record| record.sequence.to_string());
    let items: Vec<_> = records.into_iter().map(RecordView::from).collect();
    Ok(Answer(Page { items, next }).into_response())
}

/// All that are wanted, one JSON object a line, read as fast as they are taken. An error in the midst breaks the answer off, so that a
/// part of it is not taken for the whole.
pub(super) async fn export(State(api): State<Arc<Api>>, By(by): By, uri: Uri) -> Result<Response, Problem> {
    let wanted: Wanted = query::read(&uri)?;
    query::number("after", wanted.after)?;
    let (after, filter) = (wanted.after.unwrap_or(0), wanted.filter()?);
    let place = Arc::clone(&api.streams).try_acquire_owned().map_err(|_| Problem::from(Kind::Busy).after(10))?;
    // The first records before the head, so that what cannot be read at all is an error like any other.
    let first = api.manager.audit(filter.clone(), AuditFrom::After(after), CHUNK, &by).await?;
    let reading = Reading { api, by, filter, ready: first, behind: None, _place: place };
    Ok(([(CONTENT_TYPE, "application/jsonl")], Body::from_stream(lines(reading))).into_response())
}

pub(super) async fn verify(State(api): State<Arc<Api>>, By(by): By, uri: Uri) -> Result<Response, Problem> {
    let Expected { expect } = query::read(&uri)?;
    let form = "must be the number of a record, `:`, and the 64 hexadecimal digits of its hash, as an earlier run told them";
    let known = expect.map(|text| known(&text).ok_or_else(|| Problem::at(Kind::BadQuery, "expect", form))).transpose()?;
    match api.manager.verify_audit(known, &by).await {
        Ok(head) => {
            let whole = json!({ "first": head.first, "sequence": head.sequence, "hash": hex::text(&head.hash) });
            Ok(Answer(whole).into_response())
        }
        // Here what is damaged is what was asked.
        Err(Trouble::Store(StoreError::Corrupt(what))) => Err(Problem::new(Kind::StoreDamaged, what)),
        Err(trouble) => Err(trouble.into()),
    }
}

/// An export under way.
struct Reading {
    api: Arc<Api>,
    by: Caller,
    filter: AuditFilter,
    /// Records that were read and not written.
    ready: Vec<AuditRecord>,
    /// The number behind which the next ones are; `None` where there are none.
    behind: Option<u64>,
    _place: OwnedSemaphorePermit,
}

fn lines(reading: Reading) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold(reading, |mut reading| async move {
        if let Some(last) = reading.behind.take() {
            let more = reading.api.manager.audit(reading.filter.clone(), AuditFrom::After(last), CHUNK, &reading.by).await;
            reading.ready = more.map_err(|trouble| io::Error::other(format!("{:?}", Problem::from(trouble))))?;
        }
        let records = std::mem::take(&mut reading.ready);
        let Some(last) = records.last().map(|record| record.sequence) else { return Ok(None) };
        reading.behind = (records.len() == CHUNK).then_some(last);
        let mut text = String::new();
        for record in records {
            text += &serde_json::to_string(&RecordView::from(record)).map_err(io::Error::other)?;
            text.push('\n');
        }
        Ok(Some((Bytes::from(text), reading)))
    })
}

impl Wanted {
    fn filter(self) -> Result<AuditFilter, Problem> {
        for (name, value) in [("actor", &self.actor), ("action", &self.action), ("target", &self.target)] {
            query::text(name, value.as_deref(), MAX_TEXT_CHARS)?;
        }
        Ok(AuditFilter { actor: self.actor, action: self.action, target: self.target })
    }
}

impl From<AuditRecord> for RecordView {
    fn from(record: AuditRecord) -> Self {
        let AuditRecord { sequence, at_ms, actor, action, target, detail, hash } = record;
        let detail = serde_json::from_str(&detail).unwrap_or_else(|_| Value::String(detail.into()));
        Self { sequence, at: written(at_ms), actor, action, target, detail, hash: hex::text(&hash) }
    }
}

fn known(text: &str) -> Option<KnownRecord> {
    let (sequence, hash) = text.split_once(':')?;
    Some(KnownRecord { sequence: sequence.parse().ok()?, hash: hex::parse(hash)? })
}
