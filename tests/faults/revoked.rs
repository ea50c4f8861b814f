//! Keys are revoked under live streams: idle ones, busy ones, ones with blocked writers, handshakes that are still open, and events.
//! All of a revoked key end, each is told what it can be told, and nobody else notices. F5 of the battery.
//!
//! A change is **in force** when a fresh request with the key is refused. A client asks with the first of the revoked keys, again and
//! again on one connection, from before the file is replaced until it is refused. In force is counted from when the last request that
//! was let in was *sent*: no later than it can have been, so no time here is too short.

use std::time::{Duration, Instant};

use super::{
    load::{Asker, Crowd, Ends, Farewell, Kind, Member, Times, UNLIMITED, Upstream, alone, processor_time, request},
    support::{Gate, PATIENCE, Setup, is_long, relay, within},
};

/// By when the last byte must have been delivered.
const LIMIT: Duration = Duration::from_secs(1);

/// What each key has, in turn: of 15 streams one handshake, one stream of events.
const KINDS: [Kind; 15] = {
    use Kind::{Blocked, Busy, Events, Idle, Opening};
    [Idle, Busy, Idle, Events, Idle, Busy, Blocked, Idle, Opening, Idle, Busy, Idle, Blocked, Busy, Idle]
};

const REVOKED: Farewell = Farewell { close: (1008, "the API key no longer allows this"), status: 401 };

/// Asks with a key until it is refused. When that was in force, and how long it took from replacing the file.
async fn in_force(gate: &Gate, key: usize, replace: impl FnOnce()) -> (Instant, Duration) {
    let mut asker = Asker::to(gate.address()).await.expect("a connection");
    let ask = request("/any/", &Crowd::key_text(key));
    assert_eq!(asker.ask(&ask).await.expect("an answer").status, 200, "it is good before");
    let replaced = Instant::now();
    replace();
    let refused = async {
        let mut last_good = replaced;
        loop {
            let sent = Instant::now();
            match asker.ask(&ask).await.map(|answer| answer.status) {
                Ok(200) => last_good = sent,
                Ok(401) => return last_good,
                Ok(status) => panic!("{status}"),
                // It was let in, and cut like a stream.
                Err(_) => asker = Asker::to(gate.address()).await.expect("a connection"),
            }
        }
    };
    let at = within("the key to be refused", refused).await;
    (at, at.duration_since(replaced))
}

/// A new connection for each key. How many were let in, and how long a refusal took from connecting.
async fn connect_again(gate: &Gate, keys: std::ops::Range<usize>) -> (usize, Times) {
    let (mut admitted, mut times) = (0, Vec::new());
    for key in keys {
        let begun = Instant::now();
        let mut asker = Asker::to(gate.address()).await.expect("a connection");
        let handshake = super::support::handshake("/connection/echo", &format!("x-api-key: {}\r\n", Crowd::key_text(key)));
        admitted += usize::from(asker.ask(handshake).await.expect("an answer").status != 401);
        times.push(begun.elapsed());
    }
    (admitted, times.into_iter().collect())
}

