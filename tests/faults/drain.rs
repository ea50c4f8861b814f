//! The gate ends under a crowd: streams that read, streams that do not, uploads under way. Nothing that was let in is lost, everybody
//! is told, and it ends in time. F7 of the battery.

mod under_way;

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::time::timeout;

use self::under_way::{Upload, end_heads, half_head};
use super::{
    load::{Asker, Crowd, Farewell, Kind, UNLIMITED, Upstream, alone, events_request, request},
    support::{Gate, PATIENCE, Setup, handshake, is_long},
};

const DRAINED: Farewell = Farewell { close: (1012, "service restart"), status: 503 };

/// Of 20 streams one of events, one handshake and one that does not read.
const KINDS: [Kind; 20] = {
    use Kind::{Blocked, Busy, Events, Idle, Opening};
    [
        Idle, Busy, Idle, Idle, Events, Idle, Busy, Idle, Idle, Idle, Blocked, Busy, Idle, Idle, Opening, Idle, Idle, Busy, Idle,
        Idle,
    ]
};

/// Heads of each sort that are half there when it is told.
const HALF_HEADS: usize = 10;

async fn crowded(streams: usize, uploads: usize, window: &str) -> (Gate, Crowd, Vec<Upload>) {
    let crowd = Crowd::new(Upstream::start(streams + uploads), streams, 10, &KINDS);
    let setup = Setup {
        limits: UNLIMITED.to_owned(),
        log: "{ access: off }".to_owned(),
        keys: Crowd::keys(10, |_| false),
        timeouts: format!("{{ head: 120s, connect: 5s, upstream_head: 120s, drain: {window} }}"),
        ..Setup::before(crowd.upstream.address)
    };
    let gate = Gate::start(setup).await;
    crowd.open(gate.address()).await;
    let mut under_way = Vec::new();
    for number in 0..uploads {
        under_way.push(Upload::begin(gate.address(), &crowd.upstream, streams + number, number).await);
    }
    (gate, crowd, under_way)
}

const fn size() -> (usize, usize) {
    (100, 10)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_everybody_is_told() {
    let _alone = alone().await;
    let (streams, uploads) = if is_long() { (2_000, 200) } else { size() };
    let (mut gate, crowd, under_way) = crowded(streams, uploads, "20s").await;
    let key = Crowd::key_text(1);
    let sockets = handshake("/connection/echo", &format!("x-api-key: {key}\r\n"));
    let (mut new_streams, mut plain, mut idle) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..HALF_HEADS {
        new_streams.push(half_head(&gate, &sockets).await);
        new_streams.push(half_head(&gate, &events_request("/events/ticks", &key)).await);
        plain.push(half_head(&gate, &request("/any/", &key)).await);
        let mut kept = Asker::to(gate.address()).await.expect("a connection");
        assert_eq!(kept.ask(request("/any/", &key)).await.expect("an answer").status, 200);
        idle.push(kept);
    }
    assert_eq!(crowd.missing(|_| true, PATIENCE).await, 0, "all live before");

    let told = Instant::now();
    gate.program.signal(Signal::TERM);
    gate.told("draining", 1).await;
    let refused = end_heads(new_streams).await;
    let refused =
        refused.iter().flatten().filter(|answer| answer.status == 503 && answer.header("retry-after").is_some()).count();
    let mut answered = Vec::new();
    for upload in under_way {
        answered.push(tokio::spawn(upload.finish()));
    }
    let ends = crowd.ends(|_| true, told, PATIENCE, &DRAINED).await;
    let blocked = crowd.members.iter().filter(|member| member.kind == Kind::Blocked).count();
    println!(
        "{} of {streams} cut short inside a frame, of which the rest had not come within 200 ms; {blocked} blocked",
        ends.cut_short
    );
    let resets = gate.metrics().await.sum("keygate_forced_resets_total");
    assert_eq!(resets, (blocked + ends.cut_short) as f64, "every reset is counted, and no other end is one");
    // The last of all, when every stream has gone.
    let served = end_heads(plain).await;
    let served = served.iter().flatten().filter(|answer| answer.status == 200 && answer.header("connection") == Some("close"));
    let mut lost = 0;
    for answered in answered {
        lost += usize::from(!answered.await.expect("an upload"));
    }
    let mut not_left = 0;
    for kept in &mut idle {
        not_left += usize::from(!timeout(PATIENCE, kept.is_over()).await.unwrap_or(false));
    }
    let counts = [
        (lost, uploads, "uploads lost"),
        (HALF_HEADS - served.count(), HALF_HEADS, "requests lost whose head was half there"),
        (2 * HALF_HEADS - refused, 2 * HALF_HEADS, "new streams not refused with Retry-After"),
        (not_left, HALF_HEADS, "idle connections not just closed"),
        (ends.living, streams, "streams not ended"),
        (ends.mistold.len(), streams, "streams told wrongly"),
        (ends.broken, streams, "streams with something that is no frame"),
    ];
    println!("{streams} streams told after the signal: {}", ends.clients);
    for (count, of, what) in counts {
        println!("  {count} of {of} {what}");
    }
    assert!(ends.mistold.is_empty(), "{:?}", ends.mistold);
    assert!(counts.iter().all(|(count, ..)| *count == 0));
    let exit = timeout(Duration::from_secs(20 + 1), gate.program.exit()).await;
    println!("  ended {:.1?} after the signal, of a window of 20 s", told.elapsed());
    assert_eq!(exit, Ok(Some(0)));
    assert!(gate.program.stderr.whole().await.contains("nothing was left open"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_without_end_are_cut_when_the_window_is_over() {
    let _alone = alone().await;
    let (streams, uploads) = size();
    let (mut gate, crowd, under_way) = crowded(streams, uploads, "2s").await;
    let told = Instant::now();
    gate.program.signal(Signal::TERM);
    let ends = crowd.ends(|_| true, told, PATIENCE, &DRAINED).await;
    assert_eq!((ends.living, ends.mistold), (0, Vec::new()), "the streams do not wait for the uploads");
    let exit = timeout(Duration::from_secs(2 + 1), gate.program.exit()).await;
    println!("ended {:.1?} after the signal, of a window of 2 s", told.elapsed());
    assert_eq!(exit, Ok(Some(0)));
    drop(under_way);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_does_not_wait_for_a_crowd() {
    let _alone = alone().await;
    let (streams, uploads) = size();
    let (mut gate, crowd, under_way) = crowded(streams, uploads, "1h").await;
    gate.program.signal(Signal::TERM);
    gate.told("stopping", 1).await;
    gate.program.signal(Signal::TERM);
    assert_eq!(gate.program.exit().await, Some(1));
    drop((crowd, under_way));
}
