//! `GET /echo`: a WebSocket that sends every frame back, to see what a gate does to frames.

use axum::{
    extract::{
        WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    response::Response,
};

/// Room for tests with long messages; an end to what one connection can make the process hold.
const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// Selects the subprotocol `echo` where it is offered, so that a backend's own choice can be seen to pass a gate.
pub(super) async fn echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade.protocols(["echo"]).max_message_size(MAX_MESSAGE_BYTES).max_frame_size(MAX_MESSAGE_BYTES).on_upgrade(answer)
}

async fn answer(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        let sent = match message {
            message @ (Message::Text(_) | Message::Binary(_)) => socket.send(message).await,
            // Answered by the library at the next read.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => Ok(()),
        };
        if sent.is_err() {
            return;
        }
    }
}
