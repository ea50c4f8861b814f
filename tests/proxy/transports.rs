//! What HTTP and WebSockets flow in: TLS, Unix sockets, IPv6.

use std::sync::Arc;

use super::support::{
    Backend, Client, Gate, Identity, ORIGIN, Setup, Talk, WEB_KEY, WebSocket, handshake, identity_stamped_once, within,
};

const GET: &str = "GET /any/ HTTP/1.1\r\nHost: gate.example\r\nx-api-key: sk_live_server\r\n\r\n";

/// A plain listener and one in TLS.
async fn with_tls(backend: &Backend, identity: &Identity) -> Gate {
    let folder = tempfile::Builder::new().prefix("keygate-test-").tempdir().unwrap();
    std::fs::write(folder.path().join("chain.pem"), &identity.certificate).unwrap();
    std::fs::write(folder.path().join("key.pem"), &identity.key).unwrap();
    let listeners =
        "[{ address: '127.0.0.1:0' }, { address: '127.0.0.1:0', tls: { certificate: chain.pem, key: key.pem } }]".to_owned();
    let setup = Setup { listeners, ..Setup::before(backend.address) };
    std::fs::write(folder.path().join("keys.yaml"), setup.keys_text()).unwrap();
    Gate::start_in(folder, setup).await
}

#[tokio::test]
async fn a_listener_speaks_tls() {
    let (backend, identity) = (Backend::echoing().await, Identity::of(&["gate.example"]));
    let gate = with_tls(&backend, &identity).await;
    let tls = async || Client::tls(gate.addresses[1], "gate.example", identity.trusted()).await;
    let mut client = tls().await;
    for _ in 0..2 {
        assert_eq!(client.ask(GET).await.status, 200);
    }
    assert_eq!(client.ask("GET /any/ HTTP/1.1\r\nHost: gate.example\r\n\r\n").await.status, 401);
    let request = &backend.requests()[0];
    assert_eq!(request.header("x-forwarded-proto"), Some("https"));
    identity_stamped_once(request).unwrap();

    let mut socket = WebSocket::open(tls().await, "/connection/1", "sk_live_server").await;
    socket.echoes("in TLS").await;
    let large = vec![b'x'; 3 << 20];
    let (mut sent, mut received) = (socket.0, 0);
    sent.send(super::support::frame(2, &large, true)).await;
    let mut socket = WebSocket(sent);
    received += socket.next().await.unwrap().payload.len();
    assert_eq!(received, large.len());
    gate.replace_keys(&[]);
    socket.is_closed_with(1008).await;
}

#[tokio::test]
async fn a_listener_in_tls_offers_http_1_1_only() {
    let (backend, identity) = (Backend::echoing().await, Identity::of(&["gate.example"]));
    let gate = with_tls(&backend, &identity).await;
    let mut config = (*identity.trusted()).clone();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let tcp = tokio::net::TcpStream::connect(gate.addresses[1]).await.unwrap();
    let name = tokio_rustls::rustls::pki_types::ServerName::try_from("gate.example").unwrap();
    let stream = within("a handshake", tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp)).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[tokio::test]
async fn the_wrong_language_is_refused_on_either_listener() {
    let (backend, identity) = (Backend::echoing().await, Identity::of(&["gate.example"]));
    let gate = with_tls(&backend, &identity).await;
    let mut plain = Client::to(gate.addresses[1]).await;
    plain.send(GET).await;
    assert!(!plain.rest().await.starts_with(b"HTTP/1.1 200"));
    let mut tls_hello = Client::to(gate.addresses[0]).await;
    let answer = tls_hello.ask([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3]).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"));
    assert_eq!(backend.connections().len(), 0);
}

async fn to_tls(names: &[&str], upstream_host: &str) -> (Backend, Gate) {
    let identity = Identity::of(names);
    let backend = Backend::start_tls(identity.acceptor(), |mut talk: Talk| async move {
        while let Some(request) = talk.request().await {
            if request.header("upgrade").is_some() {
                talk.open_websocket(&request, "").await;
                return talk.echo().await;
            }
            talk.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        }
    })
    .await;
    let folder = tempfile::Builder::new().prefix("keygate-test-").tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    std::fs::write(&authority, &identity.authority).unwrap();
    let environment = vec![("SSL_CERT_FILE".to_owned(), authority.to_str().unwrap().to_owned())];
    let upstream = format!("https://{upstream_host}:{}", backend.address.port());
    let setup = Setup { environment, ..Setup::before(upstream) };
    std::fs::write(folder.path().join("keys.yaml"), setup.keys_text()).unwrap();
    (backend, Gate::start_in(folder, setup).await)
}

