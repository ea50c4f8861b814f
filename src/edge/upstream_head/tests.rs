use super::*;
use crate::{
    edge::exchange::RequestIds,
    gate::{
        Admitted, Gate,
        keys::KeySetBuilder,
        peer::{Networks, Peer, PeerAddress},
        policy::Demand,
        request::Header,
        testing,
        time::Timestamp,
    },
};
use ring::rand::SystemRandom;
use std::{net::Ipv4Addr, sync::Arc};

const NOW: Timestamp = Timestamp { unix_ms: 1, ticks_ns: 1 };

/// The head that the backend sees of a request with the key `k1` in `x-api-key`, line by line, without the request's id.
fn forwarded(method: &str, target: &str, headers: &[(&str, &str)], after: After) -> Vec<String> {
    forwarded_from(&Networks::default(), method, target, headers, after)
}

/// The same, behind proxies.
fn forwarded_from(trusted: &Networks, method: &str, target: &str, headers: &[(&str, &str)], after: After) -> Vec<String> {
    let socket = Ipv4Addr::new(10, 0, 0, 7).into();
    told((socket, trusted), (method, target), headers, after)
}

fn told(
    (socket, trusted): (PeerAddress, &Networks),
    (method, target): (&str, &str),
    headers: &[(&str, &str)],
    after: After,
) -> Vec<String> {
    let headers: Vec<_> =
        headers.iter().chain([&("X-Api-Key", "k1")]).map(|(name, value)| Header { name, value: value.as_bytes() }).collect();
    let peer = Peer::resolve(socket, true, trusted, &headers);
    let mut head = RequestHead::new(method, target, &headers, peer.address, peer.secure).unwrap();
    head.sent_by(&peer);
    let policy = Arc::new(testing::policy([testing::route("all", "/**", Demand::Any)]));
    let mut keys = KeySetBuilder::default();
    keys.add(testing::secret("server", "k1"));
    let gate = Gate::new((*policy).clone());
    gate.publish(policy, Arc::new(keys.build().unwrap()));
    let Ok(Admitted::Permit(permit)) = gate.admit(&head, NOW) else { panic!("no permit") };
    let id = RequestIds::new(&SystemRandom::new()).unwrap().next(NOW);
    let own = Own { path: head.path, headers: &SetHeaders::default(), read: None };
    let bytes = upstream_head(&head, own, &permit, &id, after);
    let text = String::from_utf8(bytes).unwrap();
    let (head, rest) = text.split_once("\r\n\r\n").unwrap();
    assert_eq!(rest, "");
    head.split("\r\n").filter(|line| !line.starts_with("X-Keygate-Request-Id")).map(str::to_owned).collect()
}

const PLAIN: After = After::Client { minor_version: 1, close: false };

