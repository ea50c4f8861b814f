//! Which of several addresses is chosen.

use std::collections::{BTreeMap, HashSet};

use super::{KEY, every_way, get, named, nobody, post, who_answers};
use crate::support::{Backend, Gate, Setup, WebSocket, handshake, secret_key};

async fn three() -> [Backend; 3] {
    [named("a").await, named("b").await, named("c").await]
}

async fn gate(backends: &[Backend], balance: &str) -> Gate {
    let addresses: Vec<_> = backends.iter().map(|backend| backend.address.to_string()).collect();
    let upstream = format!("{{ addresses: [{}], balance: {balance} }}", addresses.join(", "));
    let keys = (0..20).map(|id| secret_key(&format!("k{id}"), &format!("sk_live_{id}"), ""));
    let keys = keys.chain([secret_key("server", "sk_live_server", "")]).collect();
    Gate::start(Setup { keys, ..Setup::before(upstream) }).await
}

/// How often each backend answers so many requests, which `request` makes of their number.
async fn counts(gate: &Gate, turns: usize, request: impl Fn(usize) -> String) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for turn in 0..turns {
        *counts.entry(who_answers(gate, &request(turn)).await).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn one_after_the_other() {
    let backends = three().await;
    let gate = gate(&backends, "round_robin").await;
    // All kinds of requests share the turns.
    let counts = counts(&gate, 24, |turn| every_way("/any/", KEY)[turn % 4].clone()).await;
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [8, 8, 8]);
}

#[tokio::test]
async fn the_fewest_open() {
    let backends = three().await;
    let gate = gate(&backends, "least_connections").await;
    let mut open = Vec::new();
    for _ in 0..9 {
        let mut client = gate.connect().await;
        client.send(handshake("/connection/1", KEY)).await;
        let answer = client.head().await;
        assert_eq!(answer.status, 101);
        open.push((answer.header("x-backend").unwrap().to_owned(), client));
    }
    let at = |open: &[(String, _)], name: &str| open.iter().filter(|(own, _)| own == name).count();
    assert_eq!(["a", "b", "c"].map(|name| at(&open, name)), [3, 3, 3]);
    // Those of one backend end; the gate knows once it has counted them out.
    open.retain(|(name, _)| name != "b");
    gate.series_is(r#"keygate_connections{transport="websocket"}"#, 6.0).await;
    for _ in 0..3 {
        let mut client = gate.connect().await;
        client.send(handshake("/connection/1", KEY)).await;
        let answer = client.head().await;
        open.push((answer.header("x-backend").unwrap().to_owned(), client));
    }
    assert_eq!(["a", "b", "c"].map(|name| at(&open, name)), [3, 3, 3]);
    // A plain exchange is counted out with its answer: one after the other, none is ahead.
    let counts = counts(&gate, 30, |_| get("/any/", KEY)).await;
    assert!(counts.values().all(|&count| count > 0), "{counts:?}");
}

#[tokio::test]
async fn always_the_same_for_what_is_equal() {
    let backends = three().await;
    let by_key = |turn: usize| get("/any/", &format!("x-api-key: sk_live_{}\r\n", turn % 20));
    let by_header = |turn: usize| get("/any/", &format!("{KEY}X-Room: {}\r\nX-Room: other\r\n", turn % 20));
    let by_query = |turn: usize| get(&format!("/any/?a&room={}&room=other", turn % 20), KEY);
    let by_ip = |_: usize| get("/any/", KEY);
    type Requests<'r> = &'r dyn Fn(usize) -> String;
    let cases: [(&str, Requests<'_>, usize); 4] = [
        ("consistent_hash", &by_key, 20),
        ("consistent_hash, hash_on: { header: x-room }", &by_header, 20),
        ("consistent_hash, hash_on: { query: room }", &by_query, 20),
        ("consistent_hash, hash_on: ip", &by_ip, 1),
    ];
    for (balance, request, different) in cases {
        let gate = gate(&backends, balance).await;
        let mut sent = Vec::new();
        for turn in 0..60 {
            sent.push(who_answers(&gate, &request(turn)).await);
        }
        for turn in 0..60 {
            assert_eq!(sent[turn], sent[turn % different], "{balance}");
        }
        let used: HashSet<_> = sent.iter().collect();
        assert_eq!(used.len(), if different == 1 { 1 } else { 3 }, "{balance}");
        // Another gate, another order of what is written, the same choice.
        let turned = [&backends[2], &backends[0], &backends[1]].map(|backend| backend.address.to_string()).join(", ");
        let upstream = format!("{{ addresses: [{turned}], balance: {balance} }}");
        let keys = (0..20).map(|id| secret_key(&format!("k{id}"), &format!("sk_live_{id}"), ""));
        let keys = keys.chain([secret_key("server", "sk_live_server", "")]).collect();
        let other = Gate::start(Setup { keys, ..Setup::before(upstream) }).await;
        for (turn, sent) in sent.iter().enumerate().take(different) {
            assert_eq!(&who_answers(&other, &request(turn)).await, sent, "{balance}");
        }
    }
}

#[tokio::test]
async fn what_has_nothing_in_common_is_spread() {
    let backends = three().await;
    let gate = gate(&backends, "consistent_hash, hash_on: { header: X-Room }").await;
    let counts = counts(&gate, 60, |_| get("/any/", KEY)).await;
    assert_eq!(counts.len(), 3, "{counts:?}");
}

#[tokio::test]
async fn who_cannot_be_connected_to_is_passed_over() {
    let (one, down, other) = (named("a").await, nobody().await, named("b").await);
    for balance in ["round_robin", "least_connections", "consistent_hash, hash_on: { query: n }"] {
        let upstream = format!("{{ addresses: [{}, {down}, {}], balance: {balance} }}", one.address, other.address);
        let gate = Gate::start(Setup::before(upstream)).await;
        let before = one.requests().len() + other.requests().len();
        for turn in 0..24 {
            let request = every_way(&format!("/any/?n={turn}"), KEY)[turn % 4].clone();
            who_answers(&gate, &request).await;
        }
        assert_eq!(one.requests().len() + other.requests().len(), before + 24, "{balance}: each request once");
        let failed = gate.metrics().await.value(r#"keygate_upstream_errors_total{kind="connect"}"#);
        assert!(failed > Some(0.0), "{balance}: {failed:?}");
    }
    let large = "x".repeat(200_000);
    let upstream = format!("{{ addresses: [{down}, {}] }}", one.address);
    let gate = Gate::start(Setup::before(upstream)).await;
    for _ in 0..2 {
        assert_eq!(who_answers(&gate, &post("/any/", KEY, &large)).await, "a", "a body waits until there is somebody to take it");
    }
    let mut socket = WebSocket::open(gate.connect().await, "/connection/1", "sk_live_server").await;
    socket.echoes("through").await;
}
