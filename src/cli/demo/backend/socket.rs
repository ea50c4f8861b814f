//! `GET /connection/websocket`: a place in a room over a WebSocket.

use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, Utf8Bytes, WebSocket},
    },
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Joining, MAX_MESSAGE_BYTES, Member, Rooms, error, rights::Rights};

/// What is read at all, and what a connection is ended for. Between [`MAX_MESSAGE_BYTES`] and this, the client gets an answer.
const MAX_READ_BYTES: usize = 4 * MAX_MESSAGE_BYTES;

pub(super) async fn join(
    State(rooms): State<Rooms>,
    Joining(channel): Joining,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let rights = Rights::of(&headers, channel.as_str());
    if !rights.subscribe {
        return error(StatusCode::FORBIDDEN, "not capable");
    }
    // Before the 101 goes out, so that whoever has seen it misses nothing.
    match rooms.join(&channel) {
        Ok(member) => upgrade
            .max_message_size(MAX_READ_BYTES)
            .max_frame_size(MAX_READ_BYTES)
            .on_upgrade(move |socket| stay(socket, member, rights)),
        Err(full) => error(StatusCode::SERVICE_UNAVAILABLE, full),
    }
}

async fn stay(mut socket: WebSocket, mut member: Member, rights: Rights) {
    loop {
        let text = tokio::select! {
            text = member.next() => text,
            frame = socket.recv() => match frame {
                Some(Ok(Message::Text(text))) => published(&text, &member, rights),
                Some(Ok(Message::Binary(_))) => Some(problem("send text frames")),
                // The library has queued the answer; reading on sends it.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => None,
                // The same here, and no message may follow a Close (RFC 6455 section 5.5.1).
                Some(Ok(Message::Close(_))) => return finish(socket).await,
                Some(Err(_)) | None => return,
            }
        };
        if let Some(text) = text
            && socket.send(Message::Text(text)).await.is_err()
        {
            return;
        }
    }
}

/// Reads until the answer to the client's Close is out.
async fn finish(mut socket: WebSocket) {
    while let Some(Ok(_)) = socket.recv().await {}
}

/// Publishes what a client sent, or says why not.
fn published(text: &str, member: &Member, rights: Rights) -> Option<Utf8Bytes> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Publication {
        message: Value,
    }
    if !rights.publish {
        return Some(problem("not capable"));
    }
    if text.len() > MAX_MESSAGE_BYTES {
        return Some(problem(format_args!("the frame is longer than {MAX_MESSAGE_BYTES} bytes")));
    }
    match serde_json::from_str(text) {
        Ok(Publication { message }) => {
            member.publish(&message);
            None
        }
        Err(cause) => Some(problem(format_args!(r#"send {{"message": …}}: {cause}"#))),
    }
}

fn problem(cause: impl ToString) -> Utf8Bytes {
    json!({ "error": cause.to_string() }).to_string().into()
}
