//! What happens to a key: disable, enable, rotate, revoke.

use std::{sync::Arc, time::Duration};

use axum::{
    Json as Answer,
    extract::State,
    http::header::ETAG,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{
    Api,
    body::Perhaps,
    head::{self, Changing, Id},
    keys::replayed,
    problem::{Kind, Problem},
    span,
};
use crate::{
    admin::{Asked, MAX_CUT_WAIT, Stepping},
    gate::keys::MAX_GRACE_MS,
};

/// Nothing is to be said.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// The body of a rotation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    grace: Option<String>,
}

/// The body of a revocation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Revocation {
    wait: Option<String>,
}

pub(super) async fn disable(
    State(api): State<Arc<Api>>,
    Changing(asked): Changing,
    Id(id): Id,
    Perhaps(Nothing {}): Perhaps<Nothing>,
) -> Result<Response, Problem> {
    step(&api, &id, Stepping::Disable, &Asked { once: None, ..asked }).await
}

pub(super) async fn enable(
    State(api): State<Arc<Api>>,
    Changing(asked): Changing,
    Id(id): Id,
    Perhaps(Nothing {}): Perhaps<Nothing>,
) -> Result<Response, Problem> {
    step(&api, &id, Stepping::Enable, &Asked { once: None, ..asked }).await
}

pub(super) async fn rotate(
    State(api): State<Arc<Api>>,
    Changing(asked): Changing,
    Id(id): Id,
    Perhaps(Rotation { grace }): Perhaps<Rotation>,
) -> Result<Response, Problem> {
    let longest = Duration::from_millis(MAX_GRACE_MS.unsigned_abs());
    let grace = grace.map(|text| length("grace", &text, longest, "30d")).transpose()?;
    step(&api, &id, Stepping::Rotate(grace), &asked).await
}

pub(super) async fn revoke(
    State(api): State<Arc<Api>>,
    Changing(asked): Changing,
    Id(id): Id,
    Perhaps(Revocation { wait }): Perhaps<Revocation>,
) -> Result<Response, Problem> {
    let wait = wait.map(|text| length("wait", &text, MAX_CUT_WAIT, "60s")).transpose()?.unwrap_or_default();
    step(&api, &id, Stepping::Revoke(wait), &Asked { once: None, ..asked }).await
}

async fn step(api: &Api, id: &str, step: Stepping, asked: &Asked) -> Result<Response, Problem> {
    let stepped = api.manager.step(id, step, asked).await?;
    Ok(([(ETAG, head::etag(stepped.key.version))], replayed(stepped.repeated), Answer(stepped)).into_response())
}

fn length(field: &str, text: &str, longest: Duration, told: &str) -> Result<Duration, Problem> {
    span::parse(text).filter(|length| *length <= longest).ok_or_else(|| {
        Problem::at(Kind::Invalid, field, format!("must be a length of time up to {told}, such as `0`, `500ms`, `30s` or `1h`"))
    })
}
