//! WebSockets: what the backend may be asked, what it may answer, and what flows then.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::Semaphore;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};

use super::support::{
    Backend, Client, Gate, Head, ORIGIN, Setup, Talk, WEB_KEY, WebSocket, accept_of, credential_absent, frame, handshake,
    identity_stamped_once, nothing_before_101, one_request_alone, within,
};

const KEY: &str = "x-api-key: sk_live_server\r\n";

async fn gate_before(backend: &Backend) -> Gate {
    Gate::start(Setup::before(backend.address)).await
}

#[tokio::test]
async fn a_client_that_nobody_here_wrote_speaks_through_the_gate() {
    let backend = Backend::echoing().await;
    let gate = gate_before(&backend).await;
    let mut request = format!("ws://{}/connection/1?room=a&key={WEB_KEY}", gate.address()).into_client_request().unwrap();
    request.headers_mut().insert("origin", ORIGIN.parse().unwrap());
    let tcp = tokio::net::TcpStream::connect(gate.address()).await.unwrap();
    let (mut socket, _) = within("a WebSocket", tokio_tungstenite::client_async(request, tcp)).await.unwrap();
    let large = vec![7u8; 1 << 20];
    for message in [Message::text("hello"), Message::binary(large), Message::text("")] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(within("an echo", socket.next()).await.unwrap().unwrap(), message);
    }
    socket.close(None).await.unwrap();
    while within("the end", socket.next()).await.is_some_and(|message| message.is_ok()) {}
    drop(socket);
    let (head, _) = super::support::Request::head_in(&backend.bytes()).unwrap();
    assert_eq!(head.target, "/connection/1?room=a");
    assert_eq!(head.header("x-keygate-key-id"), Some("web"));
    assert_eq!(head.header("x-keygate-capability"), Some(r#"{"*":["subscribe"]}"#));
    identity_stamped_once(&head).unwrap();
    credential_absent(&backend.bytes(), &[WEB_KEY]).unwrap();
    gate.series_is(r#"keygate_connections{transport="websocket"}"#, 0.0).await;
}

/// The backend of the next tests: selects `select` if it is not empty.
async fn selecting(select: &'static str) -> Backend {
    Backend::start(move |mut talk: Talk| async move {
        let Some(head) = talk.head().await else { return };
        let more = if select.is_empty() { String::new() } else { format!("Sec-WebSocket-Protocol: {select}\r\n") };
        talk.open_websocket(&head, &more).await;
        talk.echo().await;
    })
    .await
}

#[track_caller]
fn negotiate(offered: &str, select: &'static str) -> impl Future<Output = (u16, Option<String>, Option<String>)> {
    let offered = offered.replace("KEY", &format!("keygate.key.{}", URL_SAFE_NO_PAD.encode("sk_live_server")));
    async move {
        let backend = selecting(select).await;
        let gate = gate_before(&backend).await;
        let mut client = gate.connect().await;
        let answer = client.ask(handshake("/connection/1", &format!("Sec-WebSocket-Protocol: {offered}\r\n"))).await;
        let head = super::support::Request::head_in(&backend.bytes()).unwrap().0;
        credential_absent(&backend.bytes(), &["sk_live_server"]).unwrap();
        let selected = answer.header("sec-websocket-protocol").map(str::to_owned);
        (answer.status, head.header("sec-websocket-protocol").map(str::to_owned), selected)
    }
}

#[tokio::test]
async fn the_gates_own_subprotocol_is_selected_where_the_backend_selects_none() {
    assert_eq!(negotiate("keygate, KEY", "").await, (101, None, Some("keygate".to_owned())));
    let offered = Some("chat.v1".to_owned());
    assert_eq!(negotiate("keygate, chat.v1, KEY", "").await, (101, offered, Some("keygate".to_owned())));
}

#[tokio::test]
async fn the_backends_selection_passes() {
    let both = Some("chat.v2, chat.v1".to_owned());
    assert_eq!(negotiate("chat.v2, KEY, chat.v1", "chat.v1").await, (101, both, Some("chat.v1".to_owned())));
    let one = Some("chat.v1".to_owned());
    assert_eq!(negotiate("keygate, chat.v1, KEY", "chat.v1").await, (101, one.clone(), one));
}

#[tokio::test]
async fn a_selection_that_was_not_offered_is_no_answer() {
    assert_eq!(negotiate("chat.v1, KEY", "chat.v2").await, (502, Some("chat.v1".to_owned()), None));
    assert_eq!(negotiate("keygate, KEY", "keygate").await, (502, None, None));
}

#[tokio::test]
async fn a_client_that_offers_no_own_subprotocol_is_selected_none() {
    assert_eq!(negotiate("chat.v1, KEY", "").await, (101, Some("chat.v1".to_owned()), None));
}

#[tokio::test]
async fn bytes_behind_the_handshake_wait_for_a_proven_101() {
    let let_answer = Arc::new(Semaphore::new(0));
    let backend = Backend::start({
        let let_answer = Arc::clone(&let_answer);
        move |mut talk: Talk| {
            let let_answer = Arc::clone(&let_answer);
            async move {
                let Some(head) = talk.request().await else { return };
                if head.header("upgrade").is_none() {
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                    talk.send(answer).await;
                    return talk.answer_all(answer).await;
                }
                let _permit = let_answer.acquire().await;
                talk.open_websocket(&head, "").await;
                talk.echo().await;
            }
        }
    })
    .await;
    let gate = gate_before(&backend).await;
    // With the head, in a packet of its own, and more than any buffer of a head.
    let payload = vec![b'x'; 100_000];
    let mut client = gate.connect().await;
    let mut first = handshake("/connection/1", KEY).into_bytes();
    first.extend(frame(1, b"one", true));
    client.send(&first).await;
    let recording = backend.connection(0).await;
    within("the head", recording.when(|bytes, _| Head::end_in(bytes))).await;
    client.send(frame(1, b"two", true)).await;
    client.send(frame(2, &payload, true)).await;
    // Others are served meanwhile, so the gate has had every opportunity to pass them on.
    let mut other = gate.connect().await;
    for _ in 0..20 {
        let answer = other.ask("GET /any/ HTTP/1.1\r\nHost: gate\r\nx-api-key: sk_live_server\r\n\r\n").await;
        assert_eq!(answer.status, 200);
    }
    let_answer.add_permits(1);
    let (mut socket, _) = WebSocket::answered(client).await;
    nothing_before_101(&recording).unwrap();
    for expected in [&b"one"[..], b"two", &payload] {
        assert_eq!(socket.next().await.unwrap().payload, expected);
    }
}

/// What a backend might answer to a handshake that is no proof that it opened this WebSocket.
#[tokio::test]
async fn a_101_without_proof_is_a_502_and_nothing_goes_upstream() {
    let good = accept_of(super::support::NONCE);
    let other = accept_of("AAAAAAAAAAAAAAAAAAAAAA==");
    let answers = [
        format!("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {other}\r\n"),
        "Upgrade: websocket\r\nConnection: Upgrade\r\n".to_owned(),
        format!("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n", good.to_lowercase()),
        format!("Connection: Upgrade\r\nSec-WebSocket-Accept: {good}\r\n"),
        format!("Upgrade: websocket\r\nSec-WebSocket-Accept: {good}\r\n"),
        format!("Upgrade: websocket\r\nConnection: keep-alive\r\nSec-WebSocket-Accept: {good}\r\n"),
        format!("Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {good}\r\n"),
    ];
    let answers = Arc::new(answers);
    let count = answers.len();
    let backend = Backend::start(move |mut talk: Talk| {
        let answers = Arc::clone(&answers);
        async move {
            talk.head().await;
            talk.answer(format!("HTTP/1.1 101 Switching Protocols\r\n{}\r\n", answers[talk.number])).await;
            // What a tunnel would carry back.
            talk.send(frame(1, b"from the backend", false)).await;
            talk.ended().await;
        }
    })
    .await;
    let gate = gate_before(&backend).await;
    for number in 0..count {
        let mut client = gate.connect().await;
        let mut bytes = handshake("/connection/1", KEY).into_bytes();
        bytes.extend(b"GET /api/smuggled HTTP/1.1\r\nHost: gate\r\n\r\n");
        let answer = client.ask(&bytes).await;
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_protocol"), "answer {number}");
        assert_eq!(client.rest().await, b"", "answer {number}: nothing follows the refusal");
        let recording = backend.connection(number).await;
        within("the backend's connection to end", recording.when(|_, ended| ended.then_some(()))).await;
        one_request_alone(&recording).unwrap_or_else(|broken| panic!("answer {number}: {broken}"));
    }
    gate.series_is(r#"keygate_upstream_errors_total{kind="protocol"}"#, f64::from(u32::try_from(count).unwrap())).await;
    gate.series_is(r#"keygate_connections{transport="websocket"}"#, 0.0).await;
}

#[tokio::test]
async fn an_interim_answer_is_not_the_answer() {
    let backend = Backend::start(|mut talk: Talk| async move {
        let Some(head) = talk.head().await else { return };
        talk.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n").await;
        talk.open_websocket(&head, "").await;
        talk.echo().await;
    })
    .await;
    let gate = gate_before(&backend).await;
    WebSocket::open(gate.connect().await, "/connection/1", "sk_live_server").await.echoes("after two interim answers").await;
}

#[track_caller]
fn answered(answer: &'static str, status: u16, body: &'static str) -> impl Future<Output = super::support::Answer> {
    let at = std::panic::Location::caller();
    async move {
        let backend = Backend::start(move |mut talk: Talk| async move {
            talk.head().await;
            // In two pieces, so that the body is not always there with the head.
            let (head, rest) = answer.split_at(answer.len() / 2);
            talk.answer(head).await;
            talk.send(rest).await;
            if !answer.contains("Content-Length") && !answer.contains("chunked") {
                talk.finish_sending().await;
            }
            talk.ended().await;
        })
        .await;
        let gate = gate_before(&backend).await;
        let mut client = gate.connect().await;
        // A second request stands behind the handshake, and one more comes after the answer.
        let second = "POST /realtime HTTP/1.1\r\nHost: gate\r\nx-api-key: sk_live_server\r\nContent-Length: 2\r\n\r\nhi";
        client.send(handshake("/connection/1", KEY) + second).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.text()), (status, body), "{at}");
        assert_eq!(answer.header("connection"), Some("close"), "{at}");
        // The gate may have closed already.
        let _ = client.try_send(second).await;
        assert_eq!(client.rest().await, b"", "{at}: the connection ends with the answer");
        let recording = backend.connection(0).await;
        within("the backend's connection to end", recording.when(|_, ended| ended.then_some(()))).await;
        one_request_alone(&recording).unwrap_or_else(|broken| panic!("{at}: {broken}"));
        assert_eq!(backend.connections().len(), 1, "{at}: nothing else went upstream");
        answer
    }
}

#[tokio::test]
async fn another_answer_reaches_the_client_whole_and_ends_the_connection() {
    answered("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello").await;
    answered(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n",
        200,
        "hello world",
    )
    .await;
    answered("HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, "until the end").await;
    answered("HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", 204, "").await;
    let answer = answered("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno", 401, "no").await;
    assert_eq!(answer.header("www-authenticate"), Some("Basic"));
    answered("HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 8\r\nContent-Length: 0\r\n\r\n", 426, "").await;
}

#[tokio::test]
async fn what_follows_a_whole_answer_is_not_passed_on() {
    let two = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    answered(two, 200, "hello").await;
    let two = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    answered(two, 200, "hello").await;
}

#[tokio::test]
async fn half_a_handshake_reaches_no_backend() {
    let backend = Backend::echoing().await;
    let gate = gate_before(&backend).await;
    let nonce = super::support::NONCE;
    let whole = |line: &str, more: &str| format!("{line} HTTP/1.1\r\nHost: gate\r\n{KEY}{more}\r\n");
    let upgrade = "Upgrade: websocket\r\n";
    let connection = "Connection: Upgrade\r\n";
    let version = "Sec-WebSocket-Version: 13\r\n";
    let key = format!("Sec-WebSocket-Key: {nonce}\r\n");
    let get = "GET /connection/1";
    let halves = [
        whole(get, &format!("{upgrade}{version}{key}")),
        whole(get, &format!("{upgrade}{connection}{key}")),
        whole(get, &format!("{upgrade}{connection}{version}")),
        whole(get, &format!("{connection}{version}{key}")),
        whole(get, &format!("{upgrade}{connection}Sec-WebSocket-Version: 12\r\n{key}")),
        whole(get, &format!("{upgrade}{connection}{version}Sec-WebSocket-Key: c2hvcnQ=\r\n")),
        whole(get, &format!("{upgrade}{connection}{version}Sec-WebSocket-Key: not base64!\r\n")),
        whole(get, &format!("{upgrade}{upgrade}{connection}{version}{key}")),
        whole(get, &format!("Upgrade: websocket, h2c\r\n{connection}{version}{key}")),
        whole(get, &format!("Upgrade: h2c\r\n{connection}{version}{key}")),
        whole(get, &format!("Upgrade: websocket/13\r\n{connection}{version}{key}")),
        whole("POST /connection/1", &format!("{upgrade}{connection}{version}{key}")),
        whole("HEAD /connection/1", &format!("{upgrade}{connection}{version}{key}")),
        whole(get, &format!("{upgrade}{connection}{version}{key}Content-Length: 3\r\n")),
        whole(get, &format!("{upgrade}{connection}{version}{key}Transfer-Encoding: chunked\r\n")),
        handshake("/connection/1", KEY).replace("HTTP/1.1", "HTTP/1.0"),
    ];
    for half in halves {
        let mut client = gate.connect().await;
        client.send(format!("{half}GET /any/ HTTP/1.1\r\nHost: gate\r\n{KEY}\r\n")).await;
        let answer = if half.starts_with("HEAD") { client.answer_to_head().await } else { client.answer().await };
        assert_eq!(answer.status, 400, "{half}");
        assert_eq!(answer.header("connection"), Some("close"), "{half}");
        let rest = client.rest().await;
        assert!(half.starts_with("HEAD") || rest.is_empty(), "{half}: nothing behind it is answered");
    }
    assert_eq!(backend.connections().len(), 0);
}

#[tokio::test]
async fn each_direction_closes_by_itself() {
    let backend = Backend::start(|mut talk: Talk| async move {
        let Some(head) = talk.head().await else { return };
        talk.open_websocket(&head, "").await;
        if talk.number == 0 {
            // The client ends first; there is still something to tell it.
            talk.ended().await;
            talk.send(frame(1, b"after your end", false)).await;
        } else {
            // The backend ends first, and still listens.
            talk.finish_sending().await;
            talk.ended().await;
        }
    })
    .await;
    let gate = gate_before(&backend).await;

    let mut socket = WebSocket::open(gate.connect().await, "/connection/1", "sk_live_server").await;
    socket.send(1, b"last words").await;
    socket.0.finish_sending().await;
    assert_eq!(socket.next().await.unwrap().payload, b"after your end");
    assert_eq!(socket.next().await, None);
    assert!(backend.connection(0).await.bytes().ends_with(&frame(1, b"last words", true)));

    let mut socket = WebSocket::open(gate.connect().await, "/connection/1", "sk_live_server").await;
    assert_eq!(socket.next().await, None);
    socket.send(1, b"are you there?").await;
    let recording = backend.connection(1).await;
    let last = frame(1, b"are you there?", true);
    within("the last message", recording.when(|bytes, _| bytes.ends_with(&last).then_some(()))).await;
    socket.0.finish_sending().await;
    within("the end", recording.when(|_, ended| ended.then_some(()))).await;
    gate.series_is(r#"keygate_connections{transport="websocket"}"#, 0.0).await;
}

/// Bytes whose place can be told from their value.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 31 / 7 % 251).unwrap()).collect()
}

#[tokio::test]
async fn a_slow_reader_gets_every_byte() {
    const LENGTH: usize = 12 << 20;
    let (held, release) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let backend = Backend::start({
        let (held, release) = (Arc::clone(&held), Arc::clone(&release));
        move |mut talk: Talk| {
            let (held, release) = (Arc::clone(&held), Arc::clone(&release));
            async move {
                let Some(head) = talk.head().await else { return };
                talk.hold();
                talk.open_websocket(&head, "").await;
                held.add_permits(1);
                talk.send(frame(2, &pattern(LENGTH), false)).await;
                let _permit = release.acquire().await;
                talk.flow();
                let _ = talk.frame().await;
                talk.ended().await;
            }
        }
    })
    .await;
    let gate = gate_before(&backend).await;
    let mut socket = WebSocket::open(Client::narrow(gate.address()).await, "/connection/1", "sk_live_server").await;
    let _ = within("the backend", held.acquire()).await.unwrap();
    // The backend does not read: the client's bytes fill every buffer on the way. Nor does the client, for now.
    let large = frame(2, &pattern(LENGTH), true);
    let mut sent = 0;
    let before = gate.metrics().await.value("process_resident_memory_bytes").unwrap();
    let stuck = async {
        while sent < large.len() {
            use tokio::io::AsyncWriteExt as _;
            sent += socket.0.stream.write(&large[sent..]).await.unwrap();
        }
    };
    // The first round trip on another connection after which the client could not send more.
    let full = async {
        for _ in 0..20 {
            gate.metrics().await;
        }
    };
    let all_taken = tokio::select! { biased; () = stuck => true, () = full => false };
    assert!(!all_taken, "somebody buffered {LENGTH} bytes for a backend that does not read");
    let grown = gate.metrics().await.value("process_resident_memory_bytes").unwrap() - before;
    assert!(grown < 6e6, "the gate holds {grown} bytes more");
    release.add_permits(1);
    let received = socket.next();
    let received = within("the backend's message", received).await.unwrap();
    assert!(received.payload == pattern(LENGTH), "the bytes are other bytes");
    socket.0.send(&large[sent..]).await;
    let recording = backend.connection(0).await;
    within("all of the client's message", recording.when(|bytes, _| bytes.ends_with(&large[large.len() - 64..]).then_some(())))
        .await;
    let bytes = recording.bytes();
    assert!(bytes[Head::end_in(&bytes).unwrap()..] == large, "the bytes are other bytes");
}

#[tokio::test]
async fn a_reset_is_passed_on() {
    let backend = Backend::start(|mut talk: Talk| async move {
        let Some(head) = talk.head().await else { return };
        talk.open_websocket(&head, "").await;
        let first = talk.frame().await;
        if first.is_some_and(|frame| frame.payload == b"reset") {
            return talk.reset();
        }
        talk.ended().await;
    })
    .await;
    let gate = gate_before(&backend).await;
    let mut socket = WebSocket::open(gate.connect().await, "/connection/1", "sk_live_server").await;
    socket.send(1, b"hello").await;
    let recording = backend.connection(0).await;
    within("a message", recording.when(|bytes, _| bytes.ends_with(&frame(1, b"hello", true)).then_some(()))).await;
    socket.0.reset();
    within("the end", recording.when(|_, ended| ended.then_some(()))).await;

    let mut socket = WebSocket::open(gate.connect().await, "/connection/1", "sk_live_server").await;
    socket.send(1, b"reset").await;
    assert_eq!(socket.next().await, None);
    gate.series_is(r#"keygate_connections{transport="websocket"}"#, 0.0).await;
    let closed = gate.metrics().await;
    for initiator in ["client", "upstream"] {
        let series =
            format!(r#"keygate_connections_closed_total{{initiator="{initiator}",reason="reset",transport="websocket"}}"#);
        assert_eq!(closed.value(&series), Some(1.0), "{series}\n{}", closed.text);
    }
}

#[tokio::test]
async fn a_backend_that_is_gone_is_a_502_and_a_silent_one_a_504() {
    let backend = Backend::start(|mut talk: Talk| async move {
        talk.head().await;
        if talk.number == 0 {
            return talk.close();
        }
        talk.ended().await;
    })
    .await;
    let gate = Gate::start(Setup {
        timeouts: "{ head: 10s, connect: 5s, upstream_head: 300ms, drain: 5s }".to_owned(),
        ..Setup::before(backend.address)
    })
    .await;
    for (status, code) in [(502, "upstream_unreachable"), (504, "upstream_timeout")] {
        let mut client = gate.connect().await;
        let answer = client.ask(handshake("/connection/1", &format!("{KEY}Origin: {ORIGIN}\r\n"))).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
        assert_eq!(answer.header("connection"), Some("close"));
    }
    let recording = backend.connection(1).await;
    within("the silent backend to be left", recording.when(|_, ended| ended.then_some(()))).await;
}

#[tokio::test]
async fn a_refused_handshake_keeps_the_connection_for_a_better_one() {
    let backend = Backend::echoing().await;
    let gate = gate_before(&backend).await;
    let mut client = gate.connect().await;
    assert_eq!(client.ask(handshake("/connection/1", "")).await.status, 401);
    assert_eq!(client.ask(handshake("/connection/1", "x-api-key: wrong\r\n")).await.code(), "invalid_token");
    assert_eq!(client.ask(handshake("/connection/1", &format!("x-api-key: {WEB_KEY}\r\n"))).await.code(), "origin_refused");
    assert_eq!(backend.connections().len(), 0);
    WebSocket::open(client, "/connection/1", "sk_live_server").await.echoes("at last").await;
}

#[tokio::test]
async fn a_weak_key_needs_a_backend_that_enforces() {
    let backend = Backend::echoing().await;
    let routes = "[{ name: plain, match: { path: /plain }, operation: subscribe }]";
    let gate = Gate::start(Setup { routes: routes.to_owned(), ..Setup::before(backend.address) }).await;
    let mut client = gate.connect().await;
    let web = format!("x-api-key: {WEB_KEY}\r\nOrigin: {ORIGIN}\r\n");
    let answer = client.ask(handshake("/plain", &web)).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "not_capable"));
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains("insufficient_scope"), "{challenge}");
    WebSocket::open(client, "/plain", "sk_live_server").await.echoes("a key that may do everything").await;
}
