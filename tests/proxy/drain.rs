//! The end of a gate's life: nobody is cut off in the middle of a word, and it ends.

use std::os::unix::fs::PermissionsExt as _;

use rustix::process::Signal;

use super::support::{Backend, Client, Gate, Setup, Talk, WebSocket, chunks_in, goodbye_event, handshake, within};

const KEY: &str = "x-api-key: sk_live_server\r\n";
const GET: &str = "GET /any/ HTTP/1.1\r\nHost: gate\r\nx-api-key: sk_live_server\r\n\r\n";

fn events() -> String {
    format!("GET /events/a HTTP/1.1\r\nHost: gate\r\nAccept: text/event-stream\r\n{KEY}\r\n")
}

/// Answers `/any/slow` when the client's body is whole, everything else at once; opens every stream.
async fn backend() -> Backend {
    Backend::realtime().await
}

async fn open_events(gate: &Gate) -> Client {
    let mut client = gate.connect().await;
    client.send(events()).await;
    assert_eq!(client.head().await.status, 200);
    while !client.buffer.ends_with(b"\n\n\r\n") {
        assert!(client.more().await);
    }
    client
}

async fn begin_upload(gate: &Gate, backend: &Backend) -> Client {
    let number = backend.connections().len();
    let mut client = gate.connect().await;
    client.send(format!("POST /realtime HTTP/1.1\r\nHost: gate\r\n{KEY}Content-Length: 11\r\n\r\nhello")).await;
    let recording = backend.connection(number).await;
    within("the upload's beginning", recording.when(|bytes, _| bytes.ends_with(b"hello").then_some(()))).await;
    client
}

#[tokio::test]
async fn sigterm_finishes_what_is_open() {
    let backend = backend().await;
    let mut gate = Gate::start(Setup::before(backend.address)).await;
    let mut sockets = Vec::new();
    for _ in 0..5 {
        sockets.push(WebSocket::open(gate.connect().await, "/connection/1", "sk_live_server").await);
    }
    let mut events = open_events(&gate).await;
    let mut upload = begin_upload(&gate, &backend).await;
    let mut idle = gate.connect().await;
    assert_eq!(idle.ask(GET).await.status, 200);

    gate.program.signal(Signal::TERM);
    for socket in &mut sockets {
        socket.is_closed_with(1012).await;
    }
    let body = events.rest().await;
    let told = format!("data: tick\n\n{}", goodbye_event(503, "draining", true));
    assert_eq!(chunks_in(&body).map(|(data, _)| data), Some(told.into_bytes()), "the events' body is whole");
    assert_eq!(idle.rest().await, b"", "an idle connection is just closed");
    gate.told("stopping", 1).await;

    upload.send(" world").await;
    let answer = upload.answer().await;
    assert_eq!((answer.status, answer.text(), answer.header("connection")), (200, "ok", Some("close")));
    assert_eq!(upload.rest().await, b"");
    assert!(backend.requests().iter().any(|request| request.body == b"hello world"));
    assert_eq!(gate.program.exit().await, Some(0));
    assert!(!gate.path("control.sock").exists(), "the control socket goes with the gate");
    let told = gate.program.stderr.whole().await;
    assert!(told.contains("nothing was left open"), "{told}");
}

#[tokio::test]
async fn what_does_not_end_is_cut_when_the_window_is_over() {
    let backend = backend().await;
    let timeouts = "{ head: 10s, connect: 5s, upstream_head: 10s, drain: 500ms }".to_owned();
    let mut gate = Gate::start(Setup { timeouts, ..Setup::before(backend.address) }).await;
    let mut upload = begin_upload(&gate, &backend).await;
    gate.program.signal(Signal::INT);
    assert_eq!(gate.program.exit().await, Some(0));
    assert_eq!(upload.rest().await, b"");
    assert!(gate.program.stderr.whole().await.contains("what was left open is cut"));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let backend = backend().await;
    let timeouts = "{ head: 10s, connect: 5s, upstream_head: 10s, drain: 1h }".to_owned();
    let mut gate = Gate::start(Setup { timeouts, ..Setup::before(backend.address) }).await;
    let _upload = begin_upload(&gate, &backend).await;
    gate.program.signal(Signal::TERM);
    gate.told("stopping", 1).await;
    gate.program.signal(Signal::TERM);
    assert_eq!(gate.program.exit().await, Some(1));
}

