//! The management API, `/v1`: each route is a thin translation between HTTP and [`Managing`], or, for what is live, [`Governed`].
//!
//! - `endpoint` is the table of calls: who may make which. A route that is not in it is reached by nobody.
//! - `guard` stands before every call: where it came from (`origin`), who asks, whether they may; and has refusals remembered.
//! - `query`, `head` and `body` read a request, each with one reading; `problem` and `failure` are every error.
//! - `keys`, `steps`, `apps`, `audit`, `operators`, `usage`, `live` and `about` are the calls, by their matter.
//! - `openapi` describes all of it, and `serve` is the listener.
//!
//! Knows HTTP and JSON; what the fields of a key mean, where keys are kept and who is whom is for [`Managing`] to say.

mod about;
mod apps;
mod audit;
mod body;
mod endpoint;
mod failure;
mod guard;
mod guesses;
mod head;
mod keys;
mod live;
mod openapi;
mod operators;
mod origin;
mod patient;
mod problem;
mod query;
mod serve;
mod snapshot;
mod span;
mod steps;
mod strict;
mod usage;

use std::sync::Arc;

use axum::{
    Router,
    middleware::from_fn_with_state,
    response::IntoResponse as _,
    routing::{get, post},
};
use tokio::sync::Semaphore;

use self::{
    guard::Door,
    guesses::Guesses,
    problem::{Kind, Problem},
};
use super::{CONSOLE, Governed, Managing};

pub use self::{
    openapi::document as openapi_document,
    origin::Hosts,
    serve::{Admin, serve_admin},
};

/// Streams of decisions and of audit records at once: each holds a connection for as long as its reader likes.
const MAX_STREAMS: usize = 16;
/// Gates that follow at once, and snapshots that are read.
const MAX_FOLLOWERS: usize = 512;

/// What calls are made of.
struct Api {
    manager: Arc<dyn Managing>,
    /// `None` where a command manages the keys of a store that no gate serves.
    gate: Option<Arc<dyn Governed>>,
    door: Door,
    streams: Arc<Semaphore>,
    followers: Arc<Semaphore>,
}

impl Api {
    fn new(manager: Arc<dyn Managing>, gate: Option<Arc<dyn Governed>>, door: Door) -> Self {
        let places = |most| Arc::new(Semaphore::new(most));
        Self { manager, gate, door, streams: places(MAX_STREAMS), followers: places(MAX_FOLLOWERS) }
    }
}

/// The routes for the network: whoever asks must have a token, and may be no page of another site. With the console.
///
/// # Errors
/// If there is no counting wrong tokens.
fn network_routes(manager: Arc<dyn Managing>, gate: Arc<dyn Governed>, hosts: Hosts) -> Result<Router, &'static str> {
    let door = Door::Network { hosts, guesses: Box::new(Guesses::new()?) };
    Ok(routes(Api::new(manager, Some(gate), door)))
}

/// The routes for the control socket, to stand beside its own: whoever can open it may do everything.
pub(super) fn local_routes(manager: Arc<dyn Managing>, gate: Arc<dyn Governed>) -> Router {
    routes(Api::new(manager, Some(gate), Door::Local { offline: false }))
}

/// The routes for this process itself, where no gate runs: everything is allowed to its user, who could write the store as well.
pub fn offline_routes(manager: Arc<dyn Managing>) -> Router {
    routes(Api::new(manager, None, Door::Local { offline: true }))
}

fn routes(api: Api) -> Router {
    let api = Arc::new(api);
    let mut routes = Router::new()
        .route("/v1/keys", get(keys::list).post(keys::create))
        .route("/v1/keys/{id}", get(keys::show).patch(keys::update))
        .route("/v1/keys/{id}/disable", post(steps::disable))
        .route("/v1/keys/{id}/enable", post(steps::enable))
        .route("/v1/keys/{id}/rotate", post(steps::rotate))
        .route("/v1/keys/{id}/revoke", post(steps::revoke))
        .route("/v1/keys/{id}/usage", get(usage::show))
        .route("/v1/usage", get(usage::list))
        .route("/v1/apps", get(apps::list).post(apps::create))
        .route("/v1/audit", get(audit::list))
        .route("/v1/audit/export", get(audit::export))
        .route("/v1/audit/verify", get(audit::verify))
        .route("/v1/connections", get(live::connections))
        .route("/v1/connections/cut", post(live::cut))
        .route("/v1/decisions", get(live::decisions))
        .route("/v1/explain", post(about::explain))
        .route("/v1/whoami", get(about::whoami))
        .route("/v1/snapshot", get(snapshot::snapshot))
        .route("/v1/snapshot/events", get(snapshot::events))
        .route("/v1/snapshot/key", get(snapshot::key))
        .route("/v1/snapshot/reports", post(snapshot::report))
        .route("/v1/snapshot/usage", post(snapshot::usage))
        .route("/v1/gates", get(snapshot::gates))
        .route("/v1/gates/{id}/forget", post(snapshot::forget))
        .route("/v1/operators", get(operators::list).post(operators::create))
        .route("/v1/operators/{id}/revoke", post(operators::revoke))
        .route(problem::TABLE_PATH, get(about::problems))
        .route(openapi::PATH, get(about::openapi));
    if matches!(api.door, Door::Network { .. }) {
        for asset in CONSOLE {
            routes = routes.route(asset.path, get(move || about::asset(asset)));
        }
    }
    // Behind the guard nobody comes here: it knows every path and method.
    let routes = routes.fallback(|| async { Problem::from(Kind::NoRoute).into_response() });
    routes.layer(from_fn_with_state(Arc::clone(&api), guard::guard)).with_state(api)
}

/// What anybody may read without a token: the description of the API, its problems, and the console's files, which hold no secrets.
fn is_public(path: &str) -> bool {
    [problem::TABLE_PATH, openapi::PATH].contains(&path) || CONSOLE.iter().any(|asset| asset.path == path)
}
