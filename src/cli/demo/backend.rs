//! The demo's backend: a small realtime server that knows nothing of keys, as the backends behind a real gate do.
//!
//! | route | what it does |
//! |---|---|
//! | `GET /` | says what this is |
//! | `GET /connection/websocket?channel=…` | WebSocket: a place in the room |
//! | `GET /events?channel=…` | server-sent events: the same, to read only |
//! | `POST /realtime` | publishes `{"channel", "message"}` to a room |
//! | `GET /echo` | WebSocket: every frame back |
//! | `ANY /inspect` | the request as it arrived |
//!
//! It must not know the gate's types: what it learns of a client it learns from the request, like anybody's backend.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequestParts, Query, State, rejection::BytesRejection},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
    routing::{any, get, post},
    serve::ListenerExt,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::rooms::{Channel, Member, Rooms};

mod echo;
mod events;
mod inspect;
mod page;
mod rights;
mod socket;

pub use page::page;

/// The longest frame or body that can be published.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// The backend, with no rooms yet.
pub fn router() -> Router {
    Router::new()
        .route("/", get(about))
        .route("/connection/websocket", get(socket::join))
        .route("/events", get(events::join))
        .route("/realtime", post(publish).layer(DefaultBodyLimit::max(MAX_MESSAGE_BYTES)))
        .route("/echo", get(echo::echo))
        .route("/inspect", any(inspect::inspect))
        .with_state(Rooms::default())
}

/// Serves for as long as it is polled. Open WebSockets are tasks of their own and live on as long as the runtime.
pub async fn serve(listener: TcpListener, router: Router) -> std::io::Result<()> {
    // Messages are small and sent one by one: waiting to fill a segment would only delay them (RFC 896).
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, router).await
}

async fn about() -> &'static str {
    "Keygate's demo backend: rooms over WebSocket and SSE. It asks nobody for a key; the gate in front of it does.\n"
}

/// What `POST /realtime` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Publication {
    channel: Channel,
    message: Value,
}

async fn publish(State(rooms): State<Rooms>, body: Result<Bytes, BytesRejection>) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            return error(StatusCode::PAYLOAD_TOO_LARGE, format_args!("the body is longer than {MAX_MESSAGE_BYTES} bytes"));
        }
        Err(rejection) => return error(rejection.status(), rejection.body_text()),
    };
    // The media type is not looked at: `curl -d` without a header is how people try this out.
    match serde_json::from_slice::<Publication>(&body) {
        Ok(Publication { channel, message }) => {
            let delivered = rooms.publish(&channel, &message);
            (StatusCode::ACCEPTED, Json(json!({ "delivered": delivered }))).into_response()
        }
        Err(cause) => error(StatusCode::BAD_REQUEST, format_args!(r#"send {{"channel": "…", "message": …}}: {cause}"#)),
    }
}

/// `?channel=…`, exactly once. Other parameters are somebody else's.
struct Joining(Channel);

impl<S: Sync> FromRequestParts<S> for Joining {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        #[derive(Deserialize)]
        struct Parameters {
            channel: Channel,
        }
        Query::try_from_uri(&parts.uri)
            .map(|Query(Parameters { channel })| Self(channel))
            .map_err(|rejection| error(StatusCode::BAD_REQUEST, format_args!("ask for ?channel=…: {}", rejection.body_text())))
    }
}

/// An error as this backend tells it.
fn error(status: StatusCode, cause: impl ToString) -> Response {
    (status, Json(json!({ "error": cause.to_string() }))).into_response()
}

#[cfg(test)]
mod tests;
