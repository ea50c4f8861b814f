//! How far this gate has come, and which streams ended by that.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{Outbox, Told};
use crate::{
    admin::{Ended, Report},
    edge::Edge,
    keystore::Checkpoint,
};

/// How long streams that were told to end are counted.
const LONGEST: Duration = Duration::from_secs(30);
/// Keys in one report, as the manager takes them.
const MAX_KEYS: usize = 200;

/// How far this gate has come.
#[derive(Default)]
pub(super) struct Progress {
    joined: u64,
    /// Reports so far.
    reports: u64,
    /// In force here, with what ended by it in `ended`; `None` where the copy is further already.
    at: Option<Checkpoint>,
    /// Keys whose streams were told to end, and since when.
    ended: BTreeMap<Box<str>, (Ended, Instant)>,
}

/// The same at one moment, as it was told or is to be.
#[derive(Default)]
pub(super) struct State {
    /// How often a manager has begun to know this gate: each time, it knows nothing of what was told before.
    joined: u64,
    at: Option<Checkpoint>,
    ended: BTreeMap<Box<str>, Ended>,
}

impl Progress {
    /// The number of the next report.
    fn next_report(&mut self) -> u64 {
        self.reports += 1;
        self.reports
    }

    /// A manager has begun to know this gate.
    pub fn joined(&mut self) {
        self.joined += 1;
    }

    /// `at` is in force, and by it so many streams were told to end, by their key.
    fn came(&mut self, at: Option<Checkpoint>, cut: BTreeMap<Box<str>, usize>) {
        let now = Instant::now();
        self.at = at;
        for (id, cut) in cut {
            let (ended, since) = self.ended.entry(id).or_insert((Ended::default(), now));
            // What an earlier change cut is over, unless some of that is still there.
            let before = if ended.remaining == 0 { Ended::default() } else { *ended };
            *ended = Ended { cut: before.cut + cut, remaining: before.remaining + cut };
            *since = now;
        }
    }

    /// How far it has come by now, at the gate of `edge`.
    fn state(&mut self, edge: &Edge) -> State {
        self.ended.retain(|_, (_, since)| since.elapsed() < LONGEST);
        for (id, (ended, _)) in self.ended.iter_mut().filter(|(_, (ended, _))| ended.remaining > 0) {
            ended.remaining = told_to_end(edge, id).min(ended.remaining);
        }
        let ended = self.ended.iter().map(|(id, (ended, _))| (id.clone(), *ended)).collect();
        State { joined: self.joined, at: self.at, ended }
    }
}

/// Streams of a key that were told to end and have not.
fn told_to_end(edge: &Edge, id: &str) -> usize {
    let mut count = 0;
    edge.registry().of_key(id, |stream| count += usize::from(stream.cut_reason().is_some()));
    count
}

impl State {
    /// Whether streams are still to end.
    pub fn waits(&self) -> bool {
        self.ended.values().any(|ended| ended.remaining > 0)
    }
}

impl Outbox {
    /// Tells how far this gate has come and what ended by that, as far as it was not `told` that already. Whether it is now.
    pub(super) async fn tell_state(&self, told: &mut State, leaving: bool) -> bool {
        let (cut, version) = self.stored.take_cut().await;
        let hash = self.stored.ask(move |store| store.record_hash(version.sequence)).await;
        let state = {
            let mut progress = self.progress.lock();
            progress.came(hash.ok().flatten().map(|hash| Checkpoint { version, hash }), cut);
            progress.state(&self.edge)
        };
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
            let number = self.progress.lock().next_report();
            let Checkpoint { version, hash } = at;
            let report = Report { instance, version, hash, number, more, ended: part, leaving: leaving && !more };
            if self.post("reports", &report).await != Told::Taken {
                return false;
            }
        }
        *told = state;
        true
    }
}
