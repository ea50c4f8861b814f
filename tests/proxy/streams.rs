//! How long streams may live and be silent, what they are told when it is enough, and what a change of the policy ends.

use std::sync::Arc;

use tokio::{io::AsyncReadExt as _, sync::Semaphore};

use super::support::{
    Backend, Client, Gate, ORIGIN, Setup, Talk, WEB_KEY, WebSocket, chunks_in, frame, goodbye_event, handshake, within,
};

const KEY: &str = "sk_live_server";

async fn before(backend: &Backend, more: &str) -> Gate {
    Gate::start(Setup { more: more.to_owned(), ..Setup::before(backend.address) }).await
}

async fn socket(gate: &Gate) -> WebSocket {
    WebSocket::open(gate.connect().await, "/connection/1", KEY).await
}

async fn events(gate: &Gate) -> Client {
    let mut client = gate.connect().await;
    client
        .send(format!("GET /events/room HTTP/1.1\r\nHost: gate\r\nAccept: text/event-stream\r\nx-api-key: {KEY}\r\n\r\n"))
        .await;
    assert_eq!(client.head().await.status, 200);
    client
}

fn closed(transport: &str, reason: &str) -> String {
    format!(r#"keygate_connections_closed_total{{initiator="gate",reason="{reason}",transport="{transport}"}}"#)
}

/// All that an event stream sent until its clean end.
async fn told(client: &mut Client) -> String {
    let rest = client.rest().await;
    let (content, end) = chunks_in(&rest).unwrap_or_else(|| panic!("a body without an end: {}", rest.escape_ascii()));
    assert_eq!(end, rest.len());
    String::from_utf8(content).unwrap()
}

#[tokio::test]
async fn a_silent_socket_is_closed_and_one_that_speaks_is_not() {
    let backend = Backend::realtime().await;
    let gate = before(&backend, "websocket: { idle: 1s }").await;
    let (mut silent, mut speaking) = (socket(&gate).await, socket(&gate).await);
    let speaks = async {
        loop {
            speaking.echoes("still here").await;
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = speaks => unreachable!("it speaks for ever"),
        () = silent.is_closed_with(1001) => {}
    }
    gate.series_is(&closed("websocket", "idle"), 1.0).await;
}

#[tokio::test]
async fn a_stream_lives_as_long_as_it_may_and_comes_back() {
    let backend = Backend::realtime().await;
    let gate = before(&backend, "websocket: { max_age: 1s }\nsse: { max_age: 1s }").await;
    let (mut one, mut events) = (socket(&gate).await, events(&gate).await);
    one.is_closed_with(1012).await;
    let told = told(&mut events).await;
    assert!(told.ends_with(&goodbye_event(503, "draining", true)), "{told}");
    for transport in ["websocket", "sse"] {
        gate.series_is(&closed(transport, "max_age"), 1.0).await;
    }
    socket(&gate).await.echoes("again").await;
}

#[tokio::test]
async fn a_client_that_answers_pings_stays_and_one_that_does_not_is_closed() {
    let backend = Backend::realtime().await;
    let gate = before(&backend, "websocket: { ping: 1s }").await;
    let (mut answering, mut dead) = (socket(&gate).await, socket(&gate).await);
    let mut pings = 0;
    let answers = async {
        loop {
            // What the backend echoes are the answers.
            let ping = answering.next().await.expect("a frame");
            if ping.opcode == 9 {
                pings += 1;
                answering.send(10, b"").await;
            }
        }
    };
    let ends = async {
        let ping = dead.next().await.expect("a ping");
        assert_eq!(ping.opcode, 9);
        dead.is_closed_with(1001).await;
    };
    tokio::select! {
        () = answers => unreachable!("it answers for ever"),
        () = within("the end of the silent one", ends) => {}
    }
    assert!(pings > 0);
    answering.send(1, b"still here").await;
    while answering.next().await.expect("a frame").payload != b"still here" {}
    gate.series_is(&closed("websocket", "ping_timeout"), 1.0).await;
}

#[tokio::test]
async fn spans_are_live_for_open_streams() {
    let backend = Backend::realtime().await;
    let gate = before(&backend, "websocket: { idle: off }").await;
    let mut open = socket(&gate).await;
    open.echoes("hello").await;
    let text = Setup { more: "websocket: { idle: 1s }".to_owned(), ..Setup::before(backend.address) }.text();
    gate.replace("keygate.yaml", &text);
    open.is_closed_with(1001).await;
}

/// Sends what nobody reads, for as long as somebody takes it.
async fn flooding() -> Backend {
    Backend::start(|mut talk: Talk| async move {
        let Some(head) = talk.head().await else { return };
        talk.open_websocket(&head, "").await;
        let message = frame(2, &vec![7; 60_000], false);
        while talk.send(&message).await {}
    })
    .await
}

#[tokio::test]
async fn a_client_that_takes_nothing_in_is_cut() {
    let backend = flooding().await;
    let timeouts = "{ head: 10s, body: 1s, drain: 15s }".to_owned();
    let gate = Gate::start(Setup { timeouts, ..Setup::before(backend.address) }).await;
    let mut socket = WebSocket::open(Client::narrow(gate.address()).await, "/connection/1", KEY).await;
    gate.series_is(&closed("websocket", "stalled"), 1.0).await;
    gate.series_is("keygate_forced_resets_total", 1.0).await;
    let mut rest = Vec::new();
    let end = socket.0.stream.read_to_end(&mut rest).await;
    assert_eq!(end.map_err(|error| error.kind()), Err(std::io::ErrorKind::ConnectionReset), "no clean end");
    let recording = backend.connection(0).await;
    within("the backend's end", recording.when(|_, ended| ended.then_some(()))).await;
}

#[tokio::test]
async fn an_event_stream_is_told_between_two_events_why_it_ends() {
    let backend = Backend::start(|mut talk: Talk| async move {
        let Some(head) = talk.head().await else { return };
        talk.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n").await;
        if head.target.contains("gzip") {
            talk.send("Content-Encoding: gzip\r\n").await;
        }
        let event = if head.target.contains("half") { "data: ha" } else { "data: 1\n\n" };
        talk.send(format!("\r\n{:x}\r\n{event}\r\n", event.len())).await;
        talk.ended().await;
    })
    .await;
    let gate = before(&backend, "").await;
    let mut clients = Vec::new();
    for (target, expected) in [
        ("/events/whole", "data: 1\n\nevent: keygate\ndata: {\"status\":401,\"code\":\"invalid_token\"}\n\n"),
        ("/events/half", "data: ha"),
        ("/events/gzip", "data: 1\n\n"),
    ] {
        let mut client = gate.connect().await;
        client
            .send(format!("GET {target} HTTP/1.1\r\nHost: gate\r\nAccept: text/event-stream\r\nx-api-key: {KEY}\r\n\r\n"))
            .await;
        assert_eq!(client.head().await.status, 200);
        let first = if target == "/events/half" { &b"data: ha\r\n"[..] } else { b"data: 1\n\n\r\n" };
        let begun = client.read_through(first).await;
        clients.push((client, begun, expected));
    }
    gate.replace_keys(&[]);
    for (mut client, mut begun, expected) in clients {
        begun.extend(client.rest().await);
        let (content, _) = chunks_in(&begun).expect("a whole body");
        assert_eq!(String::from_utf8(content).unwrap(), expected);
    }
}

#[tokio::test]
async fn half_an_answer_without_a_length_does_not_end_well() {
    let seen = Arc::new(Semaphore::new(0));
    let backend = Backend::start({
        let seen = Arc::clone(&seen);
        move |mut talk: Talk| {
            let seen = Arc::clone(&seen);
            async move {
                talk.head().await;
                talk.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n").await;
                let _permit = seen.acquire().await;
                talk.reset();
            }
        }
    })
    .await;
    let gate = before(&backend, "").await;
    let mut client = events(&gate).await;
    client.read_through(b"data: 1\n\n").await;
    seen.add_permits(1);
    let mut rest = Vec::new();
    let end = within("the end", client.stream.read_to_end(&mut rest)).await;
    assert_eq!(end.map_err(|error| error.kind()), Err(std::io::ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn what_a_change_of_the_policy_takes_away_ends() {
    let backend = Backend::realtime().await;
    let publishable = |origin: &str| Setup::before("").keys[0].replace(ORIGIN, origin);
    let routes = |more: &str| format!("\n  - {{ name: socket, match: {{ path: /connection/1 }}, {more} }}");
    let setup = |more: &str| Setup { routes: routes(more), ..Setup::before(backend.address) };
    let gate = Gate::start(setup("access: public")).await;
    let mut nobody = WebSocket::answered({
        let mut client = gate.connect().await;
        client.send(handshake("/connection/1", "")).await;
        client
    })
    .await
    .0;
    nobody.echoes("open to all").await;
    gate.replace("keygate.yaml", &setup("operation: subscribe, enforce_inside: backend").text());
    nobody.is_closed_with(1008).await;
    gate.series_is(&closed("websocket", "policy_changed"), 1.0).await;

    gate.replace_keys(&[publishable(ORIGIN)]);
    gate.reloaded(2).await;
    let mut page = WebSocket::answered({
        let mut client = gate.connect().await;
        client.send(handshake("/connection/1", &format!("Origin: {ORIGIN}\r\nx-api-key: {WEB_KEY}\r\n"))).await;
        client
    })
    .await
    .0;
    page.echoes("listed").await;
    gate.replace_keys(&[publishable("https://other.example.com")]);
    page.is_closed_with(1008).await;
    gate.series_is(&closed("websocket", "origin_refused"), 1.0).await;
}
