//! The status listener, for the kubelet and Prometheus. Read-only, without keys, on an address of its own:
//!
//! - `/livez`: the process runs. Nothing else is asked: a gate must not be killed because its backend is down.
//! - `/startupz`: keys are loaded.
//! - `/readyz`: keys are loaded and the gate does not drain.
//! - `/metrics`: the Prometheus text format.

use std::{io, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;

use super::Governed;

/// Serves the status of `gate` until the process ends.
///
/// # Errors
/// The system's.
pub async fn serve_status(listener: TcpListener, gate: Arc<dyn Governed>) -> io::Result<()> {
    let routes = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/startupz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(gate);
    axum::serve(listener, routes).await
}

async fn ready(State(gate): State<Arc<dyn Governed>>) -> Response {
    match gate.ready() {
        Ok(()) => "ok\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn metrics(State(gate): State<Arc<dyn Governed>>) -> Response {
    match gate.metrics() {
        Ok(text) => ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error).into_response(),
    }
}
