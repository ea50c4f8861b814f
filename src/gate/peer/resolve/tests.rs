use super::*;
use proptest::prelude::*;

/// The proxies of these tests.
fn trusted() -> Networks {
    Networks::new(["10.0.0.0/8", "fd00::/8", "127.0.0.1"].map(|text| Networks::parse(text).unwrap())).unwrap()
}

/// Headers as lines, as they come.
fn headers<'a>(lines: &[&'a str]) -> Vec<Header<'a>> {
    let header = |line: &&'a str| line.split_once(": ").unwrap();
    lines.iter().map(header).map(|(name, value)| Header { name, value: value.as_bytes() }).collect()
}

fn resolve(socket: &str, lines: &[&str]) -> Peer {
    Peer::resolve(socket.parse().unwrap(), false, &trusted(), &headers(lines))
}

#[track_caller]
fn check(socket: &str, lines: &[&str], address: &str, found: Found) {
    let peer = resolve(socket, lines);
    assert_eq!((peer.address, peer.chain.found()), (address.parse().unwrap(), found), "{socket} {lines:?}");
}

#[test]
fn headers_of_strangers_are_nothing() {
    check("192.0.2.1", &[], "192.0.2.1", Found::Socket);
    check("192.0.2.1", &["X-Forwarded-Proto: https"], "192.0.2.1", Found::Socket);
    for claim in ["X-Forwarded-For: 10.0.0.1", "x-forwarded-for: 198.51.100.1", "FORWARDED: for=198.51.100.1", "Forwarded: !"] {
        check("192.0.2.1", &[claim, "X-Forwarded-Proto: https"], "192.0.2.1", Found::Unheard);
        assert!(!resolve("192.0.2.1", &[claim, "X-Forwarded-Proto: https"]).secure, "{claim}");
    }
    let nobody = Peer::resolve([10, 0, 0, 1].into(), false, &Networks::default(), &headers(&["X-Forwarded-For: 192.0.2.1"]));
    assert_eq!((nobody.address, nobody.chain.found()), ([10, 0, 0, 1].into(), Found::Unheard));
}

#[test]
fn the_right_most_stranger_is_the_peer() {
    let xff = Found::XForwardedFor;
    check("10.0.0.1", &["X-Forwarded-For: 192.0.2.1"], "192.0.2.1", xff);
    check("::ffff:10.0.0.1", &["X-Forwarded-For: ::ffff:192.0.2.1"], "192.0.2.1", xff);
    check("10.0.0.1", &["X-Forwarded-For: 6.6.6.6, 192.0.2.1"], "192.0.2.1", xff);
    check("10.0.0.1", &["X-Forwarded-For: 6.6.6.6,192.0.2.1 ,\t10.0.0.2, fd00::1"], "192.0.2.1", xff);
    check("10.0.0.1", &["X-Forwarded-For: 192.0.2.1:567"], "192.0.2.1", xff);
    check("fd00::9", &["X-Forwarded-For: [2001:db8::1]:4711, [fd00::1]:80"], "2001:db8::1", xff);
    // Lines are one list, in order.
    check(
        "10.0.0.1",
        &["X-Forwarded-For: 6.6.6.6", "Host: a", "x-forwarded-for: 192.0.2.1", "X-Forwarded-For: 10.0.0.2"],
        "192.0.2.1",
        xff,
    );
    // Where all are proxies, the first of them asks for itself.
    check("10.0.0.1", &["X-Forwarded-For: 10.0.0.3, 10.0.0.2"], "10.0.0.3", xff);
    let forwarded = Found::Forwarded;
    check(
        "10.0.0.1",
        &["Forwarded: for=6.6.6.6, for=\"[2001:db8::1]:4711\";proto=https, for=10.0.0.2"],
        "2001:db8::1",
        forwarded,
    );
    check("10.0.0.1", &["Forwarded: for=6.6.6.6", "Forwarded: for=192.0.2.1", "Forwarded: for=10.0.0.2"], "192.0.2.1", forwarded);
}

