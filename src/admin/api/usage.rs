//! What keys have done.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
};

use super::{
    Api,
    head::{By, Id},
    keys,
    problem::Problem,
};

pub(super) async fn list(State(api): State<Arc<Api>>, By(by): By, uri: Uri) -> Result<Response, Problem> {
    Ok(Answer(api.manager.usage(keys::wanted(&uri)?, &by).await?).into_response())
}

pub(super) async fn show(State(api): State<Arc<Api>>, By(by): By, Id(id): Id) -> Result<Response, Problem> {
    Ok(Answer(api.manager.key_usage(&id, &by).await?).into_response())
}
