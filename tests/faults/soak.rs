//! Everything at once for a long time: requests, WebSockets and events that come and go, keys that come and go, and a crowd that stays.
//! Nothing is answered wrongly, nobody who stays is lost, and what the gate holds has no slope: memory, descriptors, series. F1 of the
//! battery.
//!
//! 20 seconds; 90 minutes with `KEYGATE_LONG`; or as long as `KEYGATE_SOAK_SECONDS` says, 300 for a run before lunch.

mod slope;
mod traffic;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{task::JoinSet, time::interval};

use self::{
    slope::Samples,
    traffic::{Traffic, Worker},
};
use super::{
    load::{Crowd, Kind, UNLIMITED, Upstream, alone, memory},
    support::{Gate, PATIENCE, Setup, is_long, secret_key},
};

/// Good keys; the crowd that stays has them, and who comes and goes.
const KEYS: usize = 20;
/// Streams that stay.
const STAYING: usize = 120;
const SAMPLES: u32 = 200;
/// How often the key file changes.
const RELOAD_EVERY: Duration = Duration::from_millis(500);
const TICK_EVERY: Duration = Duration::from_millis(50);

fn duration() -> Duration {
    let said = std::env::var("KEYGATE_SOAK_SECONDS").ok().map(|said| said.parse().expect("a number of seconds"));
    Duration::from_secs(said.unwrap_or(if is_long() { 90 * 60 } else { 20 }))
}

/// How much the memory may go up, of so much. The allocator takes it by pieces of some MiB, when a thread of the pool for blocking work
/// is new; the shorter the run, the more of them fall into it. 1 MiB in 90 minutes is two bytes an exchange.
fn slack(duration: Duration, kib: f64) -> f64 {
    match duration.as_secs() {
        ..60 => kib / 2.0,
        60..3600 => 8.0 * 1024.0,
        3600.. => 1024.0,
    }
}

/// The keys after so many changes: the good ones, one that is revoked every other time, and one that was never there before.
fn keys(change: u64) -> Vec<String> {
    let turning = secret_key("turning", traffic::TURNING, if change % 2 == 1 { "state: revoked" } else { "" });
    let new = secret_key(&format!("new{change}"), &format!("sk_live_new{change}"), "");
    [Crowd::keys(KEYS, |_| false), vec![turning, new]].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_grows_and_nothing_is_wrong() {
    let _alone = alone().await;
    let (duration, kinds) = (duration(), [Kind::Idle, Kind::Busy, Kind::Events]);
    let crowd = Crowd::new(Upstream::start(STAYING), STAYING, KEYS, &kinds);
    let (limits, log) = (UNLIMITED.to_owned(), "{ access: off }".to_owned());
    let gate = Gate::start(Setup { limits, log, keys: keys(0), ..Setup::before(crowd.upstream.address) }).await;
    crowd.open(gate.address()).await;
    assert_eq!(crowd.missing(|_| true, PATIENCE).await, 0, "all live before");

    let traffic = Arc::new(Traffic::new(gate.address(), KEYS));
    let mut workers: JoinSet<()> = Worker::all().map(|worker| Arc::clone(&traffic).go_on(worker)).collect();
    let (mut memories, mut descriptors, mut series) = (Samples::default(), Samples::default(), Samples::default());
    let (begun, mut changes, mut half_way) = (Instant::now(), 0, None);
    let (mut look, mut reload, mut tick) = (interval(duration / SAMPLES), interval(RELOAD_EVERY), interval(TICK_EVERY));
    while begun.elapsed() < duration {
        tokio::select! {
            _ = look.tick() => {
                let metrics = gate.metrics().await;
                memories.push(memory(&gate) as f64);
                descriptors.push(metrics.value("process_open_fds").expect("a series"));
                series.push(metrics.names().len() as f64);
                if begun.elapsed() > duration / 2 {
                    half_way.get_or_insert(metrics);
                }
            }
            _ = reload.tick() => {
                changes += 1;
                gate.replace_keys(&keys(changes));
            }
            _ = tick.tick() => crowd.upstream.tick(),
        }
    }
    traffic.stop();
    // Those who wait to be cut are, and those who wait for events get them.
    gate.replace_keys(&keys(changes | 1));
    while !workers.is_empty() {
        tokio::select! {
            worker = workers.join_next() => worker.expect("one is left").expect("a worker"),
            _ = tick.tick() => crowd.upstream.tick(),
        }
    }
    let lost = crowd.missing(|_| true, PATIENCE).await;
    println!("{:.0?}, {changes} changes of the keys\n  {}", begun.elapsed(), traffic.told());
    println!("  {} of {} wrong", traffic.wrong(), traffic.done());
    println!("  {lost} of {STAYING} streams that stay lost");
    println!("  memory in KiB: {memories}\n  descriptors: {descriptors}\n  series: {series}");
    if let (Some(before), now) = (half_way, gate.metrics().await) {
        println!("  series that the second half brought: {:?}", now.names().difference(&before.names()).collect::<Vec<_>>());
    }
    assert_eq!((traffic.wrong(), lost), (0, 0));
    assert!(traffic.every_worker_worked(), "{}", traffic.told());
    assert!(memories.drift() <= slack(duration, memories.early()), "memory goes up by {} KiB", memories.drift());
    assert!(descriptors.rise() <= 16.0, "descriptors rose by {}", descriptors.rise());
    // A label of few values shows some of them late. What a key, a path or a peer makes, there are thousands of by now.
    assert!(series.rise() <= 5.0, "series rose by {}", series.rise());
}
