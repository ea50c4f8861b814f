//! Whatever headers come, a client behind a proxy that appends is itself or the proxy, and what was believed leads back to it.
#![no_main]

use keygate::gate::{
    peer::{MAX_HOPS, Networks, Peer, PeerAddress},
    request::Header,
};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 3] = ["X-Forwarded-For", "Forwarded", "X-Forwarded-Proto"];

fuzz_target!(|input: (Vec<(u8, Vec<u8>)>, bool)| {
    let (lines, tls) = input;
    let trusted = ["10.0.0.0/8", "fd00::/8"].map(|text| Networks::parse(text).expect("a network"));
    let trusted = Networks::new(trusted).expect("networks");
    let (socket, client): (PeerAddress, PeerAddress) = ([10, 0, 0, 1].into(), [198, 51, 100, 7].into());
    let mut headers: Vec<_> =
        lines.iter().map(|(name, value)| Header { name: NAMES[usize::from(*name) % NAMES.len()], value }).collect();

    let stranger = Peer::resolve(client, tls, &trusted, &headers);
    assert_eq!((stranger.address, stranger.secure), (client, tls));
    let peer = Peer::resolve(socket, tls, &trusted, &headers);
    let chain = peer.chain.addresses(&headers);
    assert_eq!((chain.first().copied(), chain.last().copied()), (peer.address.ip(), socket.ip()));
    assert!(chain.len() <= MAX_HOPS + 1 && chain[1..].iter().all(|&hop| trusted.contains(hop)));

    for (name, value) in [("X-Forwarded-For", &b"198.51.100.7"[..]), ("Forwarded", b"for=198.51.100.7")] {
        headers.push(Header { name, value });
        let peer = Peer::resolve(socket, tls, &trusted, &headers);
        assert!(peer.address == client || peer.address == socket, "{}", peer.address);
        headers.pop();
    }
});
