//! Routes without a key, and refusals that are only reported: what reaches the backend, and what is told of it.

use super::support::{Backend, Gate, ORIGIN, Setup, WEB_KEY, WebSocket, credential_absent, handshake};

const OK: &str = "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nX-Keygate-App: spoof\r\nContent-Length: 2\r\n\r\nok";
const ROUTES: &str = "
  - { name: health, match: { path: /health }, access: public }
  - { name: socket, match: { path: /connection/** }, operation: subscribe, enforce_inside: backend }
  - { name: watched, match: { path: /watched, methods: [POST] }, operation: publish, mode: report }
  - { name: held, match: { path: /held }, operation: any, mode: enforce }";

fn get(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: gate.example\r\n{headers}\r\n")
}

async fn start(mode: &str) -> (Backend, Gate) {
    let backend = Backend::answering(OK).await;
    let setup = Setup { routes: ROUTES.to_owned(), more: format!("mode: {mode}"), ..Setup::before(backend.address) };
    (backend, Gate::start(setup).await)
}

#[tokio::test]
async fn a_public_route_asks_for_no_key_and_passes_none_on() {
    let (backend, gate) = start("enforce").await;
    let mut client = gate.connect().await;
    for headers in ["", "x-api-key: sk_live_server\r\n", "x-api-key: a\r\nx-api-key: b\r\nX-Keygate-Key-Id: spoof\r\n"] {
        assert_eq!(client.ask(get("/health?key=pk_live_web&a=1", headers)).await.status, 200, "{headers}");
    }
    assert_eq!(client.ask(get("/health/", "")).await.status, 404, "that path and no other");
    let requests = backend.requests();
    assert_eq!(requests.len(), 3);
    for request in &requests {
        assert_eq!(request.target, "/health?a=1");
        assert_eq!((request.header("x-keygate-key-id"), request.header("x-keygate-app")), (None, None));
        assert!(request.header("x-keygate-request-id").is_some() && request.header("x-forwarded-for").is_some());
    }
    credential_absent(&backend.bytes(), &["sk_live_server", WEB_KEY]).unwrap();
    let line = gate.logged("/health").await;
    assert_eq!((line["outcome"].as_str(), line["key_id"].as_str()), (Some("allow"), None));
}

#[tokio::test]
async fn what_is_only_reported_passes_and_is_told() {
    let (backend, gate) = start("report").await;
    let mut client = gate.connect().await;
    for (target, headers, reason, route) in [
        ("/connection/a", "", "missing_key", "socket"),
        ("/connection/b", "x-api-key: wrong\r\n", "unknown_key", "socket"),
        ("/connection/c", "x-api-key: sk_live_server\r\nAuthorization: Bearer wrong\r\n", "ambiguous_key", "socket"),
        ("/nowhere", "x-api-key: sk_live_server\r\n", "no_route", "unrouted"),
    ] {
        assert_eq!(client.ask(get(target, headers)).await.status, 200, "{target}");
        let line = gate.logged(target).await;
        let told = (line["outcome"].as_str(), line["reason"].as_str(), line["route"].as_str(), line["status"].as_u64());
        assert_eq!(told, (Some("report"), Some(reason), Some(route), Some(200)));
        let series =
            format!(r#"keygate_auth_decisions_total{{outcome="report",reason="{reason}",route="{route}",transport="http"}}"#);
        assert_eq!(gate.metrics().await.value(&series), Some(1.0));
    }
    let requests = backend.requests();
    assert!(requests.iter().all(|request| request.header("x-keygate-key-id").is_none()), "{requests:?}");
    credential_absent(&backend.bytes(), &["sk_live_server", "wrong"]).unwrap();
    // What is not a matter of mode: a route that enforces, and a head with two readings.
    assert_eq!(client.ask(get("/held", "")).await.status, 401);
    assert_eq!(client.ask("GET /held HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").await.status, 400);
    assert_eq!(backend.requests().len(), requests.len());
}

/// A page that works today goes on working: its preflight and its answers are the backend's while the gate only watches.
#[tokio::test]
async fn a_page_does_not_notice_a_gate_that_watches() {
    let (backend, gate) = start("enforce").await;
    let mut client = gate.connect().await;
    let evil = "Origin: https://evil.example\r\n";
    let preflight =
        |target| format!("OPTIONS {target} HTTP/1.1\r\nHost: gate\r\n{evil}Access-Control-Request-Method: POST\r\n\r\n");
    assert_eq!(client.ask(preflight("/held")).await.status, 403);
    let answer = client.ask(preflight("/watched")).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some("*")));
    let post = |origin: &str| {
        format!("POST /watched HTTP/1.1\r\nHost: gate\r\nOrigin: {origin}\r\nx-api-key: {WEB_KEY}\r\nContent-Length: 0\r\n\r\n")
    };
    let answer = client.ask(post("https://evil.example")).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some("*")));
    assert_eq!(answer.header("x-keygate-app"), None, "what is nobody's business outside stays inside");
    let methods: Vec<_> = backend.requests().iter().map(|request| request.method.clone()).collect();
    assert_eq!(methods, ["OPTIONS", "POST"]);
    // The key was good, so the backend is told whose it is.
    assert_eq!(backend.requests()[1].header("x-keygate-key-id"), Some("web"));
    // It may not publish: reported as well, from its own origin.
    assert_eq!(client.ask(post(ORIGIN)).await.status, 200);
    assert_eq!(gate.logged("/watched").await["reason"], "missing_key");
}

#[tokio::test]
async fn a_reported_stream_ends_with_its_key_and_not_with_what_is_only_reported() {
    let backend = Backend::echoing().await;
    let setup = Setup { more: "mode: report".to_owned(), routes: ROUTES.to_owned(), ..Setup::before(backend.address) };
    let keys = setup.keys.clone();
    let gate = Gate::start(setup).await;
    let unlisted = format!("Origin: https://evil.example\r\nx-api-key: {WEB_KEY}\r\n");
    let mut client = gate.connect().await;
    assert_eq!(client.ask(handshake("/connection/1", &unlisted)).await.status, 101);
    let mut known = WebSocket(client);
    let mut client = gate.connect().await;
    assert_eq!(client.ask(handshake("/connection/2", "")).await.status, 101);
    let mut nobody = WebSocket(client);
    gate.replace_keys(&keys[1..]);
    gate.reloaded(1).await;
    known.is_closed_with(1008).await;
    nobody.echoes("who came without a key has none to lose").await;
}