#[test]
fn what_cannot_be_read_ends_the_walk_at_the_nearer_address() {
    for bad in [
        "unknown",
        "_hidden",
        "",
        "192.0.2.1.",
        "\"192.0.2.1\"",
        "192.0.2.1:x",
        "a",
        "[::1",
        "192.0.2.1 10.0.0.5",
        "for=192.0.2.1",
    ] {
        check("10.0.0.1", &[&format!("X-Forwarded-For: {bad}")], "10.0.0.1", Found::Unnamed);
        check("10.0.0.1", &[&format!("X-Forwarded-For: 192.0.2.1, {bad}, 10.0.0.2")], "10.0.0.2", Found::XForwardedFor);
        check("10.0.0.1", &[&format!("X-Forwarded-For: {bad}, 192.0.2.1")], "192.0.2.1", Found::XForwardedFor);
    }
    for bad in
        ["for=unknown", "for=_hidden", "proto=https", "", "for=2001:db8::1", "for=192.0.2.1:80", "for=\"192.0.2.1", "192.0.2.1"]
    {
        let line = |text: &str| format!("Forwarded: {text}");
        check("10.0.0.1", &[&line(bad)], "10.0.0.1", Found::Unnamed);
        check("10.0.0.1", &["Forwarded: for=192.0.2.1", &line(bad), "Forwarded: for=10.0.0.2"], "10.0.0.2", Found::Forwarded);
        check("10.0.0.1", &[&line(bad), "Forwarded: for=192.0.2.1"], "192.0.2.1", Found::Forwarded);
    }
    // Nobody can tell where in a broken line a trusted proxy's part begins.
    check("10.0.0.1", &["Forwarded: for=\"6.6.6.6, for=192.0.2.1"], "10.0.0.1", Found::Unnamed);
}

#[test]
fn a_list_without_end_is_read_to_a_limit() {
    let proxies = |count| vec!["10.0.0.2"; count].join(", ");
    check("10.0.0.1", &[&format!("X-Forwarded-For: 192.0.2.1, {}", proxies(31))], "192.0.2.1", Found::XForwardedFor);
    check("10.0.0.1", &[&format!("X-Forwarded-For: 192.0.2.1, {}", proxies(32))], "10.0.0.2", Found::XForwardedFor);
    let forwarded = |count| vec!["for=10.0.0.2"; count].join(", ");
    check("10.0.0.1", &[&format!("Forwarded: for=192.0.2.1, {}", forwarded(31))], "192.0.2.1", Found::Forwarded);
    check("10.0.0.1", &[&format!("Forwarded: for=192.0.2.1, {}", forwarded(32))], "10.0.0.2", Found::Forwarded);
}

#[test]
fn two_headers_must_agree() {
    let xff = "X-Forwarded-For: 192.0.2.1";
    check("10.0.0.1", &[xff, "Forwarded: for=\"192.0.2.1:80\""], "192.0.2.1", Found::XForwardedFor);
    for other in ["Forwarded: for=6.6.6.6", "Forwarded: for=unknown", "Forwarded: ", "Forwarded: for=10.0.0.2"] {
        check("10.0.0.1", &[xff, other], "10.0.0.1", Found::Disagreed);
        check("10.0.0.1", &[other, xff], "10.0.0.1", Found::Disagreed);
    }
}

#[test]
fn a_trusted_proxy_says_whether_its_client_is_secure() {
    let secure = |tls: bool, lines: &[&str]| {
        Peer::resolve([10, 0, 0, 1].into(), tls, &trusted(), &headers(&[&["X-Forwarded-For: 192.0.2.1"], lines].concat())).secure
    };
    for value in ["https", "HTTPS", "wss", "https, https"] {
        assert!(secure(false, &[&format!("X-Forwarded-Proto: {value}")]), "{value}");
    }
    for value in ["http", "ws", "", "https, http", "http, https", "https,", "httpss", "\"https\""] {
        assert!(!secure(true, &[&format!("X-Forwarded-Proto: {value}")]), "{value}");
    }
    assert!(!secure(true, &["X-Forwarded-Proto: https", "X-Forwarded-Proto: http"]));
    assert!(secure(true, &[]) && !secure(false, &[]), "where it says nothing, what the gate sees itself holds");

    let forwarded = |tls: bool, line: &str| Peer::resolve([10, 0, 0, 1].into(), tls, &trusted(), &headers(&[line])).secure;
    assert!(forwarded(false, "Forwarded: for=192.0.2.1;proto=https"));
    assert!(forwarded(false, "Forwarded: for=unknown;proto=https"));
    // The client's own connection counts, of which the proxy tells that names it.
    assert!(forwarded(false, "Forwarded: for=192.0.2.1;proto=https, for=10.0.0.2;proto=http"));
    assert!(!forwarded(true, "Forwarded: for=192.0.2.1;proto=http, for=10.0.0.2;proto=https"));
    assert!(!forwarded(false, "Forwarded: for=6.6.6.6;proto=https, for=192.0.2.1"));
    assert!(!secure(false, &["Forwarded: for=192.0.2.1;proto=https", "X-Forwarded-Proto: http"]));
}

