//! Configuration and keys change fifty times a second under load, and every tenth change is bad. No request is dropped, and none is
//! decided by the configuration of one version and the keys of another. F6 of the battery.
//!
//! How a mixed set would show: in version `n` every route sets `X-Version: n` and every key is of the app `a<n>`. The backend tells of
//! both, and they must be the same. Route and key `turn0` are there in even versions alone, `turn1` in odd ones: whoever asks for one
//! with the other is answered or finds no route, but is never refused for the key.
//!
//! The files are published as Kubernetes does it, both at once, by a link that is replaced. Reloads are asked for meanwhile, and the
//! gate looks by itself too, so that it reads at any moment of a change.

mod counts;
mod files;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use self::{
    counts::{Counts, versions},
    files::{Files, is_bad},
};
use super::{
    load::{Asker, Crowd, UNLIMITED, Upstream, alone, body_of, request},
    support::{Gate, Setup, is_long},
};

const EVERY: Duration = Duration::from_millis(20);
const KEYS: usize = 1000;
const ASKERS: usize = 6;

/// Asks until told to stop: plain requests, one of each turn, and one with a body whose second half comes some versions later.
async fn ask(
    to: std::net::SocketAddr,
    first: usize,
    counts: Arc<Counts>,
    mut version: watch::Receiver<u64>,
    stop: Arc<AtomicBool>,
) {
    let mut asker = None;
    for n in (first..).step_by(ASKERS) {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let Ok(mut one) = (match asker.take() {
            Some(asker) => Ok(asker),
            None => Asker::to(to).await,
        }) else {
            counts.dropped.add();
            continue;
        };
        let key = Crowd::key_text(n / ASKERS % KEYS);
        let kept = match n / ASKERS % 8 {
            turn @ (3 | 6) => {
                let turn = turn % 2;
                let answer = one.ask(request(&format!("/turn{turn}/"), &format!("sk_live_turn{turn}"))).await;
                counts.note_turn(&answer)
            }
            5 => {
                counts.slow.add();
                let body = format!("{{\"channel\": \"a\", \"data\": \"{}\"}}", "x".repeat(n % 3000));
                let (half, rest) = body.split_at(body.len() / 2);
                let length = body.len();
                let head = format!(
                    "POST /realtime HTTP/1.1\r\nHost: gate\r\nx-api-key: {key}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
                );
                let began = one.0.send(head + half).await;
                for _ in 0..n % 4 {
                    // At the end no more of them come.
                    let _ = version.changed().await;
                }
                let answer = match began {
                    Ok(()) => one.ask(rest).await,
                    Err(error) => Err(error),
                };
                counts.note(answer, true)
            }
            4 => {
                let body = body_of(n, 20_000);
                let head =
                    format!("PUT /any/ HTTP/1.1\r\nHost: gate\r\nx-api-key: {key}\r\nContent-Length: {}\r\n\r\n", body.len());
                counts.note(one.ask([head.as_bytes(), &body].concat()).await, false)
            }
            _ => counts.note(one.ask(request("/any/", &key)).await, false),
        };
        asker = kept.then_some(one);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_dropped_and_nothing_is_mixed() {
    let _alone = alone().await;
    let changes = if is_long() { 3_000 } else { 250 };
    let upstream = Upstream::start(0);
    let limits = UNLIMITED.to_owned();
    let setup =
        Setup { limits, log: "{ access: off }".to_owned(), routes: "ROUTES".to_owned(), ..Setup::before(upstream.address) };
    let files = Files::new(&setup, KEYS);
    let folder = tempfile::Builder::new().prefix("keygate-test-").tempdir().expect("a folder");
    files.publish(folder.path(), 0);
    files.link(folder.path());
    let gate = Gate::start_by(folder, &setup).await;

    let (counts, stop) = (Arc::new(Counts::default()), Arc::new(AtomicBool::new(false)));
    let version = watch::Sender::new(0);
    let ask_one = |first| tokio::spawn(ask(gate.address(), first, Arc::clone(&counts), version.subscribe(), Arc::clone(&stop)));
    let askers: Vec<_> = (0..ASKERS).map(ask_one).collect();
    let reloads = tokio::spawn(files::reload_again_and_again(gate.path("control.sock"), EVERY, Arc::clone(&stop)));

    let begun = Instant::now();
    let mut pace = interval(EVERY);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for n in 1..=changes {
        pace.tick().await;
        files.publish(gate.folder.path(), n);
        version.send_replace(n);
        // Now and then until it is read: on a slow machine few versions are.
        if [24, 49].contains(&(n % 50)) {
            let read = files::reload(&gate.path("control.sock")).await;
            assert_eq!(read.is_err(), is_bad(n), "version {n}: {read:?}");
        }
    }
    let took = begun.elapsed();
    stop.store(true, Ordering::Relaxed);
    // Whoever waits for another version waits no longer.
    drop(version);
    for asker in askers {
        asker.await.expect("a client");
    }
    let (applied, refused) = reloads.await.expect("reloads");
    let last = changes + 1;
    files.publish(gate.folder.path(), last);
    files::reload(&gate.path("control.sock")).await.expect("the last version is good");
    let now = Asker::to(gate.address()).await.expect("a connection").ask(request("/any/", &Crowd::key_text(0))).await;
    assert_eq!(versions(&now.expect("an answer")), Some((last, last)), "the last version is in force");

    println!("{changes} changes in {took:.1?}, {applied} reloads by request, {refused} refused; {KEYS} keys");
    println!(
        "  {} requests, {} with a slow body, {} out of turn",
        counts.asked.get(),
        counts.slow.get(),
        counts.out_of_turn.get()
    );
    println!("  {} of {} dropped", counts.dropped.get(), counts.asked.get());
    println!("  {} of {} decided by a mixed set", counts.mixed.get(), counts.asked.get());
    println!("  {} of {} decided by a bad file", counts.bad.get(), counts.asked.get());
    assert!(counts.out_of_turn.get() > 0 && counts.slow.get() > 0);
    assert_eq!((counts.dropped.get(), counts.mixed.get(), counts.bad.get()), (0, 0, 0));
}
