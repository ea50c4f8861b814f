//! What is turned away, and in which order: the wrong host and pages of others before anybody is asked who they are, wrong tokens before
//! anything is read.

use std::sync::Arc;

use serde_json::json;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{ClientConfig, RootCertStore, ServerConfig, pki_types::ServerName},
};

use crate::{client::Ask, roles, world::World};

#[tokio::test]
async fn a_name_that_is_not_the_listener_s_reaches_nothing() {
    let world = World::new().await;
    for (method, target, body) in roles::calls() {
        for head in [("host", "evil.example"), ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
            let ask = Ask::new(&method, &target).token("owner");
            let ask = if head.0 == "host" { ask.without("host") } else { ask }.with(head.0, head.1);
            let ask = match &body {
                Some(body) => ask.json(body),
                None => ask,
            };
            let answer = ask.send(world.address).await;
            let expected = if head.0 == "host" { (421, "misdirected") } else { (403, "cross_origin") };
            assert_eq!((answer.status, answer.code().as_str()), expected, "{method} {target} with {head:?}");
        }
    }
    assert!(world.manager.notes.lock().is_empty() && world.manager.steps.lock().is_empty(), "and nobody was asked");
}

#[tokio::test]
async fn its_own_names_and_pages_reach_it() {
    let world = World::new().await;
    let port = world.address.port();
    for (host, origin) in [
        (format!("127.0.0.1:{port}"), Some(format!("http://127.0.0.1:{port}"))),
        (format!("localhost:{port}"), None),
        ("admin.example.com".to_owned(), Some("https://admin.example.com".to_owned())),
    ] {
        let ask =
            Ask::new("GET", "/v1/keys").token("viewer").without("host").with("host", &host).with("sec-fetch-site", "same-origin");
        let ask = match &origin {
            Some(origin) => ask.with("origin", origin),
            None => ask,
        };
        assert_eq!(ask.send(world.address).await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn every_answer_is_kept_from_caches_frames_and_other_sites() {
    let world = World::new().await;
    let asks = [
        Ask::new("GET", "/v1/keys").token("owner"),
        Ask::new("GET", "/v1/keys"),
        Ask::new("GET", "/nowhere"),
        Ask::new("DELETE", "/v1/keys"),
        Ask::new("OPTIONS", "/v1/keys").with("access-control-request-method", "POST"),
        Ask::new("GET", "/v1/keys").without("host").with("host", "evil.example"),
        Ask::new("GET", "/"),
        Ask::new("GET", "/style.css"),
        Ask::new("GET", "/v1/openapi.json"),
    ];
    for ask in asks {
        let told = format!("{} {}", ask.method, ask.target);
        let is_console = ["/", "/style.css"].contains(&ask.target);
        let answer = ask.send(world.address).await;
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"), "{told}");
        assert_eq!(answer.field("referrer-policy"), Some("no-referrer"), "{told}");
        assert_eq!(answer.field("cache-control"), Some(if is_console { "no-cache" } else { "no-store" }), "{told}");
        let policy = answer.field("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{told}: {policy}");
        assert_eq!(policy.contains("script-src 'self'"), is_console, "{told}");
        assert!(answer.head.iter().all(|(name, _)| !name.starts_with("access-control-")), "{told}");
    }
}

#[tokio::test]
async fn who_has_no_token_is_challenged() {
    let world = World::new().await;
    let ask = || Ask::new("GET", "/v1/keys");
    let bare = ask().send(world.address).await;
    assert_eq!((bare.status, bare.code().as_str()), (401, "unauthenticated"));
    assert_eq!(bare.field("www-authenticate"), Some(r#"Bearer realm="keygate-admin""#));
    for (scheme, status, code) in [
        ("Bearer wrong", 401, "invalid_token"),
        ("bearer owner", 200, ""),
        ("BEARER  owner", 200, ""),
        ("Basic b3duZXI6", 401, "unauthenticated"),
        ("Bearer", 401, "unauthenticated"),
        ("owner", 401, "unauthenticated"),
    ] {
        let answer = ask().with("authorization", scheme).send(world.address).await;
        assert_eq!(answer.status, status, "{scheme}");
        if status == 401 {
            assert_eq!(answer.code(), code, "{scheme}");
            let challenge = answer.field("www-authenticate").expect("a challenge");
            assert_eq!(challenge.contains("error=\"invalid_token\""), code == "invalid_token", "{scheme}");
        }
    }
    let twice = ask().token("owner").token("owner").send(world.address).await;
    assert_eq!((twice.status, twice.code().as_str()), (400, "bad_request"));
    let long = ask().token(&"a".repeat(5000)).send(world.address).await;
    assert_eq!((long.status, long.code().as_str()), (401, "invalid_token"));
}

#[tokio::test]
async fn wrong_tokens_are_bounded_and_right_ones_never_are() {
    let world = World::new().await;
    let mut answers = Vec::new();
    for n in 0..40 {
        answers.push(Ask::new("GET", "/v1/keys").token(&format!("guess-{n}")).send(world.address).await);
    }
    assert!(answers[..30].iter().all(|answer| answer.status == 401));
    let last = answers.last().expect("answers");
    assert_eq!((last.status, last.code().as_str()), (429, "too_many_refusals"));
    let seconds: u32 = last.field("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(Ask::new("GET", "/v1/keys").token("owner").send(world.address).await.status, 200);
}

#[tokio::test]
async fn a_wrong_token_comes_before_all_that_is_to_be_read() {
    let world = World::new().await;
    let answer = Ask::new("POST", "/v1/keys").token("wrong").text("text/plain", "no JSON").send(world.address).await;
    assert_eq!(answer.status, 401);
    let answer = Ask::new("POST", "/v1/operators").token("viewer").text("text/plain", "no JSON").send(world.address).await;
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn no_answer_repeats_a_token() {
    let world = World::new().await;
    let canary = "canary_9f2c";
    let asks = [
        Ask::new("GET", "/v1/keys").token(canary),
        Ask::new("GET", "/v1/keys/sk_live_canary_9f2c_").token("owner"),
        Ask::new("POST", "/v1/operators").token("owner").json(&json!({ "name": canary, "role": canary })),
        Ask::new("POST", "/v1/apps").token("owner").json(&json!({ "id": 5, "environment": canary })),
        Ask::new("POST", "/v1/keys/web/revoke").token("owner").json(&json!({ "wait": canary })),
        Ask::new("POST", "/v1/connections/cut").token("owner").json(&json!({ "key": format!("{canary}!") })),
        Ask::new("GET", "/v1/audit?limit=canary_9f2c").token("owner"),
        Ask::new("GET", "/v1/keys?kind=canary_9f2c").token("owner"),
    ];
    for ask in asks {
        let told = format!("{} {}", ask.method, ask.target);
        let answer = ask.send(world.address).await;
        assert!(answer.status >= 400, "{told}");
        let text = format!("{:?} {}", answer.head, String::from_utf8_lossy(&answer.body));
        assert!(!text.contains(canary), "{told}: {text}");
    }
}

#[tokio::test]
async fn under_tls_it_is_the_same_and_a_page_in_the_clear_is_another_s() {
    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = identity.signing_key.serialize_der().try_into().expect("a key");
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().expect("versions");
    let server = server.with_no_client_auth().with_single_cert(vec![identity.cert.der().clone()], key).expect("a server");
    let world = World::with(Some(TlsAcceptor::from(Arc::new(server)))).await;
    let mut roots = RootCertStore::empty();
    roots.add(identity.cert.der().clone()).expect("a root");
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let connector = TlsConnector::from(Arc::new(client.with_root_certificates(roots).with_no_client_auth()));
    for (origin, status) in [("https://localhost", 200), ("http://localhost", 403)] {
        let stream = TcpStream::connect(world.address).await.expect("the listener");
        let stream = connector.connect(ServerName::try_from("localhost").expect("a name"), stream).await.expect("a handshake");
        let ask = Ask::new("GET", "/v1/whoami").token("owner").with("origin", origin).with("connection", "close");
        assert_eq!(ask.over(stream).await.status, status, "{origin}");
    }
}
