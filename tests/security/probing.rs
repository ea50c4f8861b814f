//! T-SKIP, T-NEG, T-DUPKEY, T-LOG, T-RESP, T-FD: what a client or a backend may try without breaking HTTP.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::support::{Answer, Backend, Client, Gate, NONCE, ORIGIN, Setup, WEB_KEY, credential_absent, secret_key};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn get(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: gate\r\n{headers}\r\n")
}

/// T-SKIP: nothing that a client can write spares it the key.
#[tokio::test]
async fn nothing_lets_a_request_skip_the_decision() {
    let backend = Backend::echoing().await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    let headers = [
        "User-Agent: kube-probe/1.30",
        "User-Agent: GoogleHC/1.0",
        "User-Agent: ELB-HealthChecker/2.0",
        "X-Forwarded-Uri: /keygate/refusals",
        "X-Original-URL: /keygate/refusals",
        "X-Original-URI: /livez",
        "X-Rewrite-URL: /livez",
        "X-Envoy-Original-Path: /livez",
        "X-Forwarded-Method: OPTIONS",
        "X-HTTP-Method-Override: OPTIONS",
        "X-Forwarded-For: 127.0.0.1",
        "X-Real-IP: 127.0.0.1",
        "Forwarded: for=127.0.0.1;proto=https",
        "X-Keygate-App: demo",
        "X-Keygate-Key-Id: server",
        "Access-Control-Request-Method: GET",
        "Origin: https://app.example.com",
        "Sec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-origin",
        "Cookie: x-api-key=sk_live_server; key=sk_live_server",
        "Proxy-Authorization: Bearer sk_live_server",
        "X_Api_Key: sk_live_server",
    ];
    let targets = ["/any/a", "/any/livez", "/any/a?/keygate/refusals", "/any/a?x-api-key=sk_live_server", "/any/favicon.ico"];
    for header in headers {
        for target in targets {
            for method in ["GET", "OPTIONS", "POST", "PROPFIND"] {
                let request = format!("{method} {target} HTTP/1.1\r\nHost: gate\r\n{header}\r\n\r\n");
                let answer = gate.connect().await.ask(request).await;
                assert_eq!(answer.status, 401, "{method} {target} with {header}");
            }
        }
    }
    assert_eq!(backend.connections().len(), 0);
    // The status listener's pages are not here.
    for target in ["/livez", "/readyz", "/metrics", "/keygate/", "/keygate/livez"] {
        assert_eq!(gate.connect().await.ask(get(target, "x-api-key: sk_live_server\r\n")).await.status, 404, "{target}");
    }
}

/// T-NEG: who has asked for a key a thousand times has not made it unknown for ever.
#[tokio::test]
async fn a_key_that_was_probed_works_when_it_is_made() {
    let backend = Backend::answering(OK).await;
    let setup = Setup::before(backend.address);
    let mut keys = setup.keys.clone();
    let gate = Gate::start(setup).await;
    let request = get("/any/a", "x-api-key: sk_live_soon\r\n");
    let mut client = gate.connect().await;
    for _ in 0..1000 {
        assert_eq!(client.ask(&request).await.status, 401);
    }
    keys.push(secret_key("soon", "sk_live_soon", ""));
    gate.replace_keys(&keys);
    gate.reloaded(1).await;
    assert_eq!(client.ask(&request).await.status, 200);
    assert_eq!(backend.request().header("x-keygate-key-id"), Some("soon"));
}

/// Where a request may present a key: more of the target, and headers.
fn places(key: &str) -> [(String, String); 5] {
    let protocol = URL_SAFE_NO_PAD.encode(key);
    [
        (String::new(), format!("x-api-key: {key}\r\n")),
        (String::new(), format!("Authorization: Bearer {key}\r\n")),
        (format!("key={key}"), String::new()),
        (format!("api_key={key}"), String::new()),
        (String::new(), format!("Sec-WebSocket-Protocol: keygate, keygate.key.{protocol}\r\n")),
    ]
}

/// T-DUPKEY: all pairs of places, a place with itself among them, with good, wrong and revoked keys.
#[tokio::test]
async fn of_two_credentials_none_is_taken() {
    let backend = Backend::echoing().await;
    let mut setup = Setup::before(backend.address);
    setup.keys.push(secret_key("gone", "sk_live_gone", "state: revoked"));
    let gate = Gate::start(setup).await;
    let keys = [WEB_KEY, "pk_live_wrong", "sk_live_gone"];
    let handshake =
        format!("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {NONCE}\r\n");
    let ask = async |parts: &[&(String, String)]| {
        let query: Vec<_> = parts.iter().map(|part| part.0.as_str()).filter(|text| !text.is_empty()).collect();
        let headers: String = parts.iter().map(|part| part.1.as_str()).collect();
        let target = format!("/connection/1?{}", query.join("&"));
        gate.connect()
            .await
            .ask(get(target.trim_end_matches('?'), &format!("{handshake}Origin: {ORIGIN}\r\n{headers}")))
            .await
            .status
    };
    let mut pairs = 0;
    for (one, other) in keys.iter().flat_map(|one| keys.iter().map(move |other| (one, other))) {
        for first in &places(one) {
            for second in &places(other) {
                assert_eq!(ask(&[first, second]).await, 400, "{first:?} and {second:?}");
                pairs += 1;
            }
        }
    }
    assert_eq!((pairs, backend.connections().len()), (225, 0));
    for place in &places(WEB_KEY) {
        assert_eq!(ask(&[place]).await, 101, "alone, each is a place: {place:?}");
    }
}

