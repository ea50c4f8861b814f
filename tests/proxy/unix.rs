//! Clients that come through a Unix socket: what they get, whom they are taken for, and whose the socket's file is.

mod file;

use std::path::PathBuf;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustix::process::Signal;

use super::support::{Backend, Client, Gate, ORIGIN, Setup, WEB_KEY, WebSocket, identity_stamped_once, secret_key};

const KEY: &str = "x-api-key: sk_live_server\r\n";
const LISTENERS: &str = "[{ address: '127.0.0.1:0' }, { address: 'unix:gate.sock' }]";

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: gate\r\n{headers}\r\n")
}

fn setup(backend: &Backend) -> Setup {
    let keys = vec![
        secret_key("server", "sk_live_server", ""),
        secret_key("here", "sk_live_here", "ips: [127.0.0.0/8, '::/1']"),
        format!("  - {{ id: web, app: demo, kind: publishable, environment: live, key: {WEB_KEY}, origins: ['{ORIGIN}'] }}\n"),
    ];
    let credentials = "{ header: x-api-key, basic: true, query: [key] }".to_owned();
    Setup { listeners: LISTENERS.to_owned(), keys, credentials, ..Setup::before(backend.address) }
}

fn socket(gate: &Gate) -> PathBuf {
    gate.path("gate.sock")
}

async fn connect(gate: &Gate) -> Client {
    Client::unix(&socket(gate)).await
}

/// The addresses that the backend was told of with the only request for `path`.
fn told(backend: &Backend, path: &str) -> String {
    let requests = backend.requests();
    let same: Vec<_> = requests.iter().filter(|request| request.target == path).collect();
    let [request] = same[..] else { panic!("{} requests for {path}", same.len()) };
    identity_stamped_once(request).unwrap();
    request.header("x-forwarded-for").unwrap().to_owned()
}

