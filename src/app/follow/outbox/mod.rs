//! What a gate that follows tells its manager: how far it has come, which streams ended by it ([`progress`]), and what keys do ([`usage`]).
//!
//! What cannot be told now is told later, as far as it is still true; counts of keys wait in memory, and those of a gate that is killed are
//! lost.

mod progress;
mod usage;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    Request,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::Full;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::{sync::Notify, time::timeout};
use tracing::warn;

use self::{
    progress::{Progress, State},
    usage::Counts,
};
use super::session::PATIENCE;
use crate::{
    app::stored::StoredKeys,
    config::SNAPSHOT_PATH,
    edge::Edge,
    keystore::{HttpClient, Usage},
    telemetry::Misuses,
};

/// How often streams that were told to end are counted again.
const LOOK: Duration = Duration::from_millis(10);
/// For the last words of a process that ends.
const LAST: Duration = Duration::from_secs(2);
/// Between two attempts, and where there was too much of it.
const AGAIN: Duration = Duration::from_millis(500);
const LATER: Duration = Duration::from_secs(10);

/// What is to be told.
pub struct Outbox {
    client: Arc<HttpClient>,
    edge: Arc<Edge>,
    stored: Arc<StoredKeys>,
    instance: Box<str>,
    progress: Mutex<Progress>,
    counts: Mutex<Counts>,
    /// There is something new.
    new: Notify,
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
        let (progress, counts) = (Mutex::default(), Mutex::default());
        Self { client, edge, stored, instance: instance.into(), progress, counts, new: Notify::new() }
    }

    /// This process, as the manager knows it.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// A manager knows this gate from now on, and nothing that it told before.
    pub fn joined(&self) {
        self.progress.lock().joined();
        self.new.notify_one();
    }

    /// Keys did this.
    pub fn add_usage(&self, usage: BTreeMap<Box<str>, Usage>) {
        self.counts.lock().add_usage(usage);
        self.new.notify_one();
    }

    /// Keys were misused so.
    pub fn add_misuses(&self, misuses: Misuses) {
        self.counts.lock().add_misuses(misuses);
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
            } else if told.waits() {
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

    /// What the manager did with `said`.
    async fn post(&self, what: &str, said: &impl Serialize) -> Told {
        let Ok(body) = serde_json::to_vec(said) else { return Told::Lost };
        let request = Request::post(format!("{SNAPSHOT_PATH}/{what}"))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)));
        let Ok(request) = request else { return Told::Lost };
        match timeout(PATIENCE, self.client.send(request)).await {
            Ok(Ok(answer)) if answer.status().is_success() => Told::Taken,
            Ok(Ok(answer)) if answer.headers().contains_key(RETRY_AFTER) => Told::TooMuch,
            // It will never take it, and what comes behind it is not to wait for ever.
            Ok(Ok(answer)) if [400, 413, 422].contains(&answer.status().as_u16()) => {
                warn!(
                    status = answer.status().as_u16(),
                    what, "the manager does not understand what this gate tells it, and it is left out"
                );
                Told::Taken
            }
            Ok(Ok(_) | Err(_)) | Err(_) => Told::Lost,
        }
    }
}
