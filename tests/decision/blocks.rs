//! Whom an incident shuts out: by key and by network, at once, for as long as was said, whatever else there is.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use keygate::gate::{
    Admitted, Gate, NeedBody,
    blocks::{Block, Blocks, MAX_BLOCKS, Target, TooManyBlocks},
    capability::Operation,
    channel::{ChannelSource, Pointer},
    denial::Denial,
    keys::{KeyRecord, RareFields, State},
    peer::{Networks, Peer},
    permit::{Permit, Refusal},
    policy::{Demand, Mode, Policy, Route},
    testing,
};
use proptest::prelude::*;

use crate::world::{Ask, LISTED, NOW, PEER, block, blocks, gate};

fn policy(mode: Mode) -> Policy {
    let routes = [testing::route("public", "/public", Demand::Public), testing::route("any", "/any", Demand::Any)];
    Policy { mode, ..testing::policy(routes.map(|route| Route { enforced_inside: true, ..route })) }
}

fn usual() -> Gate {
    gate(policy(Mode::Enforce), [testing::secret("key", "text"), testing::secret("other", "other")])
}

fn key(id: &str) -> Target {
    Target::key(id).expect("an id")
}

fn network(text: &str) -> Target {
    Target::network(text).expect("a network")
}

fn forever(target: &Target) -> Block {
    block(target, i64::MAX)
}

#[test]
fn a_blocked_key_is_refused_and_no_other() {
    let gate = usual();
    assert_eq!(gate.publish_blocks(&blocks([forever(&key("key"))])), 2, "a publication is a generation");
    assert_eq!(Ask::get("/any").key("text").outcome(&gate), Err(Denial::KeyBlocked));
    assert_eq!(Ask::get("/any").key("other").outcome(&gate), Ok(()));
    assert_eq!(Ask::get("/public").key("text").outcome(&gate), Ok(()), "where no key is asked for, none is looked at");
}

#[test]
fn a_blocked_peer_is_refused_everywhere() {
    let gate = usual();
    let _ = gate.publish_blocks(&blocks([forever(&network("192.0.2.0/24"))]));
    for path in ["/any", "/public", "/nowhere"] {
        assert_eq!(Ask::get(path).key("text").outcome(&gate), Err(Denial::PeerBlocked), "{path}");
        let preflight = Ask::new("OPTIONS", path).origin(LISTED).header("Access-Control-Request-Method", "GET");
        assert_eq!(preflight.with_head(|head| gate.preflight(head, NOW)), Some(Err(Denial::PeerBlocked)), "{path}");
        let mapped = Ipv6Addr::from_bits(0xffff_c000_0201);
        assert_eq!(Ask::get(path).from(mapped).outcome(&gate), Err(Denial::PeerBlocked), "{path}, IPv4 in IPv6");
    }
    assert_eq!(Ask::get("/public").from([192, 0, 3, 1]).outcome(&gate), Ok(()));
}

#[test]
fn a_new_key_set_changes_nothing_about_it() {
    let gate = usual();
    let _ = gate.publish_blocks(&blocks([forever(&key("key"))]));
    let again = crate::world::set([testing::secret("key", "text")]);
    assert_eq!(gate.publish(policy(Mode::Enforce).into(), again.into()), 3);
    assert_eq!(Ask::get("/any").key("text").outcome(&gate), Err(Denial::KeyBlocked));
}

#[test]
fn it_is_never_only_reported() {
    let gate = gate(policy(Mode::Report), [testing::secret("key", "text")]);
    let _ = gate.publish_blocks(&blocks([forever(&key("key"))]));
    assert_eq!(Ask::get("/any").key("text").outcome(&gate), Err(Denial::KeyBlocked));
    assert_eq!(Ask::get("/any").key("nobody's").outcome(&gate), Ok(()), "and what else would be refused is");
    let _ = gate.publish_blocks(&blocks([forever(&network("192.0.2.1"))]));
    assert_eq!(Ask::get("/any").key("text").outcome(&gate), Err(Denial::PeerBlocked));
    let preflight = Ask::new("OPTIONS", "/any").origin(LISTED).header("Access-Control-Request-Method", "GET");
    assert_eq!(preflight.with_head(|head| gate.preflight(head, NOW)), Some(Err(Denial::PeerBlocked)));
}

