//! Who is asking, where proxies stand in front: what the backend is told, what limits count, and what nobody can make up. The tests'
//! clients are the proxies: 127.0.0.1 is trusted, 127.0.0.2 is a stranger.

mod proxy_protocol;

use super::support::{Backend, Client, Gate, Program, Setup, WebSocket, handshake};

const KEY: &str = "x-api-key: sk_live_server\r\n";
const STRANGER: [u8; 4] = [127, 0, 0, 2];

fn get(headers: &str) -> String {
    get_at("/any/", headers)
}

fn get_at(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: gate\r\n{headers}\r\n")
}

/// The hops that the backend was told of with the only request for `path`.
fn told(backend: &Backend, path: &str) -> String {
    let requests = backend.requests();
    let mut same = requests.iter().filter(|request| request.target == path);
    let request = same.next().unwrap_or_else(|| panic!("no request for {path}"));
    assert!(same.next().is_none(), "two requests for {path}");
    request.header("x-forwarded-for").unwrap().to_owned()
}

/// A gate that trusts 127.0.0.1 and 10.0.0.0/8.
async fn behind_proxies(limits: &str) -> (Backend, Gate) {
    let backend = Backend::realtime().await;
    let more = "trusted_proxies: [127.0.0.1, 10.0.0.0/8]".to_owned();
    let gate = Gate::start(Setup { limits: limits.to_owned(), more, ..Setup::before(backend.address) }).await;
    (backend, gate)
}

#[tokio::test]
async fn a_trusted_proxy_names_the_client_and_nobody_else_does() {
    let (backend, gate) = behind_proxies("{}").await;
    let claims = [
        ("x-forwarded-for: 192.0.2.1\r\n", "192.0.2.1, 127.0.0.1"),
        ("X-Forwarded-For: 6.6.6.6, 192.0.2.1:567\r\nX-Forwarded-For: 10.0.0.3\r\n", "192.0.2.1, 10.0.0.3, 127.0.0.1"),
        ("X-Forwarded-For: [2001:DB8::1]:4711\r\n", "2001:db8::1, 127.0.0.1"),
        ("Forwarded: for=6.6.6.6, for=\"[2001:db8::1]:4711\";proto=https\r\n", "2001:db8::1, 127.0.0.1"),
        ("X-Forwarded-For: 192.0.2.1, unknown\r\n", "127.0.0.1"),
        ("Forwarded: for=192.0.2.1, for=\"\r\n", "127.0.0.1"),
        ("X-Forwarded-For: 192.0.2.1\r\nForwarded: for=6.6.6.6\r\n", "127.0.0.1"),
        ("", "127.0.0.1"),
    ];
    let mut proxy = gate.connect().await;
    let mut stranger = Client::from(STRANGER, gate.address()).await;
    for (at, (headers, expected)) in claims.into_iter().enumerate() {
        for (who, client, expected) in [("proxy", &mut proxy, expected), ("stranger", &mut stranger, "127.0.0.2")] {
            let path = format!("/any/{who}{at}");
            assert_eq!(client.ask(get_at(&path, &format!("{KEY}{headers}"))).await.status, 200);
            assert_eq!(told(&backend, &path), expected, "{who}: {headers}");
        }
    }
    assert!(backend.requests().iter().all(|request| request.header("forwarded").is_none()));
    // Seven of the stranger's requests claimed something; told once.
    assert_eq!(gate.metrics().await.value("keygate_untrusted_forwarded_total"), Some(7.0));
    let warning = gate.told("X-Forwarded-For or Forwarded is not believed", 1).await;
    assert_eq!((warning["socket"].as_str(), warning["level"].as_str()), (Some("127.0.0.2"), Some("WARN")));
    let warnings = gate.program.stderr.text().matches("is not believed").count();
    assert_eq!(warnings, 1);
}

#[tokio::test]
async fn log_streams_and_backend_name_the_same_client() {
    let (backend, gate) = behind_proxies("{}").await;
    let headers = format!("{KEY}X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: app.example.com\r\n");
    let mut client = gate.connect().await;
    client.send(handshake("/connection/1", &headers)).await;
    let (mut socket, _) = WebSocket::answered(client).await;
    socket.echoes("hello").await;
    let mut events = gate.connect().await;
    events.send(format!("GET /events/a HTTP/1.1\r\nHost: gate\r\nAccept: text/event-stream\r\n{headers}\r\n")).await;
    assert_eq!(events.head().await.status, 200);
    gate.connect().await.ask(get_at("/any/refused", "X-Forwarded-For: 192.0.2.9\r\n")).await;
    // A head that breaks a rule is its client's too.
    gate.connect().await.ask("GET /a//b HTTP/1.1\r\nHost: gate\r\nX-Forwarded-For: 192.0.2.8\r\n\r\n").await;
    assert_eq!(gate.logged("/any/refused").await["peer"], "192.0.2.9");
    assert_eq!(gate.logged("").await["peer"], "192.0.2.8");
    let (_, connections, _) = gate.command(&["connections"]).await;
    assert_eq!(connections.matches("\t192.0.2.1\t").count(), 2, "{connections}");
    for request in backend.requests() {
        assert_eq!(request.header("x-forwarded-for"), Some("192.0.2.1, 127.0.0.1"));
        assert_eq!(request.header("x-forwarded-proto"), Some("https"));
        assert_eq!(request.header("x-forwarded-host"), Some("app.example.com"));
    }
    assert_eq!(backend.requests().len(), 2);
}

