//! `websocket: { refusal: close }`: a refused handshake is completed and closed with what the HTTP answer would have said, for a page
//! can read a Close and no status.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rustix::process::Signal;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

use super::support::{Answer, Backend, Client, Gate, NONCE, ORIGIN, Setup, WEB_KEY, WebSocket, accept_of, handshake};

const KEY: &str = "x-api-key: sk_live_server\r\n";
const CLOSE: &str = "websocket: { refusal: close }";

fn setup(upstream: impl std::fmt::Display) -> Setup {
    Setup { more: CLOSE.to_owned(), ..Setup::before(upstream) }
}

/// Sends a handshake, and returns its 101, and the code and reason of the Close behind it, after which nothing may come.
async fn closed(mut client: Client, handshake: String) -> (Answer, u16, String) {
    client.send(handshake).await;
    let (mut socket, answer) = WebSocket::answered(client).await;
    assert_eq!(answer.header("sec-websocket-accept"), Some(accept_of(NONCE).as_str()));
    assert_eq!((answer.header("upgrade"), answer.header("connection")), (Some("websocket"), Some("Upgrade")));
    assert!(answer.header("x-request-id").is_some() && answer.header("sec-websocket-extensions").is_none());
    let close = socket.next().await.expect("a Close");
    let reason = String::from_utf8(close.payload[2..].to_vec()).expect("text");
    let code = close.close_code().expect("a code");
    assert_eq!(socket.next().await, None, "nothing follows");
    (answer, code, reason)
}

#[tokio::test]
async fn a_page_reads_why_it_is_refused() {
    let backend = Backend::realtime().await;
    let limits = "{ key: { rate: 1/h, burst: 1 } }".to_owned();
    let gate = Gate::start(Setup { limits, ..setup(backend.address) }).await;
    let web = format!("x-api-key: {WEB_KEY}\r\n");
    for (path, headers, code, reason) in [
        ("/connection/1", String::new(), 4401, "missing_key"),
        ("/connection/1", "x-api-key: sk_live_guess\r\n".to_owned(), 4401, "invalid_token"),
        ("/connection/1", format!("{web}Origin: https://evil.example\r\n"), 4403, "origin_refused"),
        ("/api/1", format!("{web}Origin: {ORIGIN}\r\n"), 4403, "not_capable"),
        ("/nowhere", KEY.to_owned(), 4404, "no_route"),
    ] {
        let (_, said, why) = closed(gate.connect().await, handshake(path, &headers)).await;
        assert_eq!((said, why.as_str()), (code, reason), "{path} {headers}");
    }
    WebSocket::open(gate.connect().await, "/connection/1", "sk_live_server").await.echoes("let in").await;
    let (_, code, reason) = closed(gate.connect().await, handshake("/connection/1", KEY)).await;
    assert_eq!((code, reason.as_str()), (4429, "rate_limited"));
    assert_eq!(backend.connections().len(), 1, "the backend knows nothing of refusals");
    // Told apart from those that are let in, in log and metrics, as any refusal is.
    let logged = gate.logged("/nowhere").await;
    assert_eq!((logged["status"].as_u64(), logged["reason"].as_str()), (Some(404), Some("no_route")));
}

#[tokio::test]
async fn what_cannot_be_told_to_a_page_stays_http() {
    let backend = Backend::realtime().await;
    let gate = Gate::start(setup(backend.address)).await;
    let ask = async |request: String| gate.connect().await.ask(request).await;
    let two = handshake("/connection/1", &format!("{KEY}Authorization: Bearer sk_live_server\r\n"));
    assert_eq!(ask(two).await.status, 400, "which of two was meant");
    for broken in [
        handshake("/connection/1", "").replace("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"),
        handshake("/connection/1", "").replace(NONCE, "short"),
        handshake("/connection/1", "").replace("Connection: Upgrade\r\n", ""),
        handshake("/connection/1", "Content-Length: 5\r\n"),
        handshake("/connection/1", "Host: other\r\n"),
        handshake("/connection/1", "").replace("HTTP/1.1", "HTTP/1.0"),
        handshake("/connection/%2e%2e/1", ""),
    ] {
        let answer = ask(broken.clone()).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{broken}");
    }
    assert_eq!(ask("GET /any/ HTTP/1.1\r\nHost: gate\r\n\r\n".to_owned()).await.status, 401);
    assert_eq!(ask("GET /events/a HTTP/1.1\r\nHost: gate\r\nAccept: text/event-stream\r\n\r\n".to_owned()).await.status, 401);
    let plain = Gate::start(Setup::before(backend.address)).await;
    assert_eq!(plain.connect().await.ask(handshake("/connection/1", "")).await.status, 401, "unless asked for");
}