#[tokio::test]
async fn everything_passes_through_a_file() {
    let backend = Backend::realtime().await;
    let mut gate = Gate::start(setup(&backend)).await;
    let mut client = connect(&gate).await;
    for path in ["/any/1", "/any/2"] {
        assert_eq!(client.ask(get(path, KEY)).await.status, 200);
        assert_eq!(told(&backend, path), "unknown");
    }
    assert_eq!(client.ask(get("/any/3", "")).await.status, 401);
    let upload = format!("POST /realtime HTTP/1.1\r\nHost: gate\r\n{KEY}Content-Length: 5\r\n\r\nhello");
    assert_eq!(client.ask(upload).await.status, 200);

    let mut events = connect(&gate).await;
    events.send(get(&format!("/events/a?key={WEB_KEY}"), &format!("Accept: text/event-stream\r\nOrigin: {ORIGIN}\r\n"))).await;
    assert_eq!(events.head().await.status, 200);
    events.read_through(b"\n\n\r\n").await;
    let mut socket = WebSocket::open(connect(&gate).await, "/connection/1", "sk_live_server").await;
    socket.echoes("through a file").await;
    assert_eq!(gate.logged("/any/1").await["peer"], "unix");
    let (_, list, _) = gate.command(&["connections", "list", "-o", "json"]).await;
    assert_eq!(list.matches(r#""peer":"unix""#).count() + list.matches(r#""peer": "unix""#).count(), 2, "{list}");

    gate.replace_keys(&[secret_key("server", "sk_live_server", "state: revoked")]);
    socket.is_closed_with(1008).await;
    events.rest().await;
    drop((client, events, socket));
    gate.series_is("keygate_client_connections", 0.0).await;
    gate.program.signal(Signal::TERM);
    assert_eq!(gate.program.exit().await, Some(0));
}

#[tokio::test]
async fn a_drain_tells_streams_to_go_and_takes_nobody_new() {
    let backend = Backend::realtime().await;
    let mut gate = Gate::start(setup(&backend)).await;
    let mut socket = WebSocket::open(connect(&gate).await, "/connection/1", "sk_live_server").await;
    socket.echoes("before").await;
    gate.program.signal(Signal::TERM);
    socket.is_closed_with(1012).await;
    assert_eq!(gate.program.exit().await, Some(0));
    assert!(!self::socket(&gate).exists());
}

/// Credentials in the clear go no further than this machine; a trusted proxy that says otherwise of its client is believed.
#[tokio::test]
async fn basic_credentials_are_taken_as_on_loopback() {
    let backend = Backend::realtime().await;
    let basic = format!("Authorization: Basic {}\r\n", STANDARD.encode("sk_live_server:"));
    for (more, plain_behind) in [("", 200), ("trusted_proxies: [unix]", 401)] {
        let gate = Gate::start(Setup { more: more.to_owned(), ..setup(&backend) }).await;
        let mut client = connect(&gate).await;
        assert_eq!(client.ask(get("/any/", &basic)).await.status, 200, "{more}");
        let answer = client.ask(get("/any/", &format!("{basic}X-Forwarded-Proto: http\r\n"))).await;
        assert_eq!(answer.status, plain_behind, "{more}");
    }
}

#[tokio::test]
async fn a_proxy_behind_the_file_is_believed_where_it_is_named() {
    let backend = Backend::realtime().await;
    let claim = |client: &str| format!("{KEY}X-Forwarded-For: 6.6.6.6, {client}\r\n");
    let limits = "{ ip: { connections: 1, rate: 1/h, burst: 2 } }".to_owned();

    let strange = Gate::start(Setup { limits: limits.clone(), ..setup(&backend) }).await;
    let mut one = connect(&strange).await;
    assert_eq!(one.ask(get("/any/strange", &claim("192.0.2.1"))).await.status, 200);
    assert_eq!(told(&backend, "/any/strange"), "unknown");
    strange.series_is("keygate_untrusted_forwarded_total", 1.0).await;
    // Whoever is behind it, they are one.
    let answer = connect(&strange).await.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "too_many_connections"));
    assert_eq!(one.ask(get("/any/", "x-api-key: sk_live_here\r\n")).await.status, 403, "of no network is who has no address");
    for status in [401, 429] {
        assert_eq!(one.ask(get("/any/", "x-api-key: guess\r\nX-Forwarded-For: 192.0.2.9\r\n")).await.status, status);
    }
    assert_eq!(strange.connect().await.ask(get("/any/", KEY)).await.status, 200, "who comes over TCP is somebody else");

    let more = "trusted_proxies: [unix, 10.0.0.0/8]".to_owned();
    let trusting = Gate::start(Setup { limits, more, ..setup(&backend) }).await;
    let (mut one, mut other) = (connect(&trusting).await, connect(&trusting).await);
    assert_eq!(one.ask(get("/any/one", &claim("192.0.2.1, 10.0.0.2"))).await.status, 200);
    assert_eq!(told(&backend, "/any/one"), "192.0.2.1, 10.0.0.2");
    for status in [401, 401, 429] {
        assert_eq!(one.ask(get("/any/", "x-api-key: guess\r\nX-Forwarded-For: 192.0.2.1\r\n")).await.status, status);
    }
    assert_eq!(other.ask(get("/any/other", &claim("192.0.2.2"))).await.status, 200);
    let mut stranger = trusting.connect().await;
    assert_eq!(stranger.ask(get("/any/tcp", &claim("192.0.2.3"))).await.status, 200);
    assert_eq!(told(&backend, "/any/tcp"), "127.0.0.1", "it is the file that is trusted");
    assert_eq!(trusting.command(&["block", "--ip", "192.0.2.2"]).await.0, Some(0));
    for hidden in ["", "Forwarded: for=unknown\r\n"] {
        let answer = other.ask(get("/any/", &format!("{}{hidden}", claim("192.0.2.2")))).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "blocked"), "{hidden}");
    }
}

#[tokio::test]
async fn the_proxy_protocol_names_clients_there() {
    let backend = Backend::realtime().await;
    let listeners = "[{ address: '127.0.0.1:0' }, { address: 'unix:gate.sock', proxy_protocol: { trusted: [unix] } }]".to_owned();
    let limits = "{ ip: { connections: 1 } }".to_owned();
    let gate = Gate::start(Setup { listeners, limits, ..setup(&backend) }).await;
    let begin = async |header: &str| {
        let mut client = connect(&gate).await;
        client.send(header).await;
        client
    };
    let mut one = begin("PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n").await;
    assert_eq!(one.ask(get("/any/one", KEY)).await.status, 200);
    let mut other = begin("PROXY TCP4 192.0.2.2 10.0.0.1 56324 443\r\n").await;
    assert_eq!(other.ask(get("/any/other", KEY)).await.status, 200);
    let mut unnamed = begin("PROXY UNKNOWN\r\n").await;
    assert_eq!(unnamed.ask(get("/any/unnamed", KEY)).await.status, 200);
    for (path, client) in [("/any/one", "192.0.2.1"), ("/any/other", "192.0.2.2"), ("/any/unnamed", "unknown")] {
        assert_eq!(told(&backend, path), client);
    }
    let answer = begin("PROXY TCP4 192.0.2.1 10.0.0.1 56325 443\r\n").await.answer().await;
    assert_eq!(answer.code(), "too_many_connections");
    let mut without = connect(&gate).await;
    let _ = without.try_send(get("/any/", KEY)).await;
    assert_eq!(without.rest().await, b"");
    gate.series_is(r#"keygate_proxy_protocol_errors_total{reason="malformed"}"#, 1.0).await;
}
