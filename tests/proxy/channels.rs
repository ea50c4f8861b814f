//! Routes that look for the channel: what is read before it is forwarded, and what of it the backend receives.

use super::support::{
    Backend, Client, Gate, Head, Setup, WebSocket, frame_in, handshake, identity_stamped_once, secret_key, until,
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const ROUTES: &str = "
  - { name: publish, match: { path: /publish }, operation: publish, channel: { json: /channel } }
  - { name: watched, match: { path: /watched }, operation: publish, channel: { json: /channel }, mode: report }
  - { name: listen, match: { path: '/listen/{channel}' }, operation: subscribe, client_messages: deny }
  - { name: open, match: { path: /any/** }, operation: any }";
const GOOD: &str = r#"{"channel":"chat:a","data":1}"#;
const BAD: &str = r#"{"channel":"news","data":1}"#;

async fn start(backend: Backend) -> (Backend, Gate) {
    let narrow = "capabilities: { 'chat:*': [publish, subscribe] }";
    let setup = Setup {
        routes: ROUTES.to_owned(),
        timeouts: "{ head: 1s, connect: 5s, upstream_head: 10s, drain: 15s }".to_owned(),
        keys: vec![secret_key("narrow", "sk_live_narrow", narrow)],
        ..Setup::before(backend.address)
    };
    (backend, Gate::start(setup).await)
}

async fn answering() -> (Backend, Gate) {
    start(Backend::answering(OK).await).await
}

fn post(target: &str, more: &str, body: &str) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nHost: gate\r\nx-api-key: sk_live_narrow\r\nContent-Type: application/json\r\n{more}\r\n{body}"
    )
}

fn sized(target: &str, body: &str) -> String {
    post(target, &format!("Content-Length: {}\r\n", body.len()), body)
}

#[tokio::test]
async fn a_body_is_judged_before_it_is_forwarded() {
    let (backend, gate) = answering().await;
    let mut client = gate.connect().await;
    assert_eq!(client.ask(sized("/publish", GOOD)).await.status, 200);
    for (body, status, code) in [
        (BAD, 403, "not_capable"),
        (r#"[{"channel":"chat:a"},{"channel":"news"}]"#, 403, "not_capable"),
        (r#"{"channel":"chat:a","channel":"news"}"#, 400, "channel_ambiguous"),
        (r#"{"data":1}"#, 400, "channel_missing"),
        ("data", 400, "body_unreadable"),
        ("", 400, "body_unreadable"),
    ] {
        let answer = client.ask(sized("/publish", body)).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{body}");
    }
    // The connection went on through all of it.
    assert_eq!(client.ask(sized("/publish", GOOD)).await.status, 200);
    let seen = backend.requests();
    assert_eq!(seen.len(), 2);
    for request in &seen {
        assert_eq!(request.body, GOOD.as_bytes());
        assert_eq!(request.header("content-length"), Some(GOOD.len().to_string().as_str()));
        identity_stamped_once(request).unwrap();
    }
}

/// However it came: what was judged goes on, byte for byte and in one piece, without extensions and trailers.
#[tokio::test]
async fn a_chunked_body_goes_on_as_what_was_judged() {
    let (backend, gate) = answering().await;
    let mut client = gate.connect().await;
    let chunks = "8;a=b\r\n{\"channe\r\n15\r\nl\":\"chat:a\",\"data\":1}\r\n0\r\nX-Keygate-Key-Id: spoof\r\nTrailer: x\r\n\r\n";
    let request = post("/publish", "Transfer-Encoding: chunked\r\n", chunks);
    for split in [1, 7, 150, request.len()] {
        for piece in request.as_bytes().chunks(split) {
            client.send(piece).await;
        }
        assert_eq!(client.answer().await.status, 200, "in pieces of {split}");
    }
    for request in backend.requests() {
        assert_eq!(request.body, GOOD.as_bytes());
        assert_eq!((request.header("transfer-encoding"), request.header("trailer")), (None, None));
        identity_stamped_once(&request).unwrap();
    }
    assert_eq!(backend.requests().len(), 4);
}

#[tokio::test]
async fn what_follows_the_body_is_the_next_request() {
    let (backend, gate) = answering().await;
    let mut client = gate.connect().await;
    client.send(sized("/publish", GOOD) + &sized("/publish", BAD) + &sized("/publish", GOOD)).await;
    let statuses = [client.answer().await.status, client.answer().await.status, client.answer().await.status];
    assert_eq!(statuses, [200, 403, 200]);
    assert_eq!(backend.requests().len(), 2);
}

/// pingora would have sent the length and no body above 64 KiB.
#[tokio::test]
async fn bodies_are_read_up_to_64_kib() {
    let (backend, gate) = answering().await;
    let body = |length: usize| {
        let start = r#"{"channel":"chat:a","data":""#;
        format!("{start}{}\"}}", "x".repeat(length - start.len() - 2))
    };
    let mut client = gate.connect().await;
    let largest = body(64 * 1024);
    assert_eq!(client.ask(sized("/publish", &largest)).await.status, 200);
    assert!(backend.request().body == largest.as_bytes(), "whole at the backend");
    let answer = client.ask(sized("/publish", &body(64 * 1024 + 1))).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
    let mut client = gate.connect().await;
    let chunked = format!("{:x}\r\n{}\r\n0\r\n\r\n", 70_000, body(70_000));
    let answer = client.ask(post("/publish", "Transfer-Encoding: chunked\r\n", &chunked)).await;
    assert_eq!(answer.status, 413);
    // Only reported: nobody looks into it, and all of it passes.
    let mut client = gate.connect().await;
    assert_eq!(client.ask(post("/watched", "Transfer-Encoding: chunked\r\n", &chunked)).await.status, 200);
    assert_eq!(client.ask(sized("/watched", BAD)).await.status, 200);
    let bodies: Vec<_> = backend.requests().iter().map(|request| request.body.len()).collect();
    assert_eq!(bodies, [64 * 1024, 70_000, BAD.len()]);
    assert_eq!(gate.logged("/watched").await["reason"], "body_too_large");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let (backend, gate) = answering().await;
    let mut client = gate.connect().await;
    client.send(post("/publish", "Content-Length: 100\r\n", "{")).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (408, "body_timeout"));
    assert_eq!(client.rest().await, b"");
    assert_eq!(backend.connections().len(), 0);
}

#[tokio::test]
async fn a_body_of_another_type_is_not_read() {
    let (backend, gate) = answering().await;
    let mut client = gate.connect().await;
    let request = sized("/publish", GOOD).replace("application/json", "text/plain");
    let answer = client.ask(request).await;
    assert_eq!((answer.status, answer.code().as_str()), (415, "unsupported_media_type"));
    assert_eq!(backend.connections().len(), 0);
}

/// Whoever waits to be told to send its body is told by the gate, once it is known that there is a use for the body.
#[tokio::test]
async fn the_gate_answers_an_expectation() {
    let (backend, gate) = answering().await;
    for target in ["/publish", "/any/x"] {
        let mut client: Client = gate.connect().await;
        let expecting = post(target, &format!("Expect: 100-continue\r\nContent-Length: {}\r\n", GOOD.len()), "");
        client.send(&expecting).await;
        let told = client.head().await;
        assert_eq!(told.status, 100, "{target}");
        client.send(GOOD).await;
        assert_eq!(client.answer().await.status, 200, "{target}");
        // The connection is whole, and a body that comes at once needs no invitation.
        client.send(expecting.clone() + GOOD).await;
        assert_eq!(client.answer().await.status, 200, "{target}");
    }
    assert_eq!(backend.requests().len(), 4);
    assert!(backend.requests().iter().all(|request| request.header("expect").is_none() && request.body == GOOD.as_bytes()));
    // A body that does not come in time on a route that only reports: told once, and let through.
    let mut client: Client = gate.connect().await;
    client.send(post("/watched", &format!("Expect: 100-continue\r\nContent-Length: {}\r\n", GOOD.len()), "")).await;
    assert_eq!(client.head().await.status, 100);
    until("the gate to give the body up", || async { (backend.connections().len() > 2).then_some(()) }).await;
    client.send(GOOD).await;
    assert_eq!(client.answer().await.status, 200, "and no second 100 before it");
    // A refusal is the final answer, and the end: the client may or may not send its body.
    let mut client = gate.connect().await;
    let wrong = post("/any/x", "Expect: 100-continue\r\nContent-Length: 5\r\n", "").replace("narrow", "wrong");
    assert_eq!(client.ask(wrong).await.status, 401);
    assert_eq!(client.rest().await, b"");
}

#[tokio::test]
async fn no_message_passes_where_clients_may_send_none() {
    let (backend, gate) = start(Backend::echoing().await).await;
    let key = "x-api-key: sk_live_narrow\r\n";
    let mut client = gate.connect().await;
    assert_eq!(client.ask(handshake("/listen/news", key)).await.status, 403);
    for (at, opcode) in [0x1, 0x2, 0x0, 0x3, 0xb].into_iter().enumerate() {
        let mut socket = WebSocket::open(gate.connect().await, "/listen/chat:a", "sk_live_narrow").await;
        socket.send(0x9, b"ping").await;
        let echo = socket.next().await.expect("an echo");
        assert_eq!((echo.opcode, echo.payload.as_slice()), (0x9, &b"ping"[..]), "the backend echoes whatever comes");
        socket.send(opcode, b"canary").await;
        socket.is_closed_with(1008).await;
        let recording = backend.connection(at).await;
        let received = recording.when(|bytes, ended| ended.then(|| bytes.to_vec())).await;
        let mut rest = &received[Head::end_in(&received).expect("a head")..];
        let mut opcodes = Vec::new();
        while let Some((frame, length)) = frame_in(rest) {
            opcodes.push(frame.opcode);
            rest = &rest[length..];
        }
        assert_eq!((opcodes.as_slice(), rest), (&[0x9, 0x8][..], &b""[..]), "the ping, and the gate's goodbye; not {opcode}");
    }
    gate.series_is(r#"keygate_connections_closed_total{initiator="gate",reason="client_message",transport="websocket"}"#, 5.0)
        .await;
}
