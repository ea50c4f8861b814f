//! What a page on another origin may ask and read (Fetch standard, CORS).

use super::support::{Answer, Backend, Gate, ORIGIN, Setup, WEB_KEY};

async fn gate() -> (Backend, Gate) {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nVary: Accept-Encoding\r\nContent-Length: 2\r\n\r\nok").await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    (backend, gate)
}

fn preflight(target: &str, origin: &str, method: &str) -> String {
    format!(
        "OPTIONS {target} HTTP/1.1\r\nHost: gate\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: {method}\r\n\
         Access-Control-Request-Headers: x-api-key,content-type\r\n\r\n"
    )
}

#[track_caller]
fn allows(answer: &Answer, origin: Option<&str>) {
    assert_eq!(answer.header("access-control-allow-origin"), origin, "{answer:?}");
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let vary: Vec<_> = answer.all("vary").iter().flat_map(|value| value.split(", ")).map(str::to_ascii_lowercase).collect();
    assert!(vary.contains(&"origin".to_owned()), "{vary:?}");
    let exposed = answer.header("access-control-expose-headers");
    assert_eq!(exposed.is_some(), origin.is_some());
    assert!(
        exposed.is_none_or(|list| list.contains("Retry-After") && list.contains("RateLimit") && list.contains("X-Request-Id"))
    );
}

#[tokio::test]
async fn a_preflight_is_answered_without_a_key_and_without_the_backend() {
    let (backend, gate) = gate().await;
    let mut client = gate.connect().await;
    for origin in [ORIGIN, "https://a.example.org", "https://a.b.example.org"] {
        let answer = client.ask(preflight("/realtime", origin, "POST")).await;
        assert_eq!(answer.status, 204);
        allows(&answer, Some(origin));
        assert_eq!(answer.header("access-control-allow-methods"), Some("POST"));
        assert_eq!(answer.header("access-control-allow-headers"), Some("x-api-key,content-type"));
        assert!(answer.header("access-control-max-age").is_some());
    }
    assert_eq!(backend.connections().len(), 0);
}

#[tokio::test]
async fn a_preflight_is_routed_by_the_method_that_it_asks_for() {
    let (_backend, gate) = gate().await;
    let mut client = gate.connect().await;
    for (target, origin, method, status, code) in [
        ("/realtime", ORIGIN, "GET", 404, "no_route"),
        ("/none", ORIGIN, "POST", 404, "no_route"),
        ("/realtime", "https://evil.example", "POST", 403, "origin_refused"),
        ("/realtime", "https://example.org", "POST", 403, "origin_refused"),
        ("/realtime", "http://app.example.com", "POST", 403, "origin_refused"),
        ("/realtime", "https://app.example.com:8443", "POST", 403, "origin_refused"),
        ("/realtime", "null", "POST", 403, "origin_refused"),
    ] {
        let answer = client.ask(preflight(target, origin, method)).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{target} {origin} {method}");
        allows(&answer, None);
    }
}

#[tokio::test]
async fn other_options_are_requests_like_any() {
    let (backend, gate) = gate().await;
    let mut client = gate.connect().await;
    let plain = format!("OPTIONS /any/ HTTP/1.1\r\nHost: gate\r\nOrigin: {ORIGIN}\r\n\r\n");
    assert_eq!(client.ask(plain).await.code(), "missing_key");
    let with_key = "OPTIONS /any/ HTTP/1.1\r\nHost: gate\r\nx-api-key: sk_live_server\r\n\r\n";
    assert_eq!(client.ask(with_key).await.status, 200);
    assert_eq!(backend.request().method, "OPTIONS");
}

#[tokio::test]
async fn every_answer_may_be_read_by_a_listed_origin_and_no_other() {
    let (_backend, gate) = gate().await;
    let mut client = gate.connect().await;
    for (target, key, status) in [
        ("/any/", WEB_KEY, 200),
        ("/any/", "wrong", 401),
        ("/any/", "", 401),
        ("/api/", WEB_KEY, 403),
        ("/none", WEB_KEY, 404),
        ("/events/a", WEB_KEY, 200),
    ] {
        let ask = |origin: &str| format!("GET {target} HTTP/1.1\r\nHost: gate\r\nOrigin: {origin}\r\nx-api-key: {key}\r\n\r\n");
        let answer = client.ask(ask(ORIGIN)).await;
        assert_eq!(answer.status, status, "{target} {key}");
        allows(&answer, Some(ORIGIN));
        allows(&client.ask(ask("https://evil.example")).await, None);
        allows(&client.ask(ask("null")).await, None);
    }
}
