//! The PROXY protocol on real listeners: whom its header names, that its bytes end where it ends, and that nothing passes without it.

use std::net::{IpAddr, Ipv4Addr};

use super::{KEY, STRANGER, get, get_at, told};
use crate::support::{Backend, Client, Gate, Identity, Setup, WebSocket};

/// Whom the good headers below name.
const CLIENT: &str = "192.0.2.1";

fn v1() -> Vec<u8> {
    b"PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n".to_vec()
}

/// Version 2, with an extension behind the addresses.
fn v2(command: u8, client: &str) -> Vec<u8> {
    let (family, client, own) = match client.parse().unwrap() {
        IpAddr::V4(v4) => (0x11, v4.octets().to_vec(), Ipv4Addr::new(10, 0, 0, 1).octets().to_vec()),
        IpAddr::V6(v6) => (0x21, v6.octets().to_vec(), vec![0; 16]),
    };
    let block = [&client[..], &own, &[0xdc, 0x04, 0x01, 0xbb], &[0x04, 0, 2, 7, 7]].concat();
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[command, family], &length, &block].concat()
}

/// A gate whose first listener is plain and whose second is in TLS, both behind 127.0.0.1.
async fn gate(limits: &str, more: &str) -> (Backend, Gate, Identity) {
    let (backend, identity) = (Backend::realtime().await, Identity::of(&["gate.example"]));
    let folder = tempfile::Builder::new().prefix("keygate-test-").tempdir().unwrap();
    std::fs::write(folder.path().join("chain.pem"), &identity.certificate).unwrap();
    std::fs::write(folder.path().join("key.pem"), &identity.key).unwrap();
    let listeners = "
  - { address: '127.0.0.1:0', proxy_protocol: { trusted: [127.0.0.1] } }
  - { address: '127.0.0.1:0', proxy_protocol: { trusted: [127.0.0.1] }, tls: { certificate: chain.pem, key: key.pem } }";
    let setup = Setup {
        listeners: listeners.to_owned(),
        limits: limits.to_owned(),
        more: more.to_owned(),
        credentials: "{ header: x-api-key, basic: true }".to_owned(),
        ..Setup::before(backend.address)
    };
    std::fs::write(folder.path().join("keys.yaml"), setup.keys_text()).unwrap();
    (backend, Gate::start_in(folder, setup).await, identity)
}

async fn error_count(gate: &Gate, reason: &str) -> Option<f64> {
    gate.metrics().await.value(&format!("keygate_proxy_protocol_errors_total{{reason=\"{reason}\"}}"))
}

