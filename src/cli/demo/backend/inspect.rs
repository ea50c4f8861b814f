//! `ANY /inspect`: the request as it arrived, to see what a gate takes out, puts in and leaves alone.

use axum::{Json, body::Body, http::Request};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

/// Headers come as pairs, in order and with repetitions; their names are in lower case, for hyper keeps no other.
/// The body is counted and not kept, so it may be of any length; `body_complete` is whether it ended as its framing says.
pub(super) async fn inspect(request: Request<Body>) -> Json<Value> {
    let (head, body) = request.into_parts();
    let headers: Vec<_> =
        head.headers.iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()))).collect();

    let mut chunks = body.into_data_stream();
    let (mut body_bytes, mut body_complete) = (0, true);
    while let Some(chunk) = chunks.next().await {
        match chunk {
            Ok(chunk) => body_bytes += chunk.len(),
            Err(_) => body_complete = false,
        }
    }
    Json(json!({
        "method": head.method.as_str(),
        "path": head.uri.path(),
        "query": head.uri.query(),
        "headers": headers,
        "body_bytes": body_bytes,
        "body_complete": body_complete,
    }))
}
