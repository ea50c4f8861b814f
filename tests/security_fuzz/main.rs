//! Nobody gets in: generated and broken requests on raw connections to the real program, judged by the bytes that reached the
//! backend, as two servers read them that could not differ more (T-SMUGGLE and the differential oracle).
//!
//! Of what reaches the backend: no more requests than the gate permitted, by either reading; each with the gate's request id and
//! identity once, under every folding of names; nothing of a connection without a credential; no key; nothing behind a body, or
//! before a 101.
//!
//! A run prints its seed. `KEYGATE_FUZZ_SEED=n` repeats it, `KEYGATE_FUZZ_ONLY=n` sends one connection of it, and
//! `KEYGATE_FUZZ_CONNECTIONS=n` says how many; `KEYGATE_LONG=1` means a million.

#[path = "../proxy/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the proxy's tests use all of it")]
mod support;

mod backend;
mod client;
mod controls;
mod grammar;
mod mutate;
mod random;
mod readers;
mod tap;

use std::{
    net::SocketAddr,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use rustix::process::Signal;

use self::{
    backend::Record,
    client::Answers,
    grammar::{REVOKED, SERVER, WEB, script},
    random::Random,
    support::{Gate, Setup, is_long, secret_key, within},
};

/// Clients at a time.
const AT_ONCE: usize = 64;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// What came of a run.
#[derive(Default)]
struct Run {
    strangers: u64,
    answers: Answers,
}

/// Runs these connections of the run that `seed` names.
async fn run(to: SocketAddr, seed: u64, connections: Range<u64>) -> Run {
    let next = Arc::new(AtomicU64::new(connections.start));
    let (end, started) = (connections.end, Instant::now());
    let workers: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let next = Arc::clone(&next);
            tokio::spawn(async move {
                let mut run = Run::default();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= end {
                        return run;
                    }
                    if number > 0 && number.is_multiple_of(50_000) {
                        println!("{number} connections after {:.0?}", started.elapsed());
                    }
                    let mut random = Random::of(seed, number);
                    let script = script(&mut random, number);
                    if end - connections.start == 1 {
                        println!(
                            "{:?}\n{}",
                            script.then,
                            String::from_utf8_lossy(&script.pieces.concat()).escape_debug().to_string().replace("\\r\\n", "\n")
                        );
                    }
                    let answers = client::act(to, &script, &mut random).await;
                    let answers = answers.unwrap_or_else(|error| panic!("connection {number} of seed {seed}: {error}"));
                    run.strangers += u64::from(script.stranger);
                    run.add(answers);
                }
            })
        })
        .collect();
    let mut all = Run::default();
    for worker in workers {
        let run = worker.await.expect("a client");
        all.strangers += run.strangers;
        all.add(run.answers);
    }
    all
}

impl Run {
    fn add(&mut self, answers: Answers) {
        for (status, count) in answers {
            *self.answers.entry(status).or_default() += count;
        }
    }
}

fn setup(backend: SocketAddr) -> Setup {
    let web = format!(
        "  - {{ id: web, app: demo, kind: publishable, environment: live, key: {WEB}, origins: ['{}'] }}\n",
        support::ORIGIN
    );
    Setup {
        keys: vec![web, secret_key("server", SERVER, ""), secret_key("gone", REVOKED, "state: revoked")],
        limits: "{ key: { rate: off, connections: off } }".to_owned(),
        timeouts: "{ head: 2s, idle: 2s, connect: 5s, upstream_head: 5s, drain: 5s }".to_owned(),
        log: "{ access: off }".to_owned(),
        ..Setup::before(backend)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_in() {
    let seed = number("KEYGATE_FUZZ_SEED").unwrap_or_else(|| std::time::UNIX_EPOCH.elapsed().map_or(1, |since| since.as_secs()));
    let count = number("KEYGATE_FUZZ_CONNECTIONS").unwrap_or(if is_long() { 1_000_000 } else { 20_000 });
    let connections = number("KEYGATE_FUZZ_ONLY").map_or(0..count, |only| only..only + 1);
    let sent = connections.end - connections.start;
    println!("KEYGATE_FUZZ_SEED={seed}, {sent} connections, {AT_ONCE} at a time");
    let (address, record) = backend::start().await;
    let mut gate = Gate::start(setup(address)).await;

    let started = Instant::now();
    let run = run(gate.address(), seed, connections).await;
    gate.series_is("keygate_client_connections", 0.0).await;
    let metrics = gate.metrics().await;
    let permitted = metrics.sum("keygate_auth_decisions_total{outcome=\"allow\"");
    let refused = metrics.sum("keygate_auth_decisions_total{outcome=\"deny\"");
    gate.program.signal(Signal::TERM);
    assert_eq!(gate.program.exit().await, Some(0), "the program lived to its end: {}", gate.program.stderr.text());
    within("the backend's connections to end", record.all_ended()).await;

    let arrived = record.ids.lock().len();
    println!(
        "{sent} connections in {:.1?}, {} of strangers; answers by status: {:?}",
        started.elapsed(),
        run.strangers,
        run.answers
    );
    println!("decisions: {permitted} permitted, {refused} refused");
    println!("at the backend: {}, {arrived} ids", told(&record));
    println!(
        "rules broken: {} of {sent} connections; below {:.1e} at 95 %",
        record.broken_count.load(Ordering::Relaxed),
        3.0 / sent as f64
    );
    let broken = record.broken.lock().clone();
    assert!(broken.is_empty(), "KEYGATE_FUZZ_SEED={seed}\n{}", broken.join("\n"));
    assert!(arrived as f64 <= permitted, "{arrived} requests arrived, {permitted} were permitted: KEYGATE_FUZZ_SEED={seed}");
    assert!(!gate.program.stderr.text().contains("panicked"), "{}", gate.program.stderr.text());
    assert!(sent == 1 || arrived as u64 > sent / 10, "the grammar gets in often enough to be a test: {arrived} of {sent}");
}

fn told(record: &Record) -> String {
    let Record { connections, requests, websockets, .. } = record;
    let [connections, requests, websockets] = [connections, requests, websockets].map(|count| count.load(Ordering::Relaxed));
    format!("{connections} connections, {requests} requests, {websockets} of them WebSockets")
}