#[test]
fn the_backend_sees_who_it_is_and_not_the_key() {
    expect_test::expect![[r#"
        GET /a?b=1 HTTP/1.1
        Host: gate
        Accept: */*
        X-Keygate-App: app
        X-Keygate-Key-Id: server
        X-Keygate-Kind: secret
        X-Keygate-Environment: live
        X-Keygate-Capability: {"[*]*":["*","admin"]}
        X-Forwarded-For: 10.0.0.7
        X-Forwarded-Proto: https
        X-Forwarded-Host: gate"#]]
    .assert_eq(&forwarded("GET", "/a?b=1", &[("Host", "gate"), ("Accept", "*/*")], PLAIN).join("\n"));
}

#[test]
fn a_trusted_proxy_is_appended_to_and_what_it_did_not_see_is_dropped() {
    let trusted = Networks::new([Networks::parse("10.0.0.0/8").unwrap()]).unwrap();
    let lines = |headers: &[(&str, &str)]| {
        let lines = forwarded_from(&trusted, "GET", "/", &[&[("Host", "gate")], headers].concat(), PLAIN);
        let all: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("X-Forwarded-")).collect();
        assert!(!lines.iter().any(|line| line.to_ascii_lowercase().starts_with("forwarded")));
        all.join("; ")
    };
    assert_eq!(lines(&[]), "For: 10.0.0.7; Proto: https; Host: gate");
    let seen = [
        ("X-Forwarded-For", "6.6.6.6, 192.0.2.1:80"),
        ("X-Forwarded-For", "10.0.0.9"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Host", "app.example.com:8443"),
        ("Forwarded", "for=192.0.2.1"),
        ("X-Forwarded-Port", "1"),
        ("X-Forwarded-Prefix", "/x"),
    ];
    assert_eq!(lines(&seen), "For: 192.0.2.1, 10.0.0.9, 10.0.0.7; Proto: http; Host: app.example.com:8443");
    assert_eq!(
        lines(&[("Forwarded", "for=6.6.6.6, for=\"[2001:db8::1]\";host=x")]),
        "For: 2001:db8::1, 10.0.0.7; Proto: https; Host: gate"
    );
    // Two hosts, or what is none, are not passed on.
    for host in ["a, b", "", "a b", "a/b", "<script>"] {
        assert_eq!(lines(&[("X-Forwarded-Host", host)]), "For: 10.0.0.7; Proto: https; Host: gate", "{host}");
    }
    assert_eq!(lines(&[("X-Forwarded-Host", "a"), ("X-Forwarded-Host", "a")]), "For: 10.0.0.7; Proto: https; Host: gate");
}

#[test]
fn what_is_of_the_connection_or_ours_does_not_go_on() {
    let dropped = [
        ("Connection", "close, te"),
        ("TE", "trailers"),
        ("Trailer", "X"),
        ("Keep-Alive", "5"),
        ("Proxy-Connection", "close"),
        ("Proxy-Authorization", "Basic eA=="),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABkAAQAAP"),
        ("x-keygate-app", "spoof"),
        ("X_KEYGATE_KEY_ID", "spoof"),
        ("X.Keygate-Kind", "spoof"),
        ("X-Forwarded-For", "1.2.3.4"),
        ("x_forwarded_proto", "https"),
        ("Forwarded", "for=1.2.3.4"),
        ("X-Real-IP", "1.2.3.4"),
        ("X-Request-Id", "1"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("X_Http_Method", "DELETE"),
        ("X-Method-Override", "DELETE"),
        ("X-Original-URL", "/admin"),
        ("X-Rewrite-Url", "/admin"),
        ("X_Api_Key", "k2"),
        ("Content.Length", "5"),
        ("Transfer_Encoding", "chunked"),
    ];
    let with = forwarded("GET", "/", &[&[("Host", "gate")], &dropped[..]].concat(), PLAIN);
    assert_eq!(with, forwarded("GET", "/", &[("Host", "gate")], PLAIN));
    for kept in ["X-Own", "Cookie", "Authorization", "X-Keygated", "X-Forwarded-User", "Content-Type", "user_agent"] {
        let line = format!("{kept}: Basic eA==");
        assert!(forwarded("GET", "/", &[("Host", "gate"), (kept, "Basic eA==")], PLAIN).contains(&line), "{kept} was dropped");
    }
}

#[test]
fn the_connection_is_told_how_to_go_on() {
    let host = [("Host", "gate")];
    let has = |after, line: &str| forwarded("GET", "/", &host, after).iter().any(|own| own == line);
    assert!(has(After::Close, "Connection: close"));
    assert!(has(After::Client { minor_version: 1, close: true }, "Connection: close"));
    assert!(has(After::Client { minor_version: 0, close: false }, "Connection: keep-alive"));
    assert!(has(After::Client { minor_version: 0, close: true }, "GET / HTTP/1.0"));
    assert!(!has(PLAIN, "Connection: close"));
}

#[test]
fn a_handshake_keeps_its_own_headers_and_loses_our_protocols() {
    let handshake = [
        ("Host", "gate"),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Protocol", "keygate, chat"),
        ("Sec-WebSocket-Protocol", "superchat"),
    ];
    let lines = forwarded("GET", "/", &handshake, After::Upgrade);
    for line in
        ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Protocol: chat, superchat", "Sec-WebSocket-Version: 13"]
    {
        assert_eq!(lines.iter().filter(|own| *own == line).count(), 1, "{line} in {lines:?}");
    }
}

#[test]
fn who_has_no_address_is_said_to_be_unknown() {
    let trusted = Networks::default().and_unix();
    for (trusted, expected) in [(&trusted, "192.0.2.1"), (&Networks::default(), "unknown")] {
        let headers = [("Host", "gate"), ("X-Forwarded-For", "6.6.6.6, 192.0.2.1")];
        let lines = told((PeerAddress::Unix, trusted), ("GET", "/"), &headers, PLAIN);
        let said: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("X-Forwarded-For: ")).collect();
        assert_eq!(said, [expected]);
        assert!(lines.iter().any(|line| line.starts_with("X-Forwarded-Proto: ")), "a head has no empty line: {lines:?}");
    }
}

#[test]
fn an_address_is_written_as_everybody_writes_it() {
    for octet in 0..=u8::MAX {
        let address = Ipv4Addr::new(octet, 255 - octet, 0, 10);
        let mut out = Out(Vec::new());
        out.dotted(address.octets());
        assert_eq!(String::from_utf8(out.0).unwrap(), address.to_string());
    }
}
