//! A decision asks the heap for nothing, whichever way it goes.

#[path = "../benches/decision/counting.rs"]
mod counting;
#[path = "../benches/decision/sets.rs"]
mod sets;
#[path = "../benches/decision/world.rs"]
mod world;

use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};
use keygate::gate::{
    Gate,
    blocks::{Block, Blocks, Target},
    capability::{Channel, Operations},
    denial::Denial,
    keys::{KeyRecord, KeySet},
    limit::Quotas,
    request::RequestHead,
    testing,
};

use counting::Heap;
use sets::{Set, sets};
use world::{Clock, Digests, ORIGIN, PATH, QUOTAS, World, builder, head, headers, texts};

fn decide(gate: &Gate, head: &RequestHead<'_>, clock: &mut Clock) -> Result<(), Denial> {
    gate.admit(head, clock.tick()).map(drop).map_err(|refusal| refusal.denial)
}

#[track_caller]
fn check(gate: &Gate, head: &RequestHead<'_>, expected: Result<(), Denial>) {
    let mut clock = Clock::default();
    // The first refusal of a peer makes its bucket; arc-swap makes a slot for each thread.
    let _ = (decide(gate, head, &mut clock), gate.refuse_unread(head.peer, clock.tick()));
    let before = Heap::now();
    for _ in 0..100 {
        assert_eq!(decide(gate, head, &mut clock), expected);
    }
    let Heap { allocations, live_bytes } = Heap::since(before);
    assert_eq!((allocations, live_bytes), (0, 0), "{expected:?}");
}

#[test]
fn the_counter_counts() {
    let before = Heap::now();
    let block = std::hint::black_box(vec![0u8; 100]);
    assert_eq!(Heap::since(before), Heap { allocations: 1, live_bytes: 100 });
    drop(block);
    assert_eq!(Heap::since(before), Heap { allocations: 1, live_bytes: 0 });
}

#[test]
fn letting_in_allocates_nothing() {
    for digests in Digests::ALL {
        let World { gate, texts } = World::new(100, digests);
        let text = &texts[17];
        check(&gate, &head(PATH, &headers(Some(text))), Ok(()));
        check(&gate, &head(&format!("{PATH}&key={text}"), &headers(None)), Ok(()));
        let bearer = format!("Bearer {text}");
        let mut with_bearer = headers(None);
        with_bearer[7].name = "Authorization";
        with_bearer[7].value = bearer.as_bytes();
        check(&gate, &head(PATH, &with_bearer), Ok(()));
    }
}

#[test]
fn quotas_allocate_nothing() {
    let World { gate, texts } = World::with_quotas(100, Digests::Sha256, QUOTAS);
    check(&gate, &head(PATH, &headers(Some(&texts[17]))), Ok(()));
    let spent = Quotas { day: Some(1), month: Some(1) };
    let World { gate, texts } = World::with_quotas(100, Digests::Sha256, spent);
    let headers = headers(Some(&texts[17]));
    let head = &head(PATH, &headers);
    assert_eq!(decide(&gate, head, &mut Clock::default()), Ok(()));
    check(&gate, head, Err(Denial::QuotaExceeded));
}

/// At most 200 bytes for each of very many keys, beside the text of its id, with the state of rate, places and quotas, also where quotas
/// are the default of every key.
#[test]
fn a_key_weighs_little() {
    // As full as the table of a million keys is.
    const COUNT: usize = 125_000;
    let texts = texts(COUNT);
    let weight = |quotas| {
        let before = Heap::now();
        let set = builder(&texts, Digests::Sha256, quotas).build().expect("a key set");
        // 12 are the text of the id, within the record or beside it.
        let bytes = Heap::since(before).live_bytes / COUNT as i64 - 12;
        drop(set);
        bytes
    };
    let (plain, counted) = (weight(Quotas::default()), weight(QUOTAS));
    println!("{plain} bytes a key, {counted} with quotas");
    assert!(plain <= 176 && counted <= 200, "{plain} bytes a key, {counted} with quotas");
}