#[test]
fn what_nobody_can_read_along_is_confidential() {
    let confidential = |socket: &str, tls: bool, lines: &[&str]| {
        Peer::resolve(socket.parse().unwrap(), tls, &trusted(), &headers(lines)).confidential
    };
    assert!(confidential("192.0.2.1", true, &[]));
    assert!(!confidential("192.0.2.1", false, &[]));
    assert!(!confidential("192.0.2.1", false, &["X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: https"]));
    assert!(confidential("::1", false, &["X-Forwarded-Proto: http"]), "no proxy that is trusted");
    assert!(confidential("127.0.0.1", false, &["X-Forwarded-For: 192.0.2.1"]));
    assert!(!confidential("127.0.0.1", false, &["X-Forwarded-Proto: http"]));
    assert!(!confidential("10.0.0.1", false, &["X-Forwarded-For: 127.0.0.1"]), "a client that says that it is here");
    assert!(confidential("10.0.0.1", false, &["X-Forwarded-Proto: https"]));
    assert!(confidential("unix", false, &["X-Forwarded-Proto: http"]), "here, and nobody's proxy");
    assert!(!confidential("10.0.0.1", true, &["X-Forwarded-Proto: http"]), "encrypted only behind the proxy");
}

#[test]
fn the_chain_is_what_was_believed() {
    let chain = |lines: &[&str]| {
        let peer = resolve("10.0.0.1", lines);
        peer.chain.addresses(&headers(lines)).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(chain(&[]), "10.0.0.1");
    assert_eq!(chain(&["X-Forwarded-For: 6.6.6.6, 192.0.2.1:8, 10.0.0.2"]), "192.0.2.1 10.0.0.2 10.0.0.1");
    assert_eq!(chain(&["X-Forwarded-For: 192.0.2.1, unknown, 10.0.0.2"]), "10.0.0.2 10.0.0.1");
    assert_eq!(chain(&["Forwarded: for=6.6.6.6, for=192.0.2.1, for=10.0.0.2"]), "192.0.2.1 10.0.0.2 10.0.0.1");
    assert_eq!(chain(&["Forwarded: for=6.6.6.6", "X-Forwarded-For: 192.0.2.1"]), "10.0.0.1");
    let stranger = resolve("192.0.2.1", &["X-Forwarded-For: 6.6.6.6"]);
    assert!(!stranger.chain.is_proxied());
    assert_eq!(stranger.chain.addresses(&headers(&["X-Forwarded-For: 6.6.6.6"])), Vec::from_iter(stranger.address.ip()));
}

/// Text that is made of what such headers are made of.
fn texts() -> impl Strategy<Value = String> {
    "(for=|proto=|by=|https?|unknown|_x|\"|\\\\|;|, ?| |:80|10\\.0\\.0\\.[1-3]|192\\.0\\.2\\.[1-3]|\\[?fd00::1\\]?|2001:db8::1){0,12}"
}

fn lines() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let name = prop::sample::select(vec!["X-Forwarded-For", "Forwarded", "X-Forwarded-Proto", "forwarded", "Host"]);
    prop::collection::vec((name, texts()), 0..5)
}