#[tokio::test]
async fn a_drain_by_command_refuses_streams_and_serves_requests() {
    let backend = backend().await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    let mut socket = WebSocket::open(gate.connect().await, "/connection/1", "sk_live_server").await;
    let mut kept = gate.connect().await;
    assert_eq!(kept.ask(GET).await.header("connection"), Some("keep-alive"));
    assert_eq!(gate.status("/readyz").await.status, 200);

    let (code, out, error) = gate.command(&["drain", "--wait", "15s"]).await;
    assert_eq!((code, out.as_str()), (Some(0), "draining, 0 connections left\n"), "{error}");
    socket.is_closed_with(1012).await;
    let ready = gate.status("/readyz").await;
    assert_eq!((ready.status, ready.text()), (503, "draining\n"));
    assert_eq!(gate.status("/livez").await.status, 200, "a gate that drains is not to be killed");
    assert_eq!(gate.metrics().await.value("keygate_draining"), Some(1.0));

    // It still accepts, for whoever has not heard yet.
    let mut client = gate.connect().await;
    let answer = client.ask(GET).await;
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert_eq!(client.rest().await, b"");
    let answer = kept.ask(GET).await;
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")), "a kept connection ends with its next answer");
    for stream in [handshake("/connection/1", KEY), events()] {
        let answer = gate.connect().await.ask(stream).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "draining"));
        assert!(answer.header("retry-after").is_some());
    }
    let (code, ..) = gate.command(&["drain"]).await;
    assert_eq!(code, Some(0), "twice is as good as once");
}

#[tokio::test]
async fn a_drain_that_waits_says_whether_anything_was_left() {
    let backend = backend().await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    let mut socket = WebSocket::open(gate.connect().await, "/connection/1", "sk_live_server").await;
    let mut upload = begin_upload(&gate, &backend).await;
    let (code, out, error) = gate.command(&["drain", "--wait", "1ms"]).await;
    assert_eq!((code, error.as_str()), (Some(3), ""), "{out}");
    assert!(out.starts_with("draining, ") && out.ends_with(" connections left\n"), "{out}");
    socket.is_closed_with(1012).await;
    drop(socket);
    gate.series_is(r#"keygate_connections{transport="websocket"}"#, 0.0).await;
    let (code, out, error) = gate.command(&["drain", "--wait", "1ms", "-o", "json"]).await;
    assert_eq!((code, out.as_str(), error.as_str()), (Some(3), "{\"remaining\":1}\n", ""));
    let (code, out, _) = gate.command(&["drain"]).await;
    assert_eq!((code, out.as_str()), (Some(0), "draining, 1 connections left\n"), "who does not wait misses nothing");

    // It returns with the last, and not when an hour is over.
    let drained = async { gate.command(&["drain", "--wait", "1h", "-o", "json"]).await };
    let finished = async {
        upload.send(" world").await;
        assert_eq!(upload.answer().await.status, 200);
    };
    let ((code, out, _), ()) = tokio::join!(drained, finished);
    assert_eq!((code, out.as_str()), (Some(0), "{\"remaining\":0}\n"));
    for wait in ["soon", "-1s", "5"] {
        assert_eq!(gate.command(&["drain", "--wait", wait]).await.0, Some(2), "{wait}");
    }
}

#[tokio::test]
async fn a_drain_tells_a_stream_that_is_still_opening() {
    let backend = Backend::start(|mut talk: Talk| async move {
        talk.head().await;
        talk.ended().await;
    })
    .await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    let mut client = gate.connect().await;
    client.send(handshake("/connection/1", KEY)).await;
    let recording = backend.connection(0).await;
    within("the handshake", recording.when(|bytes, _| super::support::Head::end_in(bytes))).await;
    gate.command(&["drain"]).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "draining"));
}

#[tokio::test]
async fn the_control_socket_is_its_owners_and_lists_what_is_open() {
    let backend = backend().await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    let mode = std::fs::metadata(gate.path("control.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut socket = WebSocket::open(gate.connect().await, "/connection/1", "sk_live_server").await;
    socket.echoes("hello").await;
    let _events = open_events(&gate).await;

    let (code, out, _) = gate.command(&["connections", "--output", "json"]).await;
    assert_eq!(code, Some(0));
    let list: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(list["total"], 2, "{list}");
    let streams = list["connections"].as_array().unwrap();
    let one = |transport: &str| streams.iter().find(|stream| stream["transport"] == transport).unwrap();
    let websocket = one("websocket");
    assert_eq!((&websocket["key_id"], &websocket["peer"]), (&"server".into(), &"127.0.0.1".into()));
    assert_eq!(websocket["received_bytes"], 11, "a masked frame of 5 bytes");
    assert_eq!(websocket["sent_bytes"], 7, "an unmasked one");
    assert_eq!(one("sse")["sent_bytes"], 17, "a chunk");
}

#[tokio::test]
async fn a_gate_that_is_gone_is_told_of() {
    let backend = backend().await;
    let mut gate = Gate::start(Setup::before(backend.address)).await;
    gate.program.signal(Signal::TERM);
    assert_eq!(gate.program.exit().await, Some(0));
    let (code, _, error) = gate.command(&["drain"]).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("no gate answers"), "{error}");
}
