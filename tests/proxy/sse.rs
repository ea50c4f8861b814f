//! Server-sent events: an answer that goes on, in one direction.

use super::support::{
    Answer, Backend, Gate, ORIGIN, Setup, Talk, WEB_KEY, chunks_in, each_was_decided, identity_stamped_once, one_request_alone,
    within,
};

const KEY: &str = "x-api-key: sk_live_server\r\n";

fn events(headers: &str) -> String {
    format!("GET /events/room HTTP/1.1\r\nHost: gate\r\nAccept: text/event-stream\r\n{headers}\r\n")
}

async fn before(backend: &Backend) -> Gate {
    Gate::start(Setup::before(backend.address)).await
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";

#[tokio::test]
async fn events_flow_as_they_come() {
    let backend = Backend::start(|mut talk: Talk| async move {
        let Some(head) = talk.head().await else { return };
        assert_eq!(head.header("connection"), Some("close"));
        talk.send(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n")).await;
        for n in 0..3 {
            talk.send(format!("9\r\ndata: {n}\n\n\r\n")).await;
            // The next one is sent once the client has told, on a connection of its own, that it has this one.
            if talk.number == 0 {
                continue;
            }
        }
        talk.send("0\r\n\r\n").await;
        talk.ended().await;
    })
    .await;
    let gate = before(&backend).await;
    let mut client = gate.connect().await;
    let web = format!("Origin: {ORIGIN}\r\n");
    client.send(events(&web).replace("/events/room", &format!("/events/room?key={WEB_KEY}&since=1"))).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text()), (200, "data: 0\n\ndata: 1\n\ndata: 2\n\n"));
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
    assert_eq!(client.rest().await, b"", "one answer for each connection");
    let request = backend.request();
    assert_eq!(request.target, "/events/room?since=1");
    identity_stamped_once(&request).unwrap();
}

