//! T-UPG: sixty ways to have a proxy believe that a connection is no longer HTTP. Behind each comes a second request, without a key: the
//! backend must not see it. CVE-2026-2833, websocket-smuggle's two scenarios, h2csmuggler.

use super::support::{Backend, Client, Gate, NONCE, Setup, Talk, each_was_decided, relay, until};

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: gate\r\nX-Keygate-App: spoof\r\nConnection: close\r\n\r\n";

/// What the backend says to it, by the last segment of the path.
const ANSWERS: [(&str, &str); 5] = [
    ("declines", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    ("wants-another-version", "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n"),
    // As a backend that fetches a URL of the client's choice and passes its status on.
    ("passes-a-status-on", "HTTP/1.1 101 Switching Protocols\r\nContent-Length: 0\r\n\r\n"),
    ("lies", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"),
    ("refuses", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
];

/// Methods and headers; `NONCE` stands for the key and version of a WebSocket.
const FORMS: [(&str, &str); 12] = [
    ("GET", "Connection: Upgrade\r\nUpgrade: websocket\r\nNONCE"),
    ("GET", "Upgrade: websocket\r\nNONCE"),
    (
        "GET",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 777\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    ),
    ("GET", "Connection: Upgrade\r\nUpgrade: websocket\r\n"),
    ("POST", "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\nNONCE"),
    ("GET", "Connection: Upgrade\r\nUpgrade: foo\r\n"),
    ("GET", "Connection: Upgrade\r\nUpgrade: h2c, websocket\r\nNONCE"),
    ("GET", "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\nNONCE"),
    ("GET", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"),
    ("GET", "Connection: Upgrade\r\nUpgrade: TLS/1.3\r\n"),
    ("GET", "NONCE"),
    ("HEAD", "Connection: Upgrade\r\nUpgrade: websocket\r\nNONCE"),
];

fn vectors() -> impl Iterator<Item = (String, String)> {
    let nonce = format!("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {NONCE}\r\n");
    FORMS.iter().flat_map(move |(method, headers)| {
        let headers = headers.replace("NONCE", &nonce);
        ANSWERS.iter().map(move |(name, _)| {
            let target = format!("/any/{name}");
            (target.clone(), format!("{method} {target} HTTP/1.1\r\nHost: gate\r\nx-api-key: sk_live_server\r\n{headers}\r\n"))
        })
    })
}

/// Answers each head as its path says, and goes on listening whatever it said.
async fn backend() -> Backend {
    Backend::start(|mut talk: Talk| async move {
        while let Some(head) = talk.head().await {
            let answer = ANSWERS.iter().find(|(name, _)| head.target.ends_with(name)).map_or(ANSWERS[0].1, |(_, answer)| answer);
            if !talk.send(answer).await {
                return;
            }
        }
    })
    .await
}

fn saw_it(backend: &Backend) -> bool {
    backend.bytes().windows(9).any(|window| window == b"/smuggled")
}

#[tokio::test]
async fn no_second_request_slips_behind_an_upgrade() {
    let backend = backend().await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    let mut count = 0;
    for (target, vector) in vectors() {
        for together in [true, false] {
            let mut client = gate.connect().await;
            if together {
                client.send(format!("{vector}{SMUGGLED}")).await;
            } else {
                client.send(&vector).await;
                client.head().await;
                // It may have ended the connection already.
                let _ = client.try_send(SMUGGLED).await;
            }
            client.rest().await;
            assert!(!saw_it(&backend), "{target} after {vector:?}");
            let switched = String::from_utf8_lossy(&client.buffer).contains("HTTP/1.1 101");
            assert!(!switched, "{vector:?}: nobody proved that it is a WebSocket");
        }
        count += 1;
    }
    assert_eq!(count, 60);
    for recording in backend.connections() {
        each_was_decided(&recording.bytes()).unwrap();
    }
}

/// The same sixty through a relay that lets go at once.
#[tokio::test]
async fn a_proxy_that_lets_go_is_found() {
    let backend = backend().await;
    let address = relay(backend.address).await;
    for (at, (_, vector)) in vectors().enumerate() {
        let mut client = Client::to(address).await;
        client.send(format!("{vector}{SMUGGLED}")).await;
        let recording = backend.connection(at).await;
        let text = || async { String::from_utf8_lossy(&recording.bytes()).contains("/smuggled").then_some(()) };
        until("the smuggled request", text).await;
        assert!(each_was_decided(&recording.bytes()).is_err());
    }
}
