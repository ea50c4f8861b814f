//! What is live: connections, cutting them, and decisions as they are made.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json as Answer,
    body::{Body, Bytes},
    extract::State,
    http::{Uri, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use futures_util::{Stream, stream};
use serde_json::json;
use tokio::{
    sync::{OwnedSemaphorePermit, broadcast},
    time::timeout,
};

use super::{
    Api,
    body::Json,
    head::By,
    problem::{Kind, Problem},
    query,
};
use crate::admin::{Asker, Governed, connections, cut};

/// How often something is said on a stream where nothing happens: whoever is gone is noticed, and no proxy takes it for dead.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// As on the control socket.
pub(super) async fn connections(State(api): State<Arc<Api>>, uri: Uri) -> Result<Response, Problem> {
    let told = connections::told(gate(&api)?, query::read(&uri)?);
    told.map(|told| Answer(told).into_response()).map_err(|why| named(Kind::BadQuery, &why))
}

/// As on the control socket, and remembered before it is done.
pub(super) async fn cut(State(api): State<Arc<Api>>, By(by): By, Json(body): Json<cut::Body>) -> Result<Response, Problem> {
    let detail = json!(&body);
    let wanted = body.wanted().map_err(|why| named(Kind::Invalid, &why))?;
    let gate = gate(&api)?;
    api.manager.note("connection.cut", "connections", detail, &by).await?;
    let nobody = if wanted.filter.id.is_some() { Kind::NotFound } else { Kind::Invalid };
    let severed = gate.cut(wanted, Asker { uid: None }).await;
    severed.map(|severed| Answer(severed).into_response()).map_err(|why| named(nobody, &why))
}

/// Server-sent events (WHATWG HTML, section 9.2): `decision` with one as JSON, and `missed` with how many were, for whoever does not keep up.
pub(super) async fn decisions(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    let place = Arc::clone(&api.streams).try_acquire_owned().map_err(|_| Problem::from(Kind::Busy).after(10))?;
    let following = Following { decisions: api.manager.decisions(), _place: place };
    Ok(([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(events(following))).into_response())
}

/// The gate, which a command that works on a store by itself has not.
pub(super) fn gate(api: &Api) -> Result<&dyn Governed, Problem> {
    api.gate.as_deref().ok_or_else(|| Kind::NoGate.into())
}

struct Following {
    decisions: broadcast::Receiver<Arc<str>>,
    _place: OwnedSemaphorePermit,
}

fn events(following: Following) -> impl Stream<Item = Result<Bytes, Infallible>> {
    // What is said at once tells the client that it is heard.
    let begun = stream::once(async { Ok(Bytes::from_static(b":\n\n")) });
    let rest = stream::unfold(following, |mut following| async move {
        let text = match timeout(SIGN_OF_LIFE, following.decisions.recv()).await {
            Ok(Ok(decision)) => event("decision", &decision),
            Ok(Err(broadcast::error::RecvError::Lagged(missed))) => event("missed", &missed.to_string()),
            Ok(Err(broadcast::error::RecvError::Closed)) => return None,
            Err(_) => ":\n\n".to_owned(),
        };
        Some((Ok(Bytes::from(text)), following))
    });
    futures_util::StreamExt::chain(begun, rest)
}

fn event(name: &str, data: &str) -> String {
    let lines: String = data.lines().map(|line| format!("data: {line}\n")).collect();
    format!("event: {name}\n{lines}\n")
}

/// What is wrong, with the name of the field where the message begins with one.
fn named(kind: Kind, why: &str) -> Problem {
    let is_name = |name: &&str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    match why.split_once(": ").filter(|(name, _)| is_name(name)) {
        Some((name, message)) if kind != Kind::NotFound => Problem::at(kind, name, message),
        _ if kind == Kind::NotFound => Problem::new(kind, why),
        _ => Problem::at(kind, "", why),
    }
}
