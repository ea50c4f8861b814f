//! Keys: list, create, show, update.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::State,
    http::{
        HeaderMap, HeaderName, StatusCode, Uri,
        header::{ETAG, LOCATION},
    },
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value};

use super::{
    Api,
    body::Json,
    head::{self, By, Changing, IDEMPOTENCY_REPLAYED, Id, Making},
    problem::Problem,
    query,
};
use crate::{
    admin::{Created, KeyView, KeysWanted},
    gate::{
        credential::{Environment, Kind},
        keys,
    },
};

/// The longest text that is looked for, in characters.
const MAX_TEXT_CHARS: usize = 200;

pub(super) async fn list(State(api): State<Arc<Api>>, By(by): By, uri: Uri) -> Result<Response, Problem> {
    Ok(Answer(api.manager.keys(wanted(&uri)?, &by).await?).into_response())
}

pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Making(asked): Making,
    Json(fields): Json<Map<String, Value>>,
) -> Result<Response, Problem> {
    let created = api.manager.create_key(fields, &asked).await?;
    let id = created.key.fields.get("id").and_then(Value::as_str).unwrap_or_default();
    let headers = [(LOCATION, format!("/v1/keys/{id}")), (ETAG, head::etag(created.key.version))];
    Ok((StatusCode::CREATED, headers, replayed(created.repeated), Answer::<Created>(created)).into_response())
}

/// The `ETag` is that of what can be changed. What the gate sees by itself, such as the number of connections, has none.
pub(super) async fn show(State(api): State<Arc<Api>>, By(by): By, Id(id): Id, headers: HeaderMap) -> Result<Response, Problem> {
    let key = api.manager.key(&id, &by).await?;
    if head::has(&headers, &head::etag(key.version)) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, head::etag(key.version))]).into_response());
    }
    Ok(shown(key))
}

pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Changing(asked): Changing,
    Id(id): Id,
    Json(fields): Json<Map<String, Value>>,
) -> Result<Response, Problem> {
    Ok(shown(api.manager.update_key(&id, fields, &asked).await?))
}

/// Which keys are meant: for keys and for their usage.
pub(super) fn wanted(uri: &Uri) -> Result<KeysWanted, Problem> {
    let wanted: KeysWanted = query::read(uri)?;
    query::one_of("kind", wanted.kind.as_deref(), &Kind::ALL.map(Kind::name))?;
    query::one_of("environment", wanted.environment.as_deref(), &Environment::ALL.map(Environment::name))?;
    query::one_of("state", wanted.state.as_deref(), &keys::State::ALL.map(keys::State::name))?;
    query::text("q", wanted.q.as_deref(), MAX_TEXT_CHARS)?;
    for (name, value) in [("app", &wanted.app), ("cursor", &wanted.cursor)] {
        query::name(name, value.as_deref())?;
    }
    let limit = Some(query::limit(wanted.limit)?);
    Ok(KeysWanted { limit, ..wanted })
}

/// Says of an answer that it is about what was done before.
pub(super) fn replayed(repeated: bool) -> Option<[(HeaderName, &'static str); 1]> {
    repeated.then_some([(IDEMPOTENCY_REPLAYED, "true")])
}

fn shown(key: KeyView) -> Response {
    ([(ETAG, head::etag(key.version))], Answer(key)).into_response()
}
