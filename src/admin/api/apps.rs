//! Applications: list and create.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::State,
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    Api,
    body::Json,
    head::{By, Making},
    keys::replayed,
    problem::Problem,
    query,
};
use crate::admin::{AppView, Created, NewApp, Page};

/// An application that was made, with its first keys.
#[derive(Serialize)]
struct CreatedApp {
    app: AppView,
    keys: Vec<Created>,
    repeated: bool,
}

/// Which part of a list in the order of ids.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageWanted {
    cursor: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn list(State(api): State<Arc<Api>>, By(by): By, uri: Uri) -> Result<Response, Problem> {
    let wanted: PageWanted = query::read(&uri)?;
    wanted.check()?;
    Ok(Answer(wanted.of(api.manager.apps(&by).await?, |app| &app.id)?).into_response())
}

pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Making(asked): Making,
    Json(wanted): Json<NewApp>,
) -> Result<Response, Problem> {
    let (app, keys) = api.manager.create_app(wanted, &asked).await?;
    let repeated = keys.iter().any(|created| created.repeated);
    Ok((StatusCode::CREATED, replayed(repeated), Answer(CreatedApp { app, keys, repeated })).into_response())
}

impl PageWanted {
    /// # Errors
    /// If there is no such part.
    pub fn check(&self) -> Result<(), Problem> {
        query::name("cursor", self.cursor.as_deref())?;
        query::limit(self.limit).map(drop)
    }

    /// The part, of a list that is in the order of its ids.
    ///
    /// # Errors
    /// As [`PageWanted::check`].
    pub fn of<T>(&self, all: Vec<T>, id: impl Fn(&T) -> &str) -> Result<Page<T>, Problem> {
        let limit = query::limit(self.limit)?;
        let is_behind = |one: &T| self.cursor.as_deref().is_none_or(|cursor| id(one) > cursor);
        let mut items: Vec<_> = all.into_iter().filter(is_behind).take(limit + 1).collect();
        let is_last = items.len() <= limit;
        items.truncate(limit);
        let next = items.last().filter(|_| !is_last).map(|last| id(last).to_owned());
        Ok(Page { items, next })
    }
}