/// Revokes the keys `from..to` of `all`, those before being revoked already. Everything that must be 0, by name, and how many streams
/// were cut short inside a frame.
async fn revoke(gate: &Gate, crowd: &Crowd, (from, to, all): (usize, usize, usize)) -> (Vec<(&'static str, usize)>, usize) {
    let fallen = |member: &Member| (from..to).contains(&member.key);
    let before = processor_time(gate);
    let (start, took) = in_force(gate, from, || gate.replace_keys(&Crowd::keys(all, |key| key < to))).await;
    let (admitted, refusals) = connect_again(gate, from..to).await;
    let ends: Ends = crowd.ends(fallen, start, PATIENCE, &REVOKED).await;
    let used = processor_time(gate).saturating_sub(before);
    let standing = |member: &Member| member.key >= to;
    let missing = crowd.missing(standing, PATIENCE).await;
    let n = ends.clients.len() + ends.living;
    println!("{} keys of {all} revoked, {n} streams; in force {:.1} ms after the file", to - from, took.as_secs_f64() * 1000.0);
    let seen = |which: &dyn Fn(Kind) -> bool| {
        let told = crowd.members.iter().filter(|member| fallen(member) && which(member.kind));
        Times::since(start, told.filter_map(|member| member.told.get().map(|told| told.at)))
    };
    println!("  the end seen by the client: {}", ends.clients);
    println!("    behind its last byte, where it reads: {}", seen(&|kind| kind != Kind::Blocked));
    for kind in [Kind::Idle, Kind::Busy, Kind::Blocked, Kind::Opening, Kind::Events] {
        println!("    {kind:?}: {}", seen(&|other| other == kind));
    }
    println!("  the backend's side seen closed: {}", ends.backend);
    println!("  new connections refused: {refusals}");
    println!("  processor time of the gate: {} ms", used.as_millis());
    let metrics = gate.metrics().await;
    let closed = metrics.text.lines().filter(|line| line.starts_with("keygate_revocation_close_seconds_"));
    println!("  by the gate's own clock, so far: {}", closed.map(|line| &line[33..]).collect::<Vec<_>>().join(", "));
    for wrong in ends.mistold.iter().take(5) {
        println!("  {wrong}");
    }
    let late = ends.clients.above(LIMIT) + ends.living;
    let counts = vec![
        ("ended later than 1 s", late),
        ("told wrongly", ends.mistold.len()),
        ("with something that is no frame", ends.broken),
        ("ended without a Close to the backend", ends.untold),
        ("new connections let in", admitted),
        ("of other keys ended or silent", missing),
    ];
    (counts, ends.cut_short)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_stream_of_a_revoked_key_ends_and_no_other() {
    let _alone = alone().await;
    let (size, keys) = if is_long() { (9_000, 200) } else { (300, 20) };
    let crowd = Crowd::new(Upstream::start(size), size, keys, &KINDS);
    let log = "{ access: off }".to_owned();
    let keys_then = Crowd::keys(keys, |_| false);
    // The handshakes are open for as long as all the others take.
    let timeouts = "{ head: 10s, connect: 5s, upstream_head: 10m, drain: 15s }".to_owned();
    let setup = Setup { limits: UNLIMITED.to_owned(), log, keys: keys_then, timeouts, ..Setup::before(crowd.upstream.address) };
    let gate = Gate::start(setup).await;
    let begun = Instant::now();
    crowd.open(gate.address()).await;
    println!("{size} streams over {keys} keys, open after {:.1?}", begun.elapsed());
    assert_eq!(crowd.missing(|_| true, PATIENCE).await, 0, "all live before");

    let mut cut_short = 0;
    for step in [(0, 1), (1, 1 + keys / 2), (1 + keys / 2, keys)] {
        let (counts, cut) = revoke(&gate, &crowd, (step.0, step.1, keys)).await;
        cut_short += cut;
        for (what, count) in counts {
            let n = crowd.members.iter().filter(|member| member.key >= step.0).count();
            println!("  {count} of {n}: {what}");
            assert_eq!(count, 0, "{what}");
        }
    }
    gate.series_is("keygate_client_connections", 0.0).await;
    let blocked = crowd.members.iter().filter(|member| member.kind == Kind::Blocked).count();
    println!("{cut_short} of {size} cut short inside a frame, of which the rest had not come within 200 ms; {blocked} blocked");
    let resets = gate.metrics().await.sum("keygate_forced_resets_total");
    assert_eq!(resets, (blocked + cut_short) as f64, "every reset is counted, and no other end is one");
}

/// The counts, tried where there is something to count: nobody ends a stream, and one echo in five is lost.
#[tokio::test]
async fn a_stream_that_lives_and_one_that_is_silent_are_counted() {
    let _alone = alone().await;
    let crowd = Crowd::new(Upstream::spoiling(30, 5), 30, 2, &KINDS);
    crowd.open(relay(crowd.upstream.address).await).await;
    let soon = Duration::from_millis(300);
    let ends = crowd.ends(|member| member.key == 0, Instant::now(), soon, &REVOKED).await;
    assert_eq!((ends.living, ends.clients.len()), (15, 0));
    assert!(crowd.missing(|_| true, soon).await > 0, "some of the 22 WebSockets were not answered");
}
