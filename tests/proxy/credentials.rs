//! Basic credentials and cookies: what lets in, and what of them reaches the backend.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::support::{Backend, Gate, Setup, credential_absent};

async fn start() -> (Backend, Gate) {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let credentials = "{ basic: true, cookie: kg, websocket_protocol: false }".to_owned();
    let setup = Setup { credentials, ..Setup::before(backend.address) };
    (backend, Gate::start(setup).await)
}

fn get(headers: &str) -> String {
    format!("GET /any/ HTTP/1.1\r\nHost: gate\r\n{headers}\r\n")
}

fn basic(text: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(text))
}

#[tokio::test]
async fn basic_credentials_let_in_and_stay_here() {
    let (backend, gate) = start().await;
    let mut client = gate.connect().await;
    for text in ["sk_live_server:", ":sk_live_server"] {
        assert_eq!(client.ask(get(&basic(text))).await.status, 200, "{text}");
    }
    let answer = client.ask(get(&basic("demo.server:sk_live_server"))).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "invalid_token"));
    let seen = backend.requests();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|request| request.header("authorization").is_none()));
    credential_absent(
        &backend.bytes(),
        &["sk_live_server", &STANDARD.encode("sk_live_server:"), &STANDARD.encode(":sk_live_server")],
    )
    .unwrap();
}

#[tokio::test]
async fn the_gates_cookie_stays_here_and_others_go_on() {
    let (backend, gate) = start().await;
    let mut client = gate.connect().await;
    let answer = client.ask(get("Cookie: a=b; kg=sk_live_server\r\n")).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "invalid_token"));
    assert_eq!(gate.logged("/any/").await["reason"], "key_in_cookie");
    let answer = client.ask(get("Cookie: a=b; c=d\r\nx-api-key: sk_live_server\r\n")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(backend.request().header("cookie"), Some("a=b; c=d"));
}
