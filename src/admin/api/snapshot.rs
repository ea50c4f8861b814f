//! Keys for the gates that follow this one, and what they tell of them: see [`Leading`].

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json as Answer,
    body::{Body, Bytes},
    extract::State,
    http::{
        HeaderMap, StatusCode, Uri,
        header::{CONTENT_TYPE, ETAG},
    },
    response::{IntoResponse, Response},
};
use futures_util::{Stream, stream};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::{
    Api,
    apps::PageWanted,
    body::{Json, Perhaps},
    head::{self, By, Id},
    problem::{Kind, Problem},
    query,
    steps::Nothing,
};
use crate::{
    admin::{Followed, Joining, Leading, Report, ToldUsage},
    gate::credential::hex,
    keystore::{Checkpoint, Version},
};

/// Keys in one report.
const MAX_KEYS: usize = 200;
/// The longest name, nonce or instance, in characters.
const MAX_WORD: usize = 64;
/// A gate that says less would ask all the time, and one that says more, hardly ever.
const MAX_STALE_MS: std::ops::RangeInclusive<u64> = 1000..=86_400_000;

#[derive(Deserialize)]
pub(super) struct Asked {
    nonce: Option<String>,
    #[serde(default)]
    after: u64,
}

#[derive(Deserialize)]
struct Following {
    nonce: String,
    instance: String,
    name: String,
    epoch: u64,
    after: u64,
    hash: String,
    max_stale_ms: u64,
}

/// All keys as a parcel, with their version as the `ETag`.
pub(super) async fn snapshot(State(api): State<Arc<Api>>, By(by): By, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let Asked { nonce, after } = query::read(&uri)?;
    query::number("after", Some(after))?;
    if let Some(nonce) = &nonce {
        word(Kind::BadQuery, "nonce", nonce)?;
    }
    let nonce = nonce.unwrap_or_default();
    let leader = leader(&api)?;
    let tag = tag(leader.version().await?);
    if head::has(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response());
    }
    let place = place(&api)?;
    let pieces = Pieces { pieces: leader.snapshot(&nonce, after, &by).await?, _place: place };
    let body = Body::from_stream(stream::unfold(pieces, |mut pieces| async move {
        let piece = pieces.pieces.recv().await?;
        Some((piece, pieces))
    }));
    // Its version may be a later one already than what was asked a moment ago: that is said inside, under the signature.
    Ok(([(CONTENT_TYPE, "application/jsonl".to_owned()), (ETAG, tag)], body).into_response())
}

/// Server-sent events (WHATWG HTML, section 9.2): `changes` with a parcel and its version as the id, from behind the version of whoever asks;
/// at once, whenever there are some, and also without any, as a sign of life. Or `end`, with a parcel that says why no changes lead on from there.
pub(super) async fn events(State(api): State<Arc<Api>>, By(by): By, uri: Uri) -> Result<Response, Problem> {
    let Following { nonce, instance, name, epoch, after, hash, max_stale_ms } = query::read(&uri)?;
    for (field, text) in [("nonce", &nonce), ("instance", &instance), ("name", &name)] {
        word(Kind::BadQuery, field, text)?;
    }
    query::number("epoch", Some(epoch))?;
    query::number("after", Some(after))?;
    if !MAX_STALE_MS.contains(&max_stale_ms) {
        return Err(Problem::at(Kind::BadQuery, "max_stale_ms", "must be from a second to a day"));
    }
    let hash = hex::parse(&hash).ok_or_else(|| Problem::at(Kind::BadQuery, "hash", "must be 64 hexadecimal digits"))?;
    let joining = Joining {
        instance: instance.into(),
        name: name.into(),
        nonce: nonce.into(),
        at: Checkpoint { version: Version { epoch, sequence: after }, hash },
        max_stale: Duration::from_millis(max_stale_ms),
    };
    let place = place(&api)?;
    let told = Told { said: leader(&api)?.follow(joining, &by).await?, _place: place };
    Ok(([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(written(told))).into_response())
}

/// How far a gate has come.
pub(super) async fn report(State(api): State<Arc<Api>>, By(by): By, Json(report): Json<Report>) -> Result<StatusCode, Problem> {
    word(Kind::Invalid, "instance", &report.instance)?;
    if report.ended.len() > MAX_KEYS {
        return Err(Problem::at(Kind::Invalid, "ended", format!("must be {MAX_KEYS} keys at most")));
    }
    leader(&api)?.report(report, &by).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What keys have done at a gate.
pub(super) async fn usage(State(api): State<Arc<Api>>, By(by): By, Json(told): Json<ToldUsage>) -> Result<StatusCode, Problem> {
    word(Kind::Invalid, "instance", &told.instance)?;
    leader(&api)?.take_usage(told, &by).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the signatures of parcels are checked with.
pub(super) async fn key(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    Ok(Answer(json!({ "verify": leader(&api)?.verify_key().to_string() })).into_response())
}

/// The gates that follow.
pub(super) async fn gates(State(api): State<Arc<Api>>, uri: Uri) -> Result<Response, Problem> {
    let wanted: PageWanted = query::read(&uri)?;
    wanted.check()?;
    let mut gates = leader(&api)?.gates();
    gates.sort_unstable_by(|one, other| one.instance.cmp(&other.instance));
    Ok(Answer(wanted.of(gates, |gate| &gate.instance)?).into_response())
}

/// A gate that runs no more is waited for no longer.
pub(super) async fn forget(
    State(api): State<Arc<Api>>,
    By(by): By,
    Id(instance): Id,
    Perhaps(Nothing {}): Perhaps<Nothing>,
) -> Result<StatusCode, Problem> {
    leader(&api)?.forget(&instance, &by).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn leader(api: &Api) -> Result<&dyn Leading, Problem> {
    api.manager.leading().ok_or_else(|| Kind::NoGate.into())
}

fn place(api: &Api) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(&api.followers).try_acquire_owned().map_err(|_| Problem::from(Kind::Busy).after(10))
}

fn tag(Version { epoch, sequence }: Version) -> String {
    format!("\"{epoch}.{sequence}\"")
}

fn word(kind: Kind, field: &str, text: &str) -> Result<(), Problem> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if (1..=MAX_WORD).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(());
    }
    Err(Problem::at(kind, field, format!("must be 1 to {MAX_WORD} of A-Z, a-z, 0-9, `_`, `-` and `.`")))
}

struct Pieces {
    pieces: mpsc::Receiver<std::io::Result<Bytes>>,
    _place: OwnedSemaphorePermit,
}

struct Told {
    said: mpsc::Receiver<Followed>,
    _place: OwnedSemaphorePermit,
}

fn written(told: Told) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(told, |mut told| async move {
        let (name, Version { epoch, sequence }, parcel) = match told.said.recv().await? {
            Followed::Changes(version, parcel) => ("changes", version, parcel),
            Followed::End(version, parcel) => ("end", version, parcel),
        };
        let lines: String = parcel.lines().map(|line| format!("data: {line}\n")).collect();
        Some((Ok(Bytes::from(format!("event: {name}\nid: {epoch}.{sequence}\n{lines}\n"))), told))
    })
}