/// Browsers fail a connection that selects none of the subprotocols that they offered, and no key is repeated.
#[tokio::test]
async fn a_subprotocol_is_selected_and_never_a_credential() {
    let backend = Backend::realtime().await;
    let gate = Gate::start(setup(backend.address)).await;
    let own = format!("keygate.key.{}", URL_SAFE_NO_PAD.encode("sk_live_guess"));
    for (offered, selected) in [
        (format!("keygate, {own}"), Some("keygate")),
        (format!("chat, {own}"), Some("chat")),
        (own.clone(), None),
        // As Kubernetes has it: the token is the backend's affair, and stands first.
        (format!("base64url.bearer.authorization.k8s.io.c2VjcmV0, v4.channel.k8s.io, {own}"), Some("v4.channel.k8s.io")),
        (format!("{own}, a b, \"c\""), None),
    ] {
        let request = handshake("/connection/1", &format!("Sec-WebSocket-Protocol: {offered}\r\n"));
        let (answer, code, _) = closed(gate.connect().await, request).await;
        assert_eq!((answer.header("sec-websocket-protocol"), code), (selected, 4401), "{offered}");
    }
}

#[tokio::test]
async fn a_backend_that_fails_and_a_drain_are_told_too() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut gate = Gate::start(setup(nobody)).await;
    let (_, code, reason) = closed(gate.connect().await, handshake("/connection/1", KEY)).await;
    assert_eq!((code, reason.as_str()), (4502, "upstream_unreachable"));
    assert_eq!(gate.command(&["drain"]).await.0, Some(0));
    let (_, code, reason) = closed(gate.connect().await, handshake("/connection/1", KEY)).await;
    assert_eq!((code, reason.as_str()), (4503, "draining"));
    gate.program.signal(Signal::TERM);
    assert_eq!(gate.program.exit().await, Some(0));
}

#[tokio::test]
async fn who_guesses_pays_as_for_any_refusal() {
    let backend = Backend::realtime().await;
    let limits = "{ ip: { rate: 1/h, burst: 2 } }".to_owned();
    let gate = Gate::start(Setup { limits, ..setup(backend.address) }).await;
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(closed(gate.connect().await, handshake("/connection/1", "x-api-key: guess\r\n")).await.1);
    }
    assert_eq!(codes, [4401, 4401, 4429]);
}

/// A client that goes on sending as if it had been let in is not listened to, and does not keep its place.
#[tokio::test]
async fn nobody_stays_behind_a_refusal() {
    let backend = Backend::realtime().await;
    let gate = Gate::start(setup(backend.address)).await;
    let mut client = gate.connect().await;
    client.send([handshake("/connection/1", "").as_bytes(), b"\x81\x85\0\0\0\0hello"].concat()).await;
    let (mut socket, _) = WebSocket::answered(client).await;
    assert_eq!(socket.next().await.and_then(|frame| frame.close_code()), Some(4401));
    // It says nothing more, and does not leave.
    gate.series_is("keygate_client_connections", 0.0).await;
    assert_eq!(backend.bytes(), b"");
}

/// A client of others' making reads it as a WebSocket that was opened and closed; a reload brings it into force and takes it back.
#[tokio::test]
async fn a_real_client_is_told() {
    let backend = Backend::realtime().await;
    let gate = Gate::start(Setup { more: String::new(), ..setup(backend.address) }).await;
    let url = format!("ws://{}/connection/1", gate.address());
    assert!(tokio_tungstenite::connect_async(&url).await.is_err());
    gate.replace("keygate.yaml", &setup(backend.address).text());
    gate.reloaded(1).await;
    let (mut socket, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
    let last = futures_util::StreamExt::next(&mut socket).await.unwrap().unwrap();
    let Message::Close(Some(CloseFrame { code, reason })) = last else { panic!("{last:?}") };
    assert_eq!((u16::from(code), reason.as_str()), (4401, "missing_key"));
}