/// An attacker behind the proxy exhausts its own bucket, by /64, and no other, whatever it claims.
#[tokio::test]
async fn guessing_is_bounded_by_the_address_that_the_proxy_names() {
    let (_backend, gate) = behind_proxies("{ ip: { rate: 1/h, burst: 3 } }").await;
    let mut proxy = gate.connect().await;
    let mut guess = async |claimed: &str, own: &str| {
        proxy.ask(get(&format!("x-api-key: guess\r\nX-Forwarded-For: {claimed}\r\nX-Forwarded-For: {own}\r\n"))).await.status
    };
    for own in ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:ffff::3"] {
        assert_eq!(guess("192.0.2.1", own).await, 401);
    }
    assert_eq!(guess("192.0.2.1", "2001:db8:1:2::4").await, 429);
    assert_eq!(guess("192.0.2.200", "2001:db8:1:2::4").await, 429, "another claim is no other client");
    assert_eq!(guess("192.0.2.1", "2001:db8:1:3::1").await, 401, "the neighbour");
    assert_eq!(guess("192.0.2.1", "192.0.2.1").await, 401, "the one who was claimed to be asking");
    // A stranger that claims to be somebody is itself.
    let mut stranger = Client::from(STRANGER, gate.address()).await;
    for status in [401, 401, 401, 429] {
        let claim = format!("x-api-key: guess\r\nX-Forwarded-For: 198.51.100.{status}\r\n");
        assert_eq!(stranger.ask(get(&claim)).await.status, status);
    }
}

#[tokio::test]
async fn a_proxy_may_open_more_connections_than_a_client() {
    let (_backend, gate) = behind_proxies("{ ip: { connections: 2 } }").await;
    let mut held = Vec::new();
    for _ in 0..5 {
        let mut client = gate.connect().await;
        assert_eq!(client.ask(get(KEY)).await.status, 200);
        held.push(client);
    }
    let mut strangers = Vec::new();
    for _ in 0..2 {
        let mut client = Client::from(STRANGER, gate.address()).await;
        assert_eq!(client.ask(get(KEY)).await.status, 200);
        strangers.push(client);
    }
    let answer = Client::from(STRANGER, gate.address()).await.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "too_many_connections"));
}

#[tokio::test]
async fn basic_credentials_are_taken_where_nobody_reads_along() {
    let backend = Backend::realtime().await;
    let setup = Setup {
        credentials: "{ basic: true }".to_owned(),
        more: "trusted_proxies: [127.0.0.1]".to_owned(),
        ..Setup::before(backend.address)
    };
    let gate = Gate::start(setup).await;
    let basic = |headers: &str| get(&format!("Authorization: Basic c2tfbGl2ZV9zZXJ2ZXI6\r\n{headers}"));
    let mut proxy = gate.connect().await;
    for (headers, status) in [
        ("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n", 200),
        ("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\n", 401),
        ("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https, http\r\n", 401),
        ("Forwarded: for=192.0.2.1;proto=https\r\n", 200),
        ("Forwarded: for=192.0.2.1;proto=http\r\n", 401),
        // On this machine itself, and nobody says otherwise.
        ("", 200),
    ] {
        assert_eq!(proxy.ask(basic(headers)).await.status, status, "{headers}");
    }
    // Not believed, and on this machine.
    let mut stranger = Client::from(STRANGER, gate.address()).await;
    assert_eq!(stranger.ask(basic("X-Forwarded-Proto: http\r\n")).await.status, 200);
}

#[tokio::test]
async fn trust_is_live() {
    let (backend, gate) = behind_proxies("{}").await;
    let mut client = gate.connect().await;
    let claiming = |path: &str| get_at(path, &format!("{KEY}X-Forwarded-For: 192.0.2.1\r\n"));
    client.ask(claiming("/any/before")).await;
    let text = std::fs::read_to_string(gate.path("keygate.yaml")).unwrap();
    gate.replace("keygate.yaml", &text.replace("127.0.0.1, 10.0.0.0/8", "10.0.0.0/8"));
    gate.reloaded(1).await;
    client.ask(claiming("/any/after")).await;
    assert_eq!(told(&backend, "/any/before"), "192.0.2.1, 127.0.0.1");
    assert_eq!(told(&backend, "/any/after"), "127.0.0.1");
}

#[tokio::test]
async fn explain_resolves_as_the_gate_does() {
    let (_backend, gate) = behind_proxies("{}").await;
    let config = gate.path("keygate.yaml");
    let explained = async |peer: &str, header: &str| {
        let config = config.to_str().unwrap();
        let arguments = ["explain", "-c", config, "GET", "/any/", "--no-key", "-o", "json", "--peer", peer, "-H", header];
        let mut program = Program::start(&arguments, gate.folder.path(), &[]);
        assert_eq!(program.exit().await, Some(1));
        let explained: serde_json::Value = serde_json::from_str(&program.stdout.whole().await).unwrap();
        explained["steps"][0]["detail"].as_str().unwrap().to_owned()
    };
    let claim = "X-Forwarded-For: 6.6.6.6, 192.0.2.1";
    assert_eq!(
        explained("127.0.0.1", claim).await,
        "192.0.2.1, by X-Forwarded-For of the trusted proxy 127.0.0.1; its connection is in the clear"
    );
    assert_eq!(explained("192.0.2.7", claim).await, "192.0.2.7, whose headers are not believed: it is not in trusted_proxies");
    assert_eq!(
        explained("10.1.2.3", "X-Forwarded-For: unknown").await,
        "10.1.2.3, a trusted proxy that names nobody who can be read; its connection is in the clear"
    );
}