#[tokio::test]
async fn an_event_is_not_held_back() {
    let backend = Backend::realtime().await;
    let gate = before(&backend).await;
    let mut client = gate.connect().await;
    client.send(events(KEY)).await;
    assert_eq!(client.head().await.status, 200);
    assert_eq!(client.read_through(b"\n\n\r\n").await, b"c\r\ndata: tick\n\n\r\n", "while the answer goes on");
    let metrics = gate.metrics().await;
    assert_eq!(metrics.value(r#"keygate_connections{transport="sse"}"#), Some(1.0));
}

#[tokio::test]
async fn every_framing_is_followed() {
    for (answer, expected) in [
        (format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n5;a=b\r\ndata:\r\n0\r\nX: y\r\n\r\n"), "data:"),
        (format!("{HEAD}\r\ndata: until the end\n\n"), "data: until the end\n\n"),
        (format!("{HEAD}Content-Length: 9\r\n\r\ndata: 1\n\nnot this"), "data: 1\n\n"),
        ("HTTP/1.1 204 No Content\r\n\r\n".to_owned(), ""),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone".to_owned(), "none"),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned(), "ok"),
    ] {
        let status = answer.rsplit("HTTP/1.1 ").next().unwrap()[..3].parse::<u16>().unwrap();
        let whole = answer.clone();
        let backend = Backend::start(move |mut talk: Talk| {
            let answer = answer.clone();
            async move {
                talk.head().await;
                talk.send(&answer).await;
            }
        })
        .await;
        let gate = before(&backend).await;
        let mut client = gate.connect().await;
        let got: Answer = client.ask(events(KEY)).await;
        assert_eq!((got.status, got.text()), (status, expected), "{whole:?}");
        assert_eq!(client.rest().await, b"", "{whole:?}");
        gate.series_is(r#"keygate_connections{transport="sse"}"#, 0.0).await;
    }
}

#[tokio::test]
async fn nothing_behind_the_request_reaches_the_backend() {
    let backend = Backend::realtime().await;
    let gate = before(&backend).await;
    let second = "POST /realtime HTTP/1.1\r\nHost: gate\r\nx-api-key: sk_live_server\r\nContent-Length: 0\r\n\r\n";
    let mut client = gate.connect().await;
    client.send(events(KEY) + second).await;
    assert_eq!(client.head().await.status, 200);
    client.read_through(b"\n\n\r\n").await;
    client.send(second).await;
    let mut other = gate.connect().await;
    for _ in 0..10 {
        assert_eq!(other.ask(format!("GET /any/ HTTP/1.1\r\nHost: gate\r\n{KEY}\r\n")).await.status, 200);
    }
    let recording = backend.connection(0).await;
    one_request_alone(&recording).unwrap();
    // More than a stray line, and the stream is cut.
    let _ = client.try_send(second.repeat(100)).await;
    client.rest().await;
    within("the backend to be left", recording.when(|_, ended| ended.then_some(()))).await;
    one_request_alone(&recording).unwrap();
    assert_eq!(each_was_decided(&recording.bytes()), Ok(1));
}

#[tokio::test]
async fn a_101_is_no_answer_to_it() {
    let backend = Backend::start(|mut talk: Talk| async move {
        talk.head().await;
        let accept = super::support::accept_of(super::support::NONCE);
        let upgrade = format!("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n");
        talk.send(format!("HTTP/1.1 101 Switching Protocols\r\n{upgrade}\r\nraw bytes")).await;
        talk.ended().await;
    })
    .await;
    let gate = before(&backend).await;
    let mut client = gate.connect().await;
    client.send(events(KEY) + "raw bytes of the client").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_protocol"));
    assert_eq!(client.rest().await, b"");
    one_request_alone(&*backend.connection(0).await).unwrap();
}

#[tokio::test]
async fn a_client_that_leaves_ends_it() {
    let backend = Backend::realtime().await;
    let gate = before(&backend).await;
    for (number, reset) in [false, true].into_iter().enumerate() {
        let mut client = gate.connect().await;
        client.send(events(KEY)).await;
        client.read_through(b"\n\n\r\n").await;
        if reset {
            client.reset()
        } else {
            drop(client)
        }
        let recording = backend.connection(number).await;
        within("the backend to be left", recording.when(|_, ended| ended.then_some(()))).await;
    }
    gate.series_is(r#"keygate_connections{transport="sse"}"#, 0.0).await;
    let series = r#"keygate_connections_closed_total{initiator="client",reason="closed",transport="sse"}"#;
    assert_eq!(gate.metrics().await.value(series), Some(2.0));
}

#[tokio::test]
async fn a_backend_that_breaks_off_is_not_mended() {
    let backend = Backend::start(|mut talk: Talk| async move {
        talk.head().await;
        talk.send(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nda")).await;
    })
    .await;
    let gate = before(&backend).await;
    let mut client = gate.connect().await;
    client.send(events(KEY)).await;
    client.head().await;
    let body = client.rest().await;
    assert_eq!(chunks_in(&body), None, "a client must see that it is not whole");
}

#[tokio::test]
async fn a_refusal_is_a_status_and_keeps_the_connection() {
    let backend = Backend::realtime().await;
    let gate = before(&backend).await;
    let mut client = gate.connect().await;
    assert_eq!(client.ask(events("")).await.status, 401);
    let answer = client.ask(events("x-api-key: pk_live_web\r\nOrigin: https://evil.example\r\n")).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (403, None));
    client.send(events(KEY)).await;
    assert_eq!(client.head().await.status, 200);
    assert_eq!(backend.connections().len(), 1);
}

/// Only a bodiless GET takes this way; the others are plain HTTP, and their connection goes on.
#[tokio::test]
async fn a_request_with_a_body_is_no_event_stream() {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let gate = before(&backend).await;
    let mut client = gate.connect().await;
    for _ in 0..2 {
        let body = events(&format!("{KEY}Content-Length: 5\r\n")) + "hello";
        let answer = client.ask(body).await;
        assert_eq!((answer.status, answer.text()), (200, "ok"));
    }
    let post =
        format!("POST /realtime HTTP/1.1\r\nHost: gate\r\nAccept: text/event-stream\r\n{KEY}Content-Length: 5\r\n\r\nhello");
    assert_eq!(client.ask(post).await.status, 200);
    assert_eq!(each_was_decided(&backend.bytes()), Ok(3));
}