fn as_headers<'a>(lines: &'a [(&'static str, String)]) -> Vec<Header<'a>> {
    lines.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect()
}

/// A proxy that is trusted, by its address or behind a Unix socket.
fn proxy(unix: bool) -> (PeerAddress, Networks) {
    if unix { (PeerAddress::Unix, trusted().and_unix()) } else { ([10, 0, 0, 1].into(), trusted()) }
}

/// Who connects through a Unix socket is heard only where that is said, and never by way of an address.
#[test]
fn a_unix_socket_is_a_proxy_s_where_that_is_said() {
    let through = |trusted: &Networks, lines: &[&str]| Peer::resolve(PeerAddress::Unix, false, trusted, &headers(lines));
    let claim = ["X-Forwarded-For: 192.0.2.1, 10.0.0.2", "X-Forwarded-Proto: https"];
    let halves = ["0.0.0.0/1", "128.0.0.0/2", "::/1"].map(|text| Networks::parse(text).unwrap());
    for trusted in [trusted(), Networks::new(halves).unwrap()] {
        let peer = through(&trusted, &claim);
        assert_eq!((peer.address, peer.chain.found(), peer.secure), (PeerAddress::Unix, Found::Unheard, false));
        assert!(peer.confidential && peer.chain.addresses(&headers(&claim)).is_empty());
    }
    let trusted = trusted().and_unix();
    let peer = through(&trusted, &claim);
    assert_eq!((peer.address, peer.chain.found(), peer.secure), ([192, 0, 2, 1].into(), Found::XForwardedFor, true));
    assert_eq!(peer.chain.addresses(&headers(&claim)), [IpAddr::from([192, 0, 2, 1]), [10, 0, 0, 2].into()]);
    assert!(!through(&trusted, &["X-Forwarded-Proto: http"]).confidential, "in the clear in front of the proxy");
    // nginx calls a client `unix:` that came through such a socket itself.
    for nobody in [&[][..], &["X-Forwarded-For: unix:"], &["X-Forwarded-For: unix"], &["Forwarded: for=unix"]] {
        let peer = through(&trusted, nobody);
        assert_eq!((peer.address, peer.chain.found()), (PeerAddress::Unix, Found::Unnamed), "{nobody:?}");
    }
    // One of two headers names a client: blocks and `ips` have to hear of it, or the other header would hide it.
    let both = through(&trusted, &["X-Forwarded-For: 192.0.2.1", "Forwarded: for=unknown"]);
    assert_eq!((both.address, both.chain.found()), (PeerAddress::Unix, Found::Disagreed));
    assert!(both.chain.claims().any(|claim| claim == [192, 0, 2, 1].into()));
}

proptest! {
    /// Whatever a client sends, behind a proxy that appends to `X-Forwarded-For` it is the client or, at the nearest, the proxy.
    #[test]
    fn a_client_is_never_whom_it_claims_to_be(lines in lines(), tls: bool, unix: bool) {
        let (socket, trusted) = proxy(unix);
        let client: PeerAddress = [198, 51, 100, 7].into();
        let mut headers = as_headers(&lines);
        headers.push(Header { name: "X-Forwarded-For", value: b"198.51.100.7" });
        let peer = Peer::resolve(socket, tls, &trusted, &headers);
        prop_assert!(peer.address == client || peer.address == peer.chain.socket(), "{}", peer.address);
        // Behind one that writes `Forwarded`, likewise.
        headers.pop();
        headers.push(Header { name: "Forwarded", value: b"for=198.51.100.7;proto=http" });
        let peer = Peer::resolve(socket, tls, &trusted, &headers);
        prop_assert!(peer.address == client || peer.address == peer.chain.socket(), "{}", peer.address);
        prop_assert!(!peer.secure && !peer.confidential);
    }

    /// A stranger's headers change nothing but that they are noticed.
    #[test]
    fn a_stranger_is_at_its_socket(lines in lines(), tls: bool, unix: bool) {
        let socket = if unix { PeerAddress::Unix } else { [198, 51, 100, 7].into() };
        let (with, without) = (Peer::resolve(socket, tls, &trusted(), &as_headers(&lines)), Peer::resolve(socket, tls, &trusted(), &[]));
        prop_assert_eq!((with.address, with.secure, with.confidential), (without.address, without.secure, without.confidential));
    }

    /// What goes on to the backend is what was believed, and a gate behind this one that trusts the same comes to the same peer.
    #[test]
    fn the_chain_leads_to_the_peer(lines in lines(), unix: bool) {
        let (headers, (socket, trusted)) = (as_headers(&lines), proxy(unix));
        let peer = Peer::resolve(socket, false, &trusted, &headers);
        let addresses = peer.chain.addresses(&headers);
        prop_assert_eq!(addresses.first().copied(), peer.address.ip());
        prop_assert!(addresses.iter().skip(1).all(|&address| trusted.contains(address)));
        prop_assert!(addresses.len() <= MAX_HOPS + 1);
        // A Unix socket is the end of the chain without standing in it.
        let hops = if unix { &addresses[..] } else { addresses.split_last().unwrap().1 };
        let again = hops.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let again = Header { name: "X-Forwarded-For", value: again.as_bytes() };
        let again = if hops.is_empty() { vec![] } else { vec![again] };
        prop_assert_eq!(Peer::resolve(socket, false, &trusted, &again).address, peer.address);
    }
}