#[test]
fn it_ends_when_its_time_comes() {
    let gate = usual();
    let _ = gate.publish_blocks(&blocks([block(&key("key"), NOW.unix_ms + 1000), block(&network("198.51.100.0/24"), 0)]));
    let ask = Ask::get("/any").key("text");
    assert_eq!(ask.at(&gate, NOW.after_ns(999_000_000)).map(drop).map_err(|refusal| refusal.denial), Err(Denial::KeyBlocked));
    assert!(ask.at(&gate, NOW.after_ns(1_000_000_000)).is_ok());
    assert_eq!(Ask::get("/any").key("other").from([198, 51, 100, 1]).outcome(&gate), Ok(()));
}

#[test]
fn an_open_stream_falls_with_its_key_or_its_peer() {
    let gate = usual();
    let permit = Ask::get("/any").key("text").websocket().at(&gate, NOW).expect("a permit");
    let open = Ask::get("/public").websocket().at(&gate, NOW).expect("a permit");
    let stands = |permit: &Permit| gate.still_stands(permit.standing(), None, PEER.into(), NOW).map(drop);
    assert_eq!((stands(&permit), stands(&open)), (Ok(()), Ok(())));
    let _ = gate.publish_blocks(&blocks([forever(&key("key"))]));
    assert_eq!((stands(&permit), stands(&open)), (Err(Denial::KeyBlocked), Ok(())));
    let _ = gate.publish_blocks(&blocks([forever(&network("192.0.2.1"))]));
    assert_eq!((stands(&permit), stands(&open)), (Err(Denial::PeerBlocked), Err(Denial::PeerBlocked)));
    let _ = gate.publish_blocks(&blocks([]));
    assert_eq!((stands(&permit), stands(&open)), (Ok(()), Ok(())));
}

#[test]
fn a_reported_stream_falls_too() {
    let gate = gate(policy(Mode::Report), [testing::publishable("pk", "pk", &[])]);
    let permit = Ask::get("/any").key("pk").websocket().at(&gate, NOW).expect("a report");
    assert_eq!(permit.reported(), Some(Denial::OriginMissing));
    let _ = gate.publish_blocks(&blocks([forever(&key("pk"))]));
    assert_eq!(gate.still_stands(permit.standing(), None, PEER.into(), NOW), Err(Denial::KeyBlocked));
}

/// Nothing of its key could be taken from it, but the block of that key is about it too.
#[test]
fn a_stream_that_a_report_let_in_on_a_bad_key_falls_too() {
    let revoked = KeyRecord { state: State::Revoked, ..testing::secret("key", "text") };
    let gate = gate(policy(Mode::Report), [revoked]);
    let permit = Ask::get("/any").key("text").websocket().at(&gate, NOW).expect("a report");
    assert_eq!((permit.reported(), permit.key().is_some()), (Some(Denial::KeyRevoked), false));
    assert_eq!(gate.still_stands(permit.standing(), None, PEER.into(), NOW), Ok(i64::MAX));
    let _ = gate.publish_blocks(&blocks([forever(&key("key"))]));
    assert_eq!(gate.still_stands(permit.standing(), None, PEER.into(), NOW), Err(Denial::KeyBlocked));
}