#[tokio::test]
async fn a_backend_speaks_tls() {
    let (backend, gate) = to_tls(&["localhost"], "localhost").await;
    let mut client = gate.connect().await;
    for _ in 0..2 {
        assert_eq!(client.ask(GET).await.status, 200);
    }
    WebSocket::open(gate.connect().await, "/connection/1", "sk_live_server").await.echoes("to TLS").await;
    let web = format!("x-api-key: {WEB_KEY}\r\nOrigin: {ORIGIN}\r\nAccept: text/event-stream\r\n");
    let events = format!("GET /events/a HTTP/1.1\r\nHost: gate\r\n{web}\r\n");
    assert_eq!(gate.connect().await.ask(events).await.status, 200);
    assert_eq!(backend.requests().len(), 4);
}

#[tokio::test]
async fn a_backend_whose_certificate_is_anothers_gets_nothing() {
    let (backend, gate) = to_tls(&["other.example"], "localhost").await;
    for request in [GET.to_owned(), handshake("/connection/1", "x-api-key: sk_live_server\r\n")] {
        let answer = gate.connect().await.ask(request).await;
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_unreachable"));
    }
    assert_eq!(backend.bytes(), b"");
}

#[tokio::test]
async fn a_backend_listens_on_a_unix_socket() {
    let folder = tempfile::Builder::new().prefix("keygate-test-").tempdir().unwrap();
    let backend = Backend::start_unix(&folder.path().join("backend.sock"), |mut talk: Talk| async move {
        while let Some(request) = talk.request().await {
            if request.header("upgrade").is_some() {
                talk.open_websocket(&request, "").await;
                return talk.echo().await;
            }
            if request.header("accept") == Some("text/event-stream") {
                talk.answer("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n").await;
                talk.send("data: tick\n\n").await;
                return talk.ended().await;
            }
            talk.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        }
    });
    let health = "{ path: /healthz, interval: 100ms, timeout: 5s }";
    let setup = Setup::before(format!("{{ addresses: ['unix:backend.sock', 'unix:nobody.sock'], health: {health} }}"));
    std::fs::write(folder.path().join("keys.yaml"), setup.keys_text()).unwrap();
    let gate = Gate::start_in(folder, setup).await;
    assert_eq!(gate.connect().await.ask(GET).await.status, 200);
    WebSocket::open(gate.connect().await, "/connection/1", "sk_live_server").await.echoes("through a file").await;
    let mut events = gate.connect().await;
    events.send("GET /events/a HTTP/1.1\r\nHost: gate\r\nx-api-key: sk_live_server\r\nAccept: text/event-stream\r\n\r\n").await;
    assert_eq!(events.head().await.status, 200);
    events.read_through(b"tick\n\n").await;
    let series = |name: &str| {
        let path = gate.path(name).display().to_string();
        format!(r#"keygate_upstream_healthy{{address="unix:{path}",upstream="upstream"}}"#)
    };
    gate.series_is(&series("nobody.sock"), 0.0).await;
    gate.series_is(&series("backend.sock"), 1.0).await;
    let requests = backend.requests();
    let request = requests.iter().find(|request| request.target == "/any/").unwrap();
    assert_eq!(request.header("host"), Some("gate.example"));
    identity_stamped_once(request).unwrap();
}

#[tokio::test]
async fn clients_and_backends_have_ipv6_addresses() {
    let Ok(backend) = Backend::at("[::1]:0", |mut talk: Talk| async move {
        talk.answer_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    })
    .await
    else {
        println!("skipped: this machine has no IPv6");
        return;
    };
    let listeners = "[{ address: '[::1]:0' }, { address: '[::]:0' }]".to_owned();
    let gate = Gate::start(Setup { listeners, ..Setup::before(backend.address) }).await;
    assert_eq!(gate.connect().await.ask(GET).await.status, 200);
    assert_eq!(backend.requests()[0].header("x-forwarded-for"), Some("::1"));
    // A listener on all addresses takes IPv4 clients as well, and calls them by their IPv4 address.
    let port = gate.addresses[1].port();
    assert_eq!(Client::to(([127, 0, 0, 1], port).into()).await.ask(GET).await.status, 200);
    assert_eq!(backend.requests()[1].header("x-forwarded-for"), Some("127.0.0.1"));
}