/// T-LOG: one line and one object for each request, whatever it says.
#[tokio::test]
async fn a_line_of_the_log_is_one_request() {
    let backend = Backend::answering(OK).await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    let key = "x-api-key: sk_live_server\r\n";
    let payloads = [
        get("/any/%22,%22status%22:200,%22x%22:%22", key),
        get("/any/'a'&b=1,c", key),
        get("/any/caf%C3%A9%E2%80%AE", key),
        get("/any/a", &format!("{key}Origin: \"}}\\u000a{{\"\r\n")),
        get("/any/a", &format!("{key}Origin: \u{1b}[31m\r\n")),
        get("/any/a", &format!("{key}Origin: caf\u{202e}\r\n")),
        get("/any/a\r\nX: {\"event\":\"request\"}", key),
        get("/nowhere/\"},{\"", key),
        get(&format!("/any/{}", "a".repeat(4000)), key),
        format!("G{{T\" /any/a HTTP/1.1\r\nHost: gate\r\n{key}\r\n"),
        format!("AAAAAAAA,BBBB /any/a HTTP/1.1\r\nHost: gate\r\n{key}\r\n"),
        format!("A'|`~!#$%&*+-.^_Z /any/a HTTP/1.1\r\nHost: gate\r\n{key}\r\n"),
    ];
    for payload in &payloads {
        gate.connect().await.ask(payload).await;
    }
    gate.connect().await.ask(get("/any/last", key)).await;
    gate.logged("/any/last").await;
    let text = gate.program.stdout.text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a line is one object")).collect();
    assert_eq!(lines.len(), payloads.len() + 1, "{text}");
    assert!(lines.iter().all(|line| line["event"] == "request" && line["request_id"].is_string()));
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "nothing that a terminal obeys");
    assert!(lines.iter().all(|line| line["path"].as_str().is_some_and(|path| path.chars().count() <= 256)));
}

/// T-RESP: an answer with two readings is no answer, and one in the gate's name is the gate's.
#[tokio::test]
async fn a_backends_answer_splits_nothing() {
    let answers = [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n Set-Cookie: a\r\n\r\nok",
        "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\rSet-Cookie: a\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\0\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nok!",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX_Keygate_App: spoof\r\nx-keygate-app: spoof\r\n\r\nok",
    ];
    for answer in answers {
        let backend = Backend::answering(answer).await;
        let timeouts = "{ head: 10s, connect: 5s, upstream_head: 300ms, drain: 15s }".to_owned();
        let gate = Gate::start(Setup { timeouts, ..Setup::before(backend.address) }).await;
        for accept in ["", "Accept: text/event-stream\r\n"] {
            let mut client = gate.connect().await;
            client.send(get("/any/a", &format!("x-api-key: sk_live_server\r\nConnection: close\r\n{accept}"))).await;
            let told = client.rest().await;
            let text = String::from_utf8_lossy(&told).into_owned();
            let (first, end) = Answer::head_in(&told).expect("an answer");
            assert!(first.header("set-cookie").is_none() && first.header("x-keygate-app").is_none(), "{answer:?}: {text}");
            // A head that ends by LF never ends for the reader of streams.
            assert!(matches!(first.status, 200 | 502 | 504), "{answer:?}: {text}");
            assert!(!text[end..].contains("HTTP/1.1") && !text.contains("smuggled"), "{answer:?}: {text}");
            assert!(
                !text[..end].contains('\0') && text[..end].matches('\r').count() == text[..end].matches('\n').count(),
                "{text:?}"
            );
        }
    }
}

/// T-FD: more clients than descriptors. Those who are there are served, others wait, nobody ends the gate.
#[tokio::test]
async fn a_gate_without_descriptors_lives() {
    let backend = Backend::answering(OK).await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    let limit = rustix::process::Rlimit { current: Some(96), maximum: Some(96) };
    let pid = i32::try_from(gate.program.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
    rustix::process::prlimit(Some(pid), rustix::process::Resource::Nofile, limit).expect("a limit");
    let request = get("/any/a", "x-api-key: sk_live_server\r\n");
    let mut first = gate.connect().await;
    assert_eq!(first.ask(&request).await.status, 200);
    let mut crowd = Vec::new();
    for _ in 0..200 {
        crowd.push(Client::to(gate.address()).await);
    }
    assert_eq!(first.ask(&request).await.status, 200, "who is there is served");
    drop(crowd);
    assert_eq!(gate.connect().await.ask(&request).await.status, 200, "and so is who comes when there is room again");
    assert_eq!(gate.status("/livez").await.status, 200);
    credential_absent(gate.program.stderr.text().as_bytes(), &["sk_live_server"]).unwrap();
}