/// A proxy writes one of the two headers and passes the other one on, as its client made it up.
#[test]
fn a_second_header_rids_nobody_of_itself() {
    const PROXY: [u8; 4] = [10, 0, 0, 1];
    let trusted = Networks::new([IpNet::from(IpAddr::from(PROXY))]).expect("a network");
    let outcome = |gate: &Gate, text: &str, headers: &[(&'static str, &str)]| {
        let ask = headers.iter().fold(Ask::get("/any").key(text), |ask, (name, value)| ask.header(name, value));
        ask.with_head(|head| {
            let mut head = head.clone();
            head.sent_by(&Peer::resolve(PROXY.into(), true, &trusted, head.headers));
            gate.admit(&head, NOW).map(drop).map_err(|refusal| refusal.denial)
        })
    };
    let inside = RareFields { ips: Some(trusted.clone()), ..RareFields::default() };
    let gate = gate(
        policy(Mode::Enforce),
        [testing::secret("key", "text"), KeyRecord { rare: inside.into(), ..testing::secret("inside", "inside") }],
    );
    let (own, second) = (("X-Forwarded-For", "203.0.113.9"), ("Forwarded", "for=198.51.100.1"));
    assert_eq!(outcome(&gate, "inside", &[]), Ok(()));
    for headers in [&[own][..], &[own, second], &[second, own], &[own, ("Forwarded", "?")]] {
        assert_eq!(outcome(&gate, "inside", headers), Err(Denial::AddressRefused), "{headers:?}");
        assert_eq!(outcome(&gate, "text", headers), Ok(()), "{headers:?}");
    }
    let _ = gate.publish_blocks(&blocks([forever(&network("203.0.113.9"))]));
    for headers in [&[own][..], &[own, second], &[second, own], &[own, ("Forwarded", "?")]] {
        assert_eq!(outcome(&gate, "text", headers), Err(Denial::PeerBlocked), "{headers:?}");
    }
    assert_eq!(outcome(&gate, "text", &[second]), Ok(()));
}

/// A body can be sent slowly: what is blocked before it is there is blocked.
#[test]
fn a_request_whose_body_is_still_coming_is_refused() {
    let json = ChannelSource::Json(Pointer::parse("/channel").expect("a pointer"));
    let post = Route { channel: json, ..testing::route("post", "/post", Demand::Operation(Operation::Publish)) };
    let begun = |mode, of: Option<Target>, end: &dyn Fn(&Gate, NeedBody) -> Result<Permit, Refusal>| {
        let gate = gate(Policy { mode, ..testing::policy([post.clone()]) }, [testing::secret("key", "text")]);
        let ask = Ask::new("POST", "/post").key("text").header("Content-Type", "application/json");
        let Ok(Admitted::NeedBody(need)) = ask.with_head(|head| gate.admit(head, NOW)) else { panic!("no body is asked for") };
        let _ = gate.publish_blocks(&blocks(of.iter().map(forever)));
        end(&gate, need).map(drop).map_err(|refusal| refusal.denial)
    };
    let whole = |gate: &Gate, need| gate.finish(need, br#"{"channel":"a"}"#, NOW);
    let lost = |gate: &Gate, need| gate.give_up(need, Denial::ChannelMissing, NOW);
    for mode in [Mode::Enforce, Mode::Report] {
        assert_eq!(begun(mode, None, &whole), Ok(()));
        for (of, denial) in [(key("key"), Denial::KeyBlocked), (network("192.0.2.1"), Denial::PeerBlocked)] {
            assert_eq!(begun(mode, Some(of.clone()), &whole), Err(denial));
            assert_eq!(begun(mode, Some(of), &lost), Err(denial));
        }
    }
    assert_eq!(begun(Mode::Report, None, &lost), Ok(()), "which is only reported");
}

#[test]
fn a_target_is_one_whichever_way_it_is_written() {
    for (written, meant) in [
        ("203.0.113.7", "203.0.113.7/32"),
        ("203.0.113.7/24", "203.0.113.0/24"),
        ("::ffff:203.0.113.7", "203.0.113.7/32"),
        ("::ffff:203.0.113.7/120", "203.0.113.0/24"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:3::4/128", "2001:db8:1:2:3::4/128"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::/0", "::/0"),
    ] {
        let target = network(written);
        assert_eq!(target, Target::Network(meant.parse().expect("a network")), "{written}");
        assert_eq!(network(&target.to_string()), target, "{written}, as it is told");
    }
    assert_eq!(network("203.0.113.7").to_string(), "203.0.113.7");
    assert_eq!(network("2001:db8::1").to_string(), "2001:db8::/64");
    assert_eq!(key("web").to_string(), "key `web`");
}

#[test]
fn what_is_no_target() {
    for text in ["", "203.0.113", "203.0.113.7/33", "2001:db8::/129", "10.0.0.0/", "/8", "localhost", " 10.0.0.1", "fe80::1%eth0"]
    {
        assert!(Target::network(text).is_err(), "{text} was taken");
    }
    for text in ["", "a b", "schlüssel", "a.b", &"a".repeat(65)] {
        assert!(Target::key(text).is_err(), "{text} was taken");
    }
    let text = keygate::gate::credential::compose(
        None,
        keygate::gate::credential::Kind::Secret,
        keygate::gate::credential::Environment::Live,
        0..=255,
    );
    let told = Target::key(&text.expect("a key")).expect_err("the text of a key is no id");
    assert!(told.contains("text of a key"), "{told}");
}

#[test]
fn the_same_target_again_takes_the_place_of_the_first() {
    let first = Blocks::new([block(&key("key"), NOW.unix_ms + 1), forever(&network("10.0.0.0/8"))]).expect("two");
    let second = first.with(forever(&key("key")), NOW.unix_ms).expect("room");
    assert_eq!(second.in_force(NOW.unix_ms).count(), 2);
    assert_eq!(second.of_key(&"key".into(), NOW.unix_ms + 10), Some(&forever(&key("key"))));
    assert_eq!(
        first.with(forever(&key("other")), NOW.unix_ms + 1).expect("room").in_force(0).count(),
        2,
        "what is over is dropped"
    );
}

#[test]
fn lifting_is_of_that_block_and_no_other() {
    let set =
        Blocks::new([forever(&key("key")), forever(&network("10.0.0.0/8")), forever(&network("10.1.0.0/16"))]).expect("three");
    let less = set.without(&network("10.1.0.0/16"), 0).expect("it was there");
    let inside = IpAddr::from([10, 1, 2, 3]);
    assert_eq!(set.of_peer(inside, 0).is_some(), less.of_peer(inside, 0).is_some(), "still in the wider one");
    let none = less.without(&network("10.0.0.0/8"), 0).expect("it was there");
    assert!(none.of_peer(inside, 0).is_none() && none.of_key(&"key".into(), 0).is_some());
    assert!(none.without(&network("10.0.0.0/8"), 0).is_none(), "it is there no more");
    assert!(Blocks::new([block(&key("a"), 5)]).expect("one").without(&key("a"), 5).is_none(), "it is over");
}

#[test]
fn a_shorter_block_inside_a_longer_one_ends_alone() {
    let set = Blocks::new([block(&network("10.1.0.0/16"), 5), block(&network("10.0.0.0/8"), 10)]).expect("two");
    let at = |now_ms| set.of_peer(IpAddr::from([10, 1, 2, 3]), now_ms).map(|block| block.until_ms);
    assert!(at(4).is_some());
    assert_eq!((at(5), at(10)), (Some(10), None));
}

#[test]
fn there_is_a_limit() {
    let many = |count: usize| (0..count).map(|n| forever(&key(&format!("k{n}"))));
    let full = Blocks::new(many(MAX_BLOCKS)).expect("as many as there may be");
    assert_eq!(full.with(forever(&key("one-more")), NOW.unix_ms).map(drop), Err(TooManyBlocks));
    assert!(full.with(block(&key("k7"), i64::MAX - 1), NOW.unix_ms).is_ok(), "one that is there already has its place");
    assert_eq!(Blocks::new(many(MAX_BLOCKS + 1)).map(drop), Err(TooManyBlocks));
}

fn any_network() -> impl Strategy<Value = IpNet> {
    // Few addresses, so that they meet.
    let v4 = (0..8u32, 0..=32u8).prop_map(|(low, length)| IpNet::new(IpAddr::V4((0x0a00_0000 + low).into()), length));
    let v6 = (0..8u128, 0..=128u8).prop_map(|(low, length)| IpNet::new(IpAddr::V6((0x2001 << 112 | low).into()), length));
    prop_oneof![v4, v6].prop_map(|network| network.expect("a length"))
}

proptest! {
    /// Found by hash is found by looking at each.
    #[test]
    fn an_address_is_blocked_where_a_network_contains_it(
        networks in proptest::collection::vec((any_network(), 0..3i64), 0..12),
        peer in any_network(),
    ) {
        let set = networks.iter().map(|(network, until_ms)| block(&Target::network(&network.to_string()).unwrap(), *until_ms));
        let set = Blocks::new(set).unwrap();
        let last = |one: &IpNet| networks.iter().rfind(|(other, _)| other.trunc() == one.trunc()).map_or(0, |(_, until_ms)| *until_ms);
        let expected = networks.iter().any(|(network, _)| network.contains(&peer.addr()) && last(network) > 1);
        prop_assert_eq!(set.of_peer(peer.addr(), 1).is_some(), expected);
    }
}
