//! The backend as a client sees it: real sockets on loopback, and no waiting but for an answer.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Bytes, Message, client::IntoClientRequest as _, protocol::CloseFrame},
};

use super::*;

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

const MAY_PUBLISH: &str = r#"{"*":["publish","subscribe"]}"#;

async fn start(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, router));
    address
}

/// Sends `request`, whose lines end in `\n` here, and returns the answer's head and body.
async fn ask(backend: SocketAddr, request: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(backend).await.unwrap();
    let head = format!("{}\nhost: here\nconnection: close\ncontent-length: {}\n\n", request, body.len()).replace('\n', "\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
    (head.to_owned(), body.to_owned())
}

/// The status and the body of the answer.
async fn publish(backend: SocketAddr, body: &str) -> (u16, String) {
    let (head, body) = ask(backend, "POST /realtime HTTP/1.1", body).await;
    (head[9..12].parse().unwrap(), body)
}

async fn connect(backend: SocketAddr, target: &str, capability: Option<&str>) -> Client {
    let mut request = format!("ws://{backend}{target}").into_client_request().unwrap();
    if let Some(capability) = capability {
        request.headers_mut().insert("x-keygate-capability", capability.parse().unwrap());
    }
    connect_async(request).await.unwrap().0
}

async fn text(client: &mut Client) -> String {
    client.next().await.unwrap().unwrap().into_text().unwrap().to_string()
}

#[tokio::test]
async fn what_is_published_arrives_at_sockets_and_event_streams() {
    let backend = start(router()).await;
    let mut socket = connect(backend, "/connection/websocket?channel=news", None).await;
    let mut elsewhere = connect(backend, "/connection/websocket?channel=chat", Some(MAY_PUBLISH)).await;
    let mut events = BufReader::new(TcpStream::connect(backend).await.unwrap()).lines();
    events.get_mut().write_all(b"GET /events?channel=news HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
    while events.next_line().await.unwrap().unwrap() != ": joined" {}

    assert_eq!(
        publish(backend, r#"{"channel":"news","message":{"text":"Grüße\n"}}"#).await,
        (202, r#"{"delivered":2}"#.to_owned())
    );

    let expected = r#"{"channel":"news","message":{"text":"Grüße\n"}}"#;
    assert_eq!(text(&mut socket).await, expected);
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line: &String| !line.starts_with("data: ")) {
        lines.push(events.next_line().await.unwrap().unwrap());
    }
    assert_eq!(lines.last().unwrap(), &format!("data: {expected}"));

    elsewhere.send(Message::text(r#"{"message":1}"#)).await.unwrap();
    assert_eq!(text(&mut elsewhere).await, r#"{"channel":"chat","message":1}"#, "nothing of another room came first");
}

#[tokio::test]
async fn a_client_publishes_if_the_gate_says_so() {
    let backend = start(router()).await;
    let target = "/connection/websocket?channel=news";
    let mut reader = connect(backend, target, Some(r#"{"*":["subscribe"]}"#)).await;
    let mut ungated = connect(backend, target, None).await;
    let mut writer = connect(backend, target, Some(MAY_PUBLISH)).await;

    for client in [&mut reader, &mut ungated] {
        client.send(Message::text(r#"{"message":"hello"}"#)).await.unwrap();
        assert_eq!(text(client).await, r#"{"error":"not capable"}"#);
    }
    writer.send(Message::text(r#"{"message":"hello"}"#)).await.unwrap();
    for client in [&mut reader, &mut ungated, &mut writer] {
        assert_eq!(text(client).await, r#"{"channel":"news","message":"hello"}"#);
    }
}

#[tokio::test]
async fn a_client_that_may_not_subscribe_gets_into_no_room() {
    let backend = start(router()).await;
    for target in ["/events", "/connection/websocket"] {
        let upgrade =
            "connection: upgrade\nupgrade: websocket\nsec-websocket-version: 13\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==";
        let capability = r#"x-keygate-capability: {"chat:*":["*"]}"#;
        let (head, body) = ask(backend, &format!("GET {target}?channel=news HTTP/1.1\n{capability}\n{upgrade}"), "").await;
        assert!(head.starts_with("HTTP/1.1 403 "), "{target}: {head}");
        assert_eq!(body, r#"{"error":"not capable"}"#);
    }
}

#[tokio::test]
async fn a_frame_that_cannot_be_published_is_answered() {
    let backend = start(router()).await;
    let mut client = connect(backend, "/connection/websocket?channel=news", Some(MAY_PUBLISH)).await;
    let long = format!(r#"{{"message":"{}"}}"#, "x".repeat(MAX_MESSAGE_BYTES));
    for (frame, expected) in [
        (Message::text("hello"), r#"{"error":"send {\"message\": …}: expected value at line 1 column 1"}"#),
        (Message::text("{}"), r#"{"error":"send {\"message\": …}: missing field `message` at line 1 column 2"}"#),
        (Message::binary(&b"\0"[..]), r#"{"error":"send text frames"}"#),
        (Message::text(long), r#"{"error":"the frame is longer than 65536 bytes"}"#),
    ] {
        client.send(frame).await.unwrap();
        assert_eq!(text(&mut client).await, expected);
    }
}

#[tokio::test]
async fn pings_and_closes_are_answered() {
    let backend = start(router()).await;
    for target in ["/connection/websocket?channel=news", "/echo"] {
        let mut client = connect(backend, target, None).await;
        client.send(Message::Ping(Bytes::from_static(b"there?"))).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), Message::Pong(Bytes::from_static(b"there?")), "{target}");
        let close = CloseFrame { code: 4000.into(), reason: "enough".into() };
        client.send(Message::Close(Some(close.clone()))).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), Message::Close(Some(close)), "{target}");
        assert!(client.next().await.is_none(), "{target}");
    }
}

#[tokio::test]
async fn echo_sends_every_frame_back() {
    let backend = start(router()).await;
    let mut client = connect(backend, "/echo", None).await;
    for message in [Message::text("hello"), Message::binary(vec![7; 100_000]), Message::text("")] {
        client.send(message.clone()).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), message);
    }
}

#[tokio::test]
async fn what_cannot_be_published_is_a_400_that_says_why() {
    let backend = start(router()).await;
    let channel = "a channel's name is 1 to 255 bytes without control characters";
    for (body, cause) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("hello", "expected value at line 1 column 1"),
        (r#"{"channel":"news"}"#, "missing field `message` at line 1 column 18"),
        (r#"{"message":1}"#, "missing field `channel` at line 1 column 13"),
        (r#"{"channel":"a","channel":"b","message":1}"#, "duplicate field `channel` at line 1 column 24"),
        (r#"{"channel":"","message":1}"#, channel),
        (r#"{"channel":"a","message":1,"key":1}"#, "unknown field `key`, expected `channel` or `message` at line 1 column 32"),
    ] {
        let (status, answer) = publish(backend, body).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let error = answer["error"].as_str().unwrap();
        assert_eq!(status, 400, "{body}");
        assert!(error.starts_with(r#"send {"channel": "…", "message": …}: "#) && error.contains(cause), "{body}: {error}");
    }
}

#[tokio::test]
async fn a_message_has_a_longest_length() {
    let backend = start(router()).await;
    let frame = r#"{"channel":"a","message":""}"#.len();
    let body = |bytes: usize| format!(r#"{{"channel":"a","message":"{}"}}"#, "x".repeat(bytes - frame));
    assert_eq!(publish(backend, &body(MAX_MESSAGE_BYTES)).await, (202, r#"{"delivered":0}"#.to_owned()));
    let expected = r#"{"error":"the body is longer than 65536 bytes"}"#.to_owned();
    assert_eq!(publish(backend, &body(MAX_MESSAGE_BYTES + 1)).await, (413, expected));
}

#[tokio::test]
async fn a_room_has_to_be_named_once() {
    let backend = start(router()).await;
    for (query, cause) in [
        ("", "missing field `channel`"),
        ("?channel=", "a channel's name is"),
        ("?channel=%0A", "a channel's name is"),
        ("?channel=a&channel=b", "duplicate field `channel`"),
    ] {
        let (head, body) = ask(backend, &format!("GET /events{query} HTTP/1.1"), "").await;
        assert!(head.starts_with("HTTP/1.1 400 "), "{query}: {head}");
        assert!(body.contains("ask for ?channel=…: ") && body.contains(cause), "{query}: {body}");
    }
}

#[tokio::test]
async fn inspect_tells_the_request_as_it_arrived() {
    let backend = start(router()).await;
    let (_, body) = ask(backend, "PURGE /inspect?a=1&a=%32 HTTP/1.1\nX-One: 1\nx-one: two", "12345").await;
    let expected = json!({
        "method": "PURGE",
        "path": "/inspect",
        "query": "a=1&a=%32",
        "headers": [["x-one", "1"], ["x-one", "two"], ["host", "here"], ["connection", "close"], ["content-length", "5"]],
        "body_bytes": 5,
        "body_complete": true,
    });
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
}

#[tokio::test]
async fn the_page_knows_its_gate_and_talks_to_no_other() {
    let server = start(page("127.0.0.1:8080".parse().unwrap())).await;
    let (head, body) = ask(server, "GET / HTTP/1.1", "").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("connect-src http://127.0.0.1:8080 ws://127.0.0.1:8080;"), "{head}");
    assert!(body.contains(r#"content="http://127.0.0.1:8080""#) && !body.contains("{{"), "{body}");
    for file in ["page.css", "page.js"] {
        let (head, _) = ask(server, &format!("GET /{file} HTTP/1.1"), "").await;
        assert!(head.starts_with("HTTP/1.1 200 ") && body.contains(&format!(r#""{file}""#)), "{file}: {head}");
    }
}
