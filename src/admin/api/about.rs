//! What the API says of itself and of whoever asks: `whoami`, `explain`, its problems, and the console's files.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::State,
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    Api,
    body::Json,
    head::By,
    live, openapi,
    operators::written,
    problem::{self, Kind, Problem},
};
use crate::admin::{Asset, CONSOLE_POLICY, Described, Reach};

pub(super) async fn whoami(By(by): By) -> Response {
    let mut told = json!({ "actor": by.actor, "name": by.name });
    match by.reach {
        Reach::Role(role) => told["role"] = json!(role.name()),
        Reach::App { app, environment, capabilities, until_ms } => {
            told["role"] = json!("app");
            told["app"] = json!(app);
            told["environment"] = json!(environment);
            told["capabilities"] = serde_json::from_str(capabilities.canonical()).unwrap_or_default();
            told["expires_at"] = json!((until_ms != i64::MAX).then(|| written(until_ms)));
        }
    }
    Answer(told).into_response()
}

pub(super) async fn explain(
    State(api): State<Arc<Api>>,
    By(by): By,
    Json(request): Json<Described>,
) -> Result<Response, Problem> {
    live::gate(&api)?;
    let problems = request.problems();
    if !problems.is_empty() {
        return Err(Problem::of(Kind::Invalid, problems));
    }
    Ok(Answer(api.manager.explain(request, &by).await?).into_response())
}

pub(super) async fn openapi() -> Answer<Value> {
    Answer(openapi::document())
}

pub(super) async fn problems() -> Answer<Value> {
    Answer(problem::table())
}

/// A file of the console. Asked for anew each time: after an update the page and its scripts belong together.
pub(super) async fn asset(asset: &'static Asset) -> Response {
    let headers = [(CONTENT_TYPE, asset.content_type), (CONTENT_SECURITY_POLICY, CONSOLE_POLICY), (CACHE_CONTROL, "no-cache")];
    (headers, asset.bytes).into_response()
}
