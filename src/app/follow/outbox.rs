//! What a gate that follows tells its manager: how far it has come, which streams ended by it, and what keys do.
//!
//! What cannot be told now is told later, as far as it is still true; counts of keys wait in memory, and those of a gate that is killed are
//! lost.

use std::{
    collections::BTreeMap,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{
    Request,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::Full;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::{sync::Notify, time::timeout};

use super::session::PATIENCE;
use crate::{
    admin::{Ended, Report, ToldCounts, ToldMisuse, ToldUsage},
    app::stored::StoredKeys,
    edge::Edge,
    keystore::{Checkpoint, HttpClient, Usage},
    telemetry::Misuses,
};

/// How often streams that were told to end are counted again, and for how long.
const LOOK: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(30);
/// For the last words of a process that ends.
const LAST: Duration = Duration::from_secs(2);
/// Between two attempts, and where there was too much of it.
const AGAIN: Duration = Duration::from_millis(500);
const LATER: Duration = Duration::from_secs(10);
/// Keys in one report, as the manager takes them.
const MAX_KEYS: usize = 200;
/// The longest body of usage, in bytes; the manager takes 64 KiB.
const MAX_BODY: usize = 32 * 1024;
/// Misuses that are told at once.
const MAX_MISUSES: usize = 100;

/// What is to be told.
pub struct Outbox {
    client: Arc<HttpClient>,
    edge: Arc<Edge>,
    stored: Arc<StoredKeys>,
    instance: Box<str>,
    waiting: Mutex<Waiting>,
    /// There is something new.
    new: Notify,
}

#[derive(Default)]
struct Waiting {
    /// How often a manager has begun to know this gate: each time, it knows nothing of what was told before.
    joined: u64,
    /// In force here, with what ended by it in `ended`; `None` where the copy is further already.
    at: Option<Checkpoint>,
    /// Keys whose streams were told to end, and since when.
    ended: BTreeMap<Box<str>, (Ended, Instant)>,
    usage: BTreeMap<Box<str>, ToldCounts>,
    misuses: Vec<ToldMisuse>,
    /// Told and not yet taken.
    sent: Option<ToldUsage>,
    batch: u64,
}

/// How far this gate has come, as it was told or is to be.
#[derive(Default)]
struct State {
    joined: u64,
    at: Option<Checkpoint>,
    ended: BTreeMap<Box<str>, Ended>,
}

/// What a manager did with what it was told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Taken,
    /// Not taken: to be told again.
    Lost,
    /// Not taken: there was too much of it.
    TooMuch,
}

impl Outbox {
    /// Of the gate of `edge`, whose process is `instance`, and whose keys are `stored`.
    pub fn new(client: Arc<HttpClient>, edge: Arc<Edge>, stored: Arc<StoredKeys>, instance: String) -> Self {
        Self { client, edge, stored, instance: instance.into(), waiting: Mutex::default(), new: Notify::new() }
    }

    /// This process, as the manager knows it.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// A manager knows this gate from now on, and nothing that it told before.
    pub fn joined(&self) {
        self.waiting.lock().joined += 1;
        self.new.notify_one();
    }

    /// Keys did this.
    pub fn add_usage(&self, usage: BTreeMap<Box<str>, Usage>) {
        let mut waiting = self.waiting.lock();
        for (id, more) in usage {
            let told = waiting.usage.entry(id).or_default();
            told.last_used_ms = told.last_used_ms.max(more.last_used_ms);
            told.requests += more.requests;
            for (reason, count) in more.refusals {
                *told.refusals.entry(reason).or_default() += count;
            }
        }
        drop(waiting);
        self.new.notify_one();
    }

    /// Keys were misused so.
    pub fn add_misuses(&self, misuses: Misuses) {
        let mut waiting = self.waiting.lock();
        let room = MAX_MISUSES.saturating_sub(waiting.misuses.len());
        waiting.misuses.extend(misuses.into_iter().take(room).map(|((key, denial), misuse)| ToldMisuse {
            key,
            reason: denial.reason().into(),
            count: misuse.count,
            peer: misuse.peer.to_string().into(),
            origin: misuse.origin,
        }));
        drop(waiting);
        self.new.notify_one();
    }

    /// Tells, as long as the process runs.
    ///
    /// # Errors
    /// None: an end that others of the gate's parts report as well.
    pub async fn run(self: Arc<Self>) -> std::io::Result<()> {
        let (mut versions, mut told) = (self.stored.versions(), State::default());
        loop {
            versions.mark_unchanged();
            let is_told = self.tell_state(&mut told, false).await;
            let usage = self.tell_usage().await;
            let pause = if !is_told || usage == Told::Lost {
                AGAIN
            } else if told.ended.values().any(|ended| ended.remaining > 0) {
                LOOK
            } else if usage == Told::TooMuch {
                LATER
            } else {
                Duration::MAX
            };
            tokio::select! {
                _ = versions.changed() => {}
                () = self.new.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Tells what is left to be told, and that this process ends, if the manager listens.
    pub async fn leave(&self) {
        let last = async { self.tell_usage().await == Told::Taken && self.tell_state(&mut State::default(), true).await };
        let _ = timeout(LAST, last).await;
    }

    /// Tells how far this gate has come and what ended by that, as far as it was not `told` that already. Whether it is now.
    async fn tell_state(&self, told: &mut State, leaving: bool) -> bool {
        self.look().await;
        let state = self.state();
        if state.joined != told.joined {
            *told = State::default();
        }
        let new = state.ended.iter().filter(|(id, ended)| told.ended.get(*id) != Some(*ended));
        let ended: Vec<_> = new.map(|(id, ended)| (id.clone(), *ended)).collect();
        if ended.is_empty() && state.at == told.at && state.joined == told.joined && !leaving {
            told.ended = state.ended;
            return true;
        }
        let at = match state.at {
            Some(at) => at,
            None if leaving => Checkpoint::default(),
            // There is more to come into force in a moment.
            None => return true,
        };
        // In parts, where it is long: by the last, whoever reads it knows of all that ended.
        let parts = ended.len().div_ceil(MAX_KEYS).max(1);
        for nth in 0..parts {
            let part = ended.iter().skip(nth * MAX_KEYS).take(MAX_KEYS).cloned().collect();
            let (instance, more) = (self.instance.clone(), nth + 1 < parts);
            let report = Report { instance, version: at.version, hash: at.hash, more, ended: part, leaving: leaving && !more };
            if self.post("reports", &report).await != Told::Taken {
                return false;
            }
        }
        *told = state;
        true
    }

    /// Looks what is in force here by now, and what ended by it, whoever brought it.
    async fn look(&self) {
        let (cut, version) = self.stored.take_cut().await;
        let hash = self.stored.ask(move |store| store.record_hash(version.sequence)).await;
        let now = Instant::now();
        let mut waiting = self.waiting.lock();
        waiting.at = hash.ok().flatten().map(|hash| Checkpoint { version, hash });
        for (id, cut) in cut {
            let (ended, since) = waiting.ended.entry(id).or_insert((Ended::default(), now));
            (ended.cut, ended.remaining, *since) = (ended.cut + cut, ended.remaining + cut, now);
        }
    }

    /// How far this gate has come.
    fn state(&self) -> State {
        let mut waiting = self.waiting.lock();
        waiting.ended.retain(|_, (_, since)| since.elapsed() < LONGEST);
        for (id, (ended, _)) in &mut waiting.ended {
            if ended.remaining > 0 {
                ended.remaining = self.told_to_end(id).min(ended.remaining);
            }
        }
        let ended = waiting.ended.iter().map(|(id, (ended, _))| (id.clone(), *ended)).collect();
        State { joined: waiting.joined, at: waiting.at, ended }
    }

    /// Streams of a key that were told to end and have not.
    fn told_to_end(&self, id: &str) -> usize {
        let mut count = 0;
        self.edge.registry().of_key(id, |stream| count += usize::from(stream.cut_reason().is_some()));
        count
    }

    /// Whether there is nothing left to be taken.
    async fn tell_usage(&self) -> Told {
        loop {
            let Some(batch) = self.batch() else { return Told::Taken };
            match self.post("usage", &batch).await {
                Told::Taken => self.waiting.lock().sent = None,
                not_taken @ (Told::Lost | Told::TooMuch) => return not_taken,
            }
        }
    }

    /// What was told last and not taken, or the next of what is to be told.
    fn batch(&self) -> Option<ToldUsage> {
        let mut waiting = self.waiting.lock();
        if let Some(sent) = &waiting.sent {
            return Some(sent.clone());
        }
        if waiting.usage.is_empty() && waiting.misuses.is_empty() {
            return None;
        }
        let (mut keys, mut size) = (BTreeMap::new(), 0);
        while let Some((id, counts)) = waiting.usage.pop_first() {
            // Names and numbers, and what stands around them.
            size += 120 + id.len() + counts.refusals.keys().map(|reason| reason.len() + 30).sum::<usize>();
            keys.insert(id, counts);
            if size > MAX_BODY {
                break;
            }
        }
        waiting.batch += 1;
        let (batch, misuses) = (waiting.batch, mem::take(&mut waiting.misuses));
        waiting.sent = Some(ToldUsage { instance: self.instance.clone(), batch, keys, misuses });
        waiting.sent.clone()
    }

    async fn post(&self, what: &str, said: &impl Serialize) -> Told {
        let Ok(body) = serde_json::to_vec(said) else { return Told::Lost };
        let request = Request::post(format!("/v1/snapshot/{what}"))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)));
        let Ok(request) = request else { return Told::Lost };
        match timeout(PATIENCE, self.client.send(request)).await {
            Ok(Ok(answer)) if answer.status().is_success() => Told::Taken,
            Ok(Ok(answer)) if answer.headers().contains_key(RETRY_AFTER) => Told::TooMuch,
            Ok(Ok(_) | Err(_)) | Err(_) => Told::Lost,
        }
    }
}
