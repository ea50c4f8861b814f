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
use http::{Request, header::CONTENT_TYPE};
use http_body_util::Full;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::{sync::Notify, time::timeout};

use super::session::PATIENCE;
use crate::{
    admin::{Ended, Report, ToldCounts, ToldMisuse, ToldUsage},
    edge::Edge,
    keystore::{HttpClient, Usage, Version},
    telemetry::Misuses,
};

/// How often streams that were told to end are counted again, and for how long.
const LOOK: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(30);
/// For the last words of a process that ends.
const LAST: Duration = Duration::from_secs(2);
/// Between two attempts.
const AGAIN: Duration = Duration::from_millis(500);
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
    instance: Box<str>,
    waiting: Mutex<Waiting>,
    /// There is something new.
    new: Notify,
}

#[derive(Default)]
struct Waiting {
    /// In force here, with what ended by it in `ended`.
    version: Version,
    /// Keys whose streams were told to end, and since when.
    ended: BTreeMap<Box<str>, (Ended, Instant)>,
    usage: BTreeMap<Box<str>, ToldCounts>,
    misuses: Vec<ToldMisuse>,
    /// Told and not yet taken.
    sent: Option<ToldUsage>,
    batch: u64,
}

impl Outbox {
    /// Of the gate of `edge`, whose process is `instance`, and whose keys have this version.
    pub fn new(client: Arc<HttpClient>, edge: Arc<Edge>, instance: String, version: Version) -> Self {
        let waiting = Mutex::new(Waiting { version, ..Waiting::default() });
        Self { client, edge, instance: instance.into(), waiting, new: Notify::new() }
    }

    /// This process, as the manager knows it.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// `version` is in force, and with it so many streams were told to end, by their key.
    pub fn changed(&self, cut: BTreeMap<Box<str>, usize>, version: Version) {
        let now = Instant::now();
        let mut waiting = self.waiting.lock();
        for (id, cut) in cut {
            waiting.ended.insert(id, (Ended { cut, remaining: cut }, now));
        }
        waiting.version = version;
        drop(waiting);
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
        let mut told = Report::default();
        loop {
            let report = self.report();
            let is_new = report.version != told.version || report.ended != told.ended;
            if is_new && self.tell_report(&report).await {
                told = report;
            }
            let taken = self.tell_usage().await;
            if told.version != self.waiting.lock().version || !taken {
                tokio::time::sleep(AGAIN).await;
            } else if told.ended.values().any(|ended| ended.remaining > 0) {
                tokio::time::sleep(LOOK).await;
            } else {
                self.new.notified().await;
            }
        }
    }

    /// Tells what is left to be told, and that this process ends, if the manager listens.
    pub async fn leave(&self) {
        let report = Report { leaving: true, ..self.report() };
        let last = async { self.tell_usage().await && self.post("reports", &report).await };
        let _ = timeout(LAST, last).await;
    }

    /// How far this gate has come.
    fn report(&self) -> Report {
        let mut waiting = self.waiting.lock();
        waiting.ended.retain(|_, (_, since)| since.elapsed() < LONGEST);
        for (id, (ended, _)) in &mut waiting.ended {
            ended.remaining = self.told_to_end(id).min(ended.remaining);
        }
        let ended = waiting.ended.iter().map(|(id, (ended, _))| (id.clone(), *ended)).collect();
        Report { instance: self.instance.clone(), version: waiting.version, ended, leaving: false }
    }

    /// Streams of a key that were told to end and have not.
    fn told_to_end(&self, id: &str) -> usize {
        let mut count = 0;
        self.edge.registry().of_key(id, |stream| count += usize::from(stream.cut_reason().is_some()));
        count
    }

    /// In parts, where it is long, the version with the last: whoever reads it knows then of all that ended by it.
    async fn tell_report(&self, report: &Report) -> bool {
        let ended: Vec<_> = report.ended.iter().collect();
        let mut parts: Vec<Report> = ended
            .chunks(MAX_KEYS)
            .map(|part| Report {
                instance: report.instance.clone(),
                ended: part.iter().map(|(id, ended)| ((*id).clone(), **ended)).collect(),
                ..Report::default()
            })
            .collect();
        match parts.last_mut() {
            Some(last) => last.version = report.version,
            None => parts.push(report.clone()),
        }
        for part in parts {
            if !self.post("reports", &part).await {
                return false;
            }
        }
        true
    }

    /// Whether there is nothing left to be taken.
    async fn tell_usage(&self) -> bool {
        loop {
            let Some(batch) = self.batch() else { return true };
            if !self.post("usage", &batch).await {
                return false;
            }
            self.waiting.lock().sent = None;
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

    /// Whether the manager took it.
    async fn post(&self, what: &str, said: &impl Serialize) -> bool {
        let Ok(body) = serde_json::to_vec(said) else { return false };
        let request = Request::post(format!("/v1/snapshot/{what}"))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)));
        let Ok(request) = request else { return false };
        let answer = timeout(PATIENCE, self.client.send(request)).await;
        matches!(answer, Ok(Ok(answer)) if answer.status().is_success())
    }
}
