//! The status listener, for the kubelet and Prometheus. Read-only, without keys, on an address of its own:
//!
//! - `/livez`: the process runs. Nothing else is asked: a gate must not be killed because its backend is down.
//! - `/startupz`: keys are loaded, or nobody would answer here: the gate listens once it has them.
//! - `/readyz`: keys are loaded and the gate does not drain.
//! - `/metrics`: the Prometheus text format.

use std::{io, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};

use super::Governed;

/// Connections at once: the listener is open to the pod's network and must not use up the descriptors that clients need.
const MAX_CONNECTIONS: usize = 64;
/// How long a request's head may take; twice that, the whole exchange.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long accepting rests when the process has no descriptor left.
const REST: Duration = Duration::from_millis(50);

/// Serves the status of `gate` until `end` is ready.
///
/// # Errors
/// The system's.
pub async fn serve_status(listener: Arc<TcpListener>, gate: Arc<dyn Governed>, end: impl Future<Output = ()>) -> io::Result<()> {
    tokio::pin!(end);
    let routes = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/startupz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(gate);
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut end => return Ok(()),
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(REST).await;
            continue;
        };
        let routes = TowerToHyperService::new(routes.clone());
        tokio::spawn(async move {
            let mut http = http1::Builder::new();
            http.keep_alive(false).timer(TokioTimer::new()).header_read_timeout(PATIENCE);
            // Whoever asks and does not listen has nothing to be told.
            let _ = timeout(2 * PATIENCE, http.serve_connection(TokioIo::new(stream), routes)).await;
            drop(place);
        });
    }
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