/// A change of one key beside very many asks for little, and what it replaces is given back.
#[test]
fn a_change_of_one_key_leaves_nothing_behind() {
    let texts = texts(20_000);
    let first = builder(&texts, Digests::Sha256, Quotas::default()).build().expect("a key set");
    let change = |set: &KeySet, nth: usize, text: &str| {
        let before = set.by_id(&texts[nth][8..20]).expect("a key");
        let (app, origins) = (before.app.clone(), before.origins.clone());
        let (limits, capabilities) = (Arc::clone(&before.limits), Arc::clone(&before.capabilities));
        let record = KeyRecord { app, origins, limits, capabilities, ..testing::secret(&before.id, text) };
        set.with(vec![record], &[]).expect("a key set")
    };
    let before = Heap::now();
    let mut set = change(&first, 17, "another");
    let one = Heap::since(before);
    println!("{} allocations, {} bytes", one.allocations, one.live_bytes);
    assert!(one.allocations < 60 && one.live_bytes < 20_000, "{one:?}");
    drop(first);
    let before = Heap::now();
    for (nth, text) in texts.iter().enumerate().step_by(7) {
        set = change(&set, nth, text);
    }
    // A record for a record; but a leaf may have become two, or two one.
    let Heap { live_bytes, .. } = Heap::since(before);
    assert!(live_bytes.abs() < 200_000, "{live_bytes} bytes are left of 3,000 changes");
}

#[test]
fn a_stream_allocates_nothing_either() {
    let World { gate, texts } = World::new(1, Digests::Sha256);
    let mut streaming = headers(Some(&texts[0]));
    streaming[2].value = b"text/event-stream";
    check(&gate, &head("/events/42", &streaming), Ok(()));
}

#[test]
fn asking_what_is_held_on_a_channel_allocates_nothing() {
    for Set { name, capabilities, held, not_held } in &sets() {
        let before = Heap::now();
        let on = |text| capabilities.on(&Channel::parse(text).expect("a channel"));
        let (held, not_held) = (on(held), on(not_held));
        assert_eq!(Heap::since(before), Heap { allocations: 0, live_bytes: 0 }, "{name}");
        assert!(!held.is_empty() && not_held.is_empty() && held == capabilities.anywhere(), "{name}");
        assert_eq!(capabilities.everywhere(), Operations::NONE);
    }
}

#[test]
fn asking_for_blocks_allocates_nothing() {
    let World { gate, texts } = World::new(100, Digests::Sha256);
    let block = |target| Block { target, since_ms: 0, until_ms: i64::MAX, reason: "".into() };
    let network = |n: u32| IpNet::V4(Ipv4Net::new_assert((0x0a00_0000 + (n << 8)).into(), 24 + (n % 9) as u8).trunc());
    let others = (0..1000).map(|n| block(Target::Network(network(n)))).chain([block(Target::Key("other".into()))]);
    let _ = gate.publish_blocks(&Arc::new(Blocks::new(others.clone()).unwrap()));
    let good = headers(Some(&texts[17]));
    check(&gate, &head(PATH, &good), Ok(()));
    let peer = head(PATH, &good).peer.ip().map(IpNet::from).unwrap();
    let _ = gate.publish_blocks(&Arc::new(Blocks::new(others.chain([block(Target::Network(peer))])).unwrap()));
    check(&gate, &head(PATH, &good), Err(Denial::PeerBlocked));
}

#[test]
fn refusing_allocates_nothing() {
    let World { gate, texts } = World::new(100, Digests::Sha256);
    let text = &texts[17];
    let mistyped = format!("{}{}", &text[..20], text[20..].chars().rev().collect::<String>());
    check(&gate, &head(PATH, &headers(None)), Err(Denial::MissingKey));
    check(&gate, &head(PATH, &headers(Some("pk_of_nobody"))), Err(Denial::UnknownKey));
    let (id, wrong) = (&text[8..20], "0".repeat(32));
    for spelled in [format!("app.{id}:{wrong}"), format!("app.{}:{wrong}", "0".repeat(12))] {
        check(&gate, &head(PATH, &headers(Some(&spelled))), Err(Denial::UnknownKey));
    }
    check(&gate, &head(PATH, &headers(Some(&mistyped))), Err(Denial::MalformedKey));
    check(&gate, &head("/nowhere", &headers(Some(text))), Err(Denial::NoRoute));
    check(&gate, &head(&format!("{PATH}&key={text}"), &headers(Some(text))), Err(Denial::AmbiguousKey));
    let mut elsewhere = headers(Some(text));
    assert_eq!(elsewhere[8].value, ORIGIN.as_bytes());
    elsewhere[8].value = b"https://evil.example.com";
    check(&gate, &head(PATH, &elsewhere), Err(Denial::OriginRefused));
    let unready = Gate::new(gate.snapshot().policy.as_ref().clone());
    check(&unready, &head(PATH, &headers(Some(text))), Err(Denial::NotReady));
}