#[tokio::test]
async fn the_header_names_the_client_in_the_plain_and_in_tls() {
    let (backend, gate, identity) = gate("{}", "").await;
    for (at, (header, client)) in [
        (v1(), CLIENT),
        (v2(0x21, CLIENT), CLIENT),
        (b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n".to_vec(), "2001:db8::1"),
        (v2(0x21, "2001:db8::1"), "2001:db8::1"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        (v2(0x20, CLIENT), "127.0.0.1"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = |what: &str| format!("/any/{at}/{what}");
        let mut plain = gate.connect().await;
        // In one segment with the first request, and good for the whole connection, whatever a request claims.
        let claim = get_at(&path("claim"), &format!("{KEY}X-Forwarded-For: 6.6.6.6\r\n"));
        let first = [&header[..], get_at(&path("plain"), KEY).as_bytes(), claim.as_bytes()].concat();
        assert_eq!(plain.ask(first).await.status, 200);
        assert_eq!(plain.answer().await.status, 200);

        let mut tls = Client::to(gate.addresses[1]).await;
        tls.send(&header).await;
        let mut tls = tls.in_tls("gate.example", identity.trusted()).await;
        assert_eq!(tls.ask(get_at(&path("tls"), KEY)).await.status, 200);
        for what in ["plain", "claim", "tls"] {
            assert_eq!(told(&backend, &path(what)), client, "{what}");
        }
        WebSocket::open(tls, "/connection/1", "sk_live_server").await.echoes("in TLS").await;
    }
    for reason in ["untrusted", "missing", "malformed"] {
        assert_eq!(error_count(&gate, reason).await, Some(0.0), "{reason}");
    }
}

/// Whatever the network makes of it: every split of header and request, and TLS behind a header that drips.
#[tokio::test]
async fn a_header_is_read_however_it_is_split() {
    let (backend, gate, identity) = gate("{}", "").await;
    for (at, header) in [v1(), v2(0x21, CLIENT)].into_iter().enumerate() {
        for split in 1..=header.len() + 1 {
            let path = format!("/any/{at}/{split}");
            let whole = [&header[..], get_at(&path, KEY).as_bytes()].concat();
            let mut client = gate.connect().await;
            client.send(&whole[..split]).await;
            tokio::task::yield_now().await;
            assert_eq!(client.ask(&whole[split..]).await.status, 200, "split at {split}");
            assert_eq!(told(&backend, &path), CLIENT, "split at {split}");
        }
        let mut tls = Client::to(gate.addresses[1]).await;
        for byte in &header {
            tls.send([*byte]).await;
            tokio::task::yield_now().await;
        }
        let mut tls = tls.in_tls("gate.example", identity.trusted()).await;
        let path = format!("/any/{at}/tls");
        assert_eq!(tls.ask(get_at(&path, KEY)).await.status, 200);
        assert_eq!(told(&backend, &path), CLIENT);
    }
}

#[tokio::test]
async fn nothing_passes_without_a_header() {
    let (backend, gate, _identity) = gate("{}", "").await;
    let mut count = 0.0;
    for garbage in [
        get(KEY).into_bytes(),
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03".to_vec(),
        b"PROXY TCP4 192.0.2.1 10.0.0.1 56324\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.1 10.0.0.1 +1 443\r\n".to_vec(),
        [b"PROXY UNKNOWN ", &[b'x'; 200][..]].concat(),
        v2(0x22, CLIENT),
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff".to_vec(),
    ] {
        for &address in &gate.addresses {
            let mut client = Client::to(address).await;
            let _ = client.try_send([&garbage[..], get(KEY).as_bytes()].concat()).await;
            assert_eq!(client.rest().await, b"", "{garbage:?} was answered");
            count += 1.0;
        }
    }
    assert_eq!(error_count(&gate, "malformed").await, Some(count));
    for start in [&b""[..], b"PROXY TCP4 192.0.2.1"] {
        let mut client = gate.connect().await;
        client.send(start).await;
        client.finish_sending().await;
        assert_eq!(client.rest().await, b"");
    }
    assert_eq!(error_count(&gate, "missing").await, Some(2.0));
    for &address in &gate.addresses {
        let mut stranger = Client::from(STRANGER, address).await;
        let _ = stranger.try_send([v1(), get(KEY).into_bytes()].concat()).await;
        assert_eq!(stranger.rest().await, b"");
    }
    assert_eq!(error_count(&gate, "untrusted").await, Some(2.0));
    assert_eq!(backend.bytes(), b"");
    gate.series_is("keygate_client_connections", 0.0).await;
}

#[tokio::test]
async fn connections_are_counted_by_the_client_that_is_named() {
    let (_backend, gate, _identity) = gate("{ ip: { connections: 1, rate: 1/h, burst: 2 } }", "").await;
    let connect = async |client: &str| {
        let mut connection = gate.connect().await;
        connection.send(v2(0x21, client)).await;
        connection
    };
    let mut held = connect("2001:db8:1:2::1").await;
    assert_eq!(held.ask(get(KEY)).await.status, 200);
    let answer = connect("2001:db8:1:2::ffff").await.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "too_many_connections"), "the same /64, told unasked");
    let mut other = connect("2001:db8:1:3::1").await;
    for status in [401, 401, 429] {
        assert_eq!(other.ask(get("x-api-key: guess\r\n")).await.status, status);
    }
    assert_eq!(held.ask(get(KEY)).await.status, 200, "its refusals are its own");
}

#[tokio::test]
async fn a_proxy_that_is_named_may_name_its_client() {
    let (backend, gate, _identity) = gate("{ ip: { connections: 1 } }", "trusted_proxies: [10.0.0.9, 127.0.0.1]").await;
    let xff = |path: &str| get_at(path, &format!("{KEY}X-Forwarded-For: 6.6.6.6, 192.0.2.7\r\n"));
    let mut held = Vec::new();
    for path in ["/any/1", "/any/2", "/any/3"] {
        let mut client = gate.connect().await;
        client.send(v2(0x21, "10.0.0.9")).await;
        assert_eq!(client.ask(xff(path)).await.status, 200);
        assert_eq!(told(&backend, path), "192.0.2.7, 10.0.0.9");
        held.push(client);
    }
    // Whom the header names is at the other end, not the proxy that sent it.
    let mut client = gate.connect().await;
    client.send(v1()).await;
    assert_eq!(client.ask(xff("/any/4")).await.status, 200);
    assert_eq!(told(&backend, "/any/4"), CLIENT);
    let basic = client.ask(get("Authorization: Basic c2tfbGl2ZV9zZXJ2ZXI6\r\n")).await;
    assert_eq!((basic.status, basic.code().as_str()), (401, "tls_required"), "from another machine, in the clear");
}
