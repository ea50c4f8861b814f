//! The gate ends under a crowd: streams that read, streams that do not, uploads under way. Nothing that was let in is lost, everybody
//! is told, and it ends in time. F7 of the battery.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tokio::time::timeout;

use super::{
    load::{Asker, Crowd, Farewell, Kind, UNLIMITED, Upstream, alone, body_of, events_request, request, sum_of},
    support::{Answer, Gate, PATIENCE, Setup, handshake, is_long, relay, within},
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

/// Bytes of an upload; the first half is sent before the gate is told to end.
const UPLOAD: usize = 64 * 1024;
/// Heads of each sort that are half there when it is told.
const HALF_HEADS: usize = 10;

/// An upload under way.
struct Upload {
    asker: Asker,
    number: usize,
}

impl Upload {
    /// Sends the first half, and waits until the backend has some of it.
    async fn begin(to: std::net::SocketAddr, upstream: &Upstream, seat: usize, number: usize) -> Self {
        let mut asker = Asker::to(to).await.expect("a connection");
        let key = Crowd::key_text(0);
        let head = format!("POST /any/{seat} HTTP/1.1\r\nHost: gate\r\nx-api-key: {key}\r\nContent-Length: {UPLOAD}\r\n\r\n");
        let bytes = [head.as_bytes(), &body_of(number, UPLOAD)[..UPLOAD / 2]].concat();
        asker.0.send(bytes).await.expect("the gate takes bytes");
        within("the upload to begin", upstream.begun(seat)).await;
        Self { asker, number }
    }

    /// Sends the rest. Whether the answer tells of the whole body as it was sent.
    async fn finish(mut self) -> bool {
        let body = body_of(self.number, UPLOAD);
        let sent = self.asker.0.send(&body[UPLOAD / 2..]).await.is_ok();
        let answer = timeout(PATIENCE, self.asker.answer()).await;
        sent && answer
            .is_ok_and(|answer| answer.is_ok_and(|answer| answer.status == 200 && answer.text().ends_with(&sum_of(&body))))
    }
}

/// A request of which the end is still to come.
async fn half_head(gate: &Gate, request: &str) -> Asker {
    let mut asker = Asker::to(gate.address()).await.expect("a connection");
    asker.0.send(request.strip_suffix("\r\n").expect("a head")).await.expect("the gate takes bytes");
    asker
}

/// The answers to half heads, which end now.
async fn end_heads(askers: Vec<Asker>) -> Vec<Option<Answer>> {
    let mut answers = Vec::new();
    for mut asker in askers {
        let answer = timeout(PATIENCE, asker.ask("\r\n")).await;
        answers.push(answer.ok().and_then(Result::ok));
    }
    answers
}

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

/// The count, tried where there is something to count: a backend that received another body than was sent.
#[tokio::test]
async fn a_lost_upload_is_counted() {
    let upstream = Arc::new(Upstream::spoiling(4, 2));
    let to = relay(upstream.address).await;
    let mut lost = 0;
    for number in 0..4 {
        lost += usize::from(!Upload::begin(to, &upstream, number, number).await.finish().await);
    }
    assert_eq!(lost, 2);
}
