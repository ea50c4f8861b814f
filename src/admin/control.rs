//! The control socket's requests, HTTP over a Unix socket, so that `curl --unix-socket` works as well as `keygate`:
//!
//! - `POST /drain?wait_ms=N`: begin to drain, wait for streams to end → `{"remaining": n}`
//! - `POST /reload`: read configuration and keys again → `{"generation": n}`, or 422 with what is wrong
//! - `GET /connections?limit=N`, with `after=ID` (the `next` of the page before), and `key=ID`, `app=NAME`,
//!   `transport=websocket|sse|http`, `peer=CIDR`, `older_than_ms=N` and `earlier_secret=true` where only those are looked for → [`super::Connections`], at most
//!   [`super::MAX_PAGE`]; with `by=key|app|peer`, without `after` → [`super::Groups`]
//! - `POST /connections/cut`, as JSON `{"id": N}`, `{"key": ID}`, `{"peer": CIDR}` or `{"all": true}`, with `"transport"` where only that
//!   kind is meant, and `"wait_ms": N`: tell them to end, wait for it → `{"cut": n, "remaining": n}`, and of a key whether it is `known`
//! - `POST /block`, as JSON `{"key": ID}` or `{"ip": CIDR}`, with `"for_ms": N` and `"reason": TEXT` where wanted: shut out, cut, keep →
//!   the block with `cut` (streams ended), `kept` and why not (`error`), and of a key whether it is `known`
//! - `POST /unblock`, as JSON `{"key": ID}` or `{"ip": CIDR}`: lift the block of just that → the block with `kept`
//! - `GET /blocks` → `{"blocks": […]}`, each with `key` or `ip`, `since`, `until` (`null`: until lifted) and `reason`
//! - `PUT /log-level?level=…`: set the level of diagnostics
//! - `/v1/…`, where this gate manages keys: the management API, without a token ([`super::api`])
//! - `POST /upgrade`: hand the listening sockets over to another process ([`super::handover`])

use std::{io, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    routing::{any, get, post, put},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    ControlSocket, Governed, Managing, api,
    blocks::{self, Asker},
    connections, cut, handover,
};

type Gate = State<Arc<dyn Governed>>;

/// Serves the control socket until the process ends; where this gate manages keys, with the management API beside its own requests.
///
/// # Errors
/// The system's.
pub async fn serve_control(socket: ControlSocket, gate: Arc<dyn Governed>, manager: Option<Arc<dyn Managing>>) -> io::Result<()> {
    let managed = manager.map(|manager| api::local_routes(manager, Arc::clone(&gate)));
    let turn = handover::Turn::new(Arc::clone(&gate), Arc::clone(socket.place()));
    let upgrade = Router::new().route("/upgrade", post(handover::upgrade)).with_state(turn);
    let routes = Router::new()
        .route("/drain", post(drain))
        .route("/reload", post(reload))
        .route("/connections", get(connections::connections))
        .route("/connections/cut", post(cut::cut))
        .route("/block", post(blocks::block))
        .route("/unblock", post(blocks::unblock))
        .route("/blocks", get(blocks::blocks))
        .route("/log-level", put(log_level))
        .with_state(gate)
        .merge(upgrade)
        .merge(managed.unwrap_or_else(|| Router::new().route("/v1/{*call}", any(managed_elsewhere))));
    axum::serve(socket, routes.into_make_service_with_connect_info::<Asker>()).await
}

/// Where keys come from a file or from another gate.
async fn managed_elsewhere() -> (StatusCode, Json<Value>) {
    let error = "no keys are managed here: they come from a file, which somebody else writes, or from another gate, where they are managed \
                 (`--url`)";
    (StatusCode::CONFLICT, Json(json!({ "error": error })))
}

#[derive(Deserialize)]
struct Wait {
    #[serde(default)]
    wait_ms: u64,
}

async fn drain(State(gate): Gate, Query(Wait { wait_ms }): Query<Wait>) -> Json<Value> {
    Json(json!({ "remaining": gate.drain(Duration::from_millis(wait_ms)).await }))
}

async fn reload(State(gate): Gate) -> (StatusCode, Json<Value>) {
    match gate.reload().await {
        Ok(generation) => (StatusCode::OK, Json(json!({ "generation": generation }))),
        Err(problems) => (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": problems }))),
    }
}

#[derive(Deserialize)]
struct Level {
    level: String,
}

async fn log_level(State(gate): Gate, Query(Level { level }): Query<Level>) -> (StatusCode, Json<Value>) {
    match gate.set_log_level(&level) {
        Ok(()) => (StatusCode::OK, Json(json!({ "level": level }))),
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": error }))),
    }
}
