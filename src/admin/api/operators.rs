//! Those who manage keys: list, create, revoke.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::State,
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, SecondsFormat};
use serde::Serialize;

use super::{
    Api,
    apps::PageWanted,
    body::{Json, Perhaps},
    head::{By, Id, Making},
    keys::replayed,
    problem::{Kind, Problem},
    query,
    steps::Nothing,
};
use crate::{
    admin::{Asked, NewOperator, Shown},
    keystore::{Operator, Role},
};

/// An operator as one is shown: without the digest of the token.
#[derive(Serialize)]
pub(super) struct OperatorView {
    id: Box<str>,
    name: Box<str>,
    role: &'static str,
    created_at: String,
    expires_at: Option<String>,
    revoked: bool,
}

#[derive(Serialize)]
struct CreatedView {
    operator: OperatorView,
    token: Option<Shown>,
    repeated: bool,
}

pub(super) async fn list(State(api): State<Arc<Api>>, By(by): By, uri: Uri) -> Result<Response, Problem> {
    let wanted: PageWanted = query::read(&uri)?;
    wanted.check()?;
    let mut operators: Vec<_> = api.manager.operators(&by).await?.into_iter().map(OperatorView::from).collect();
    operators.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    Ok(Answer(wanted.of(operators, |operator| &operator.id)?).into_response())
}

pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Making(asked): Making,
    Json(wanted): Json<NewOperator>,
) -> Result<Response, Problem> {
    if Role::named(&wanted.role).is_none() {
        return Err(Problem::at(Kind::Invalid, "role", format!("must be one of `{}`", Role::ALL.map(Role::name).join("`, `"))));
    }
    let created = api.manager.create_operator(wanted, &asked).await?;
    let view = CreatedView { operator: created.operator.into(), token: created.token, repeated: created.repeated };
    Ok((StatusCode::CREATED, replayed(view.repeated), Answer(view)).into_response())
}

pub(super) async fn revoke(
    State(api): State<Arc<Api>>,
    By(by): By,
    Id(id): Id,
    Perhaps(Nothing {}): Perhaps<Nothing>,
) -> Result<StatusCode, Problem> {
    api.manager.revoke_operator(&id, &Asked { by, if_version: None, once: None }).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<Operator> for OperatorView {
    fn from(operator: Operator) -> Self {
        let Operator { id, name, role, created_at_ms, expires_at_ms, revoked, digest: _ } = operator;
        let expires_at = (expires_at_ms != i64::MAX).then(|| written(expires_at_ms));
        Self { id, name, role: role.name(), created_at: written(created_at_ms), expires_at, revoked }
    }
}

/// A moment in Unix milliseconds, as RFC 3339 has it.
pub(super) fn written(unix_ms: i64) -> String {
    DateTime::from_timestamp_millis(unix_ms).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}
