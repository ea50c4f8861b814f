//! The gates that follow this one, and how far each has come.
//!
//! A gate that is no longer connected may go on by what it has until it has not heard anything for as long as it says; only then is it
//! forgotten. So whoever waits for a change to be obeyed everywhere is not told so while a gate is cut off that might not.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{
    admin::{Ended, GateReceipt, GateView, Joining, Report},
    keystore::Version,
};

/// How long a gate that has left is remembered for what ended with it.
const LEFT: Duration = Duration::from_secs(60);
/// Keys of a gate whose streams are remembered: the later ones.
const MAX_KEYS: usize = 1000;

/// The gates that follow.
#[derive(Default)]
pub struct Gates {
    known: Mutex<BTreeMap<Box<str>, Known>>,
}

struct Known {
    name: Box<str>,
    actor: Box<str>,
    version: Version,
    /// Connections on which it follows: for a moment there may be two.
    connections: usize,
    /// When something was last given to it.
    fed: Instant,
    max_stale: Duration,
    /// Streams of keys that changed, with the version in which they did.
    ended: BTreeMap<Box<str>, (Version, Ended)>,
    /// The latest usage that was taken from it.
    batch: u64,
    /// Whether it said that it ends.
    left: bool,
}

/// A gate that is connected, until this is dropped.
pub struct Present {
    gates: Arc<Gates>,
    instance: Box<str>,
}

impl Gates {
    /// A gate follows from now on.
    pub fn join(self: &Arc<Self>, joining: &Joining, actor: Box<str>) -> Present {
        let mut known = self.known.lock();
        known.retain(|_, gate| !gate.is_over());
        let gate = known.entry(joining.instance.clone()).or_insert_with(|| Known {
            name: joining.name.clone(),
            actor: actor.clone(),
            version: Version::default(),
            connections: 0,
            fed: Instant::now(),
            max_stale: joining.max_stale,
            ended: BTreeMap::new(),
            batch: 0,
            left: false,
        });
        (gate.version, gate.max_stale, gate.fed) = (joining.version, joining.max_stale, Instant::now());
        (gate.name, gate.actor) = (joining.name.clone(), actor);
        gate.left = false;
        gate.connections += 1;
        Present { gates: Arc::clone(self), instance: joining.instance.clone() }
    }

    /// A gate, which `actor` speaks for, says how far it has come.
    pub fn report(&self, report: Report, actor: &str) {
        let mut known = self.known.lock();
        let Some(gate) = known.get_mut(&report.instance).filter(|gate| *gate.actor == *actor) else { return };
        gate.version = gate.version.max(report.version);
        for (id, ended) in report.ended {
            gate.ended.insert(id, (report.version, ended));
        }
        while gate.ended.len() > MAX_KEYS {
            let oldest = gate.ended.iter().min_by_key(|(_, (version, _))| *version).map(|(id, _)| id.clone());
            let Some(oldest) = oldest else { break };
            gate.ended.remove(&oldest);
        }
        gate.left = report.leaving;
    }

    /// The name of a gate, which `actor` speaks for, if this batch of what keys have done there is to be taken.
    pub fn takes(&self, instance: &str, batch: u64, actor: &str) -> Option<Box<str>> {
        let mut known = self.known.lock();
        let gate = known.get_mut(instance).filter(|gate| *gate.actor == *actor && gate.batch < batch)?;
        gate.batch = batch;
        Some(gate.name.clone())
    }

    /// Whether a gate is known, which `actor` speaks for.
    pub fn knows(&self, instance: &str, actor: &str) -> bool {
        self.known.lock().get(instance).is_some_and(|gate| *gate.actor == *actor)
    }

    /// What each gate, by its process, says of the change of a key that came with `version`.
    pub fn receipts(&self, id: &str, version: Version) -> Vec<(String, GateReceipt)> {
        let mut known = self.known.lock();
        known.retain(|_, gate| !gate.is_over());
        let of = |instance: &str, gate: &Known| {
            let acknowledged = gate.version >= version;
            let ended = gate.ended.get(id).map(|(_, ended)| *ended).filter(|_| acknowledged).unwrap_or_default();
            let Ended { cut, remaining } = ended;
            // Who has left decides nothing; its streams have ended with it.
            let (acknowledged, remaining) = if gate.left { (true, 0) } else { (acknowledged, remaining) };
            (instance.to_string(), GateReceipt { gate: gate.name.to_string(), acknowledged, cut, remaining, took_ms: None })
        };
        let has_a_word = |gate: &Known| !gate.left || gate.ended.contains_key(id);
        known.iter().filter(|(_, gate)| has_a_word(gate)).map(|(instance, gate)| of(instance, gate)).collect()
    }

    /// What is shown of them.
    pub fn views(&self) -> Vec<GateView> {
        let mut known = self.known.lock();
        known.retain(|_, gate| !gate.is_over());
        let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let view = |instance: &str, gate: &Known| GateView {
            name: gate.name.to_string(),
            instance: instance.to_string(),
            actor: gate.actor.to_string(),
            connected: gate.connections > 0,
            version: gate.version,
            heard_ms_ago: ms(gate.fed.elapsed()),
            max_stale_ms: ms(gate.max_stale),
        };
        known.iter().filter(|(_, gate)| !gate.left).map(|(instance, gate)| view(instance, gate)).collect()
    }
}

impl Known {
    /// Whether it is gone, and decides by nothing any more.
    fn is_over(&self) -> bool {
        let remembered = if self.left { LEFT.min(self.max_stale) } else { self.max_stale };
        self.connections == 0 && self.fed.elapsed() > remembered
    }
}

impl Present {
    /// Something was given to it.
    pub fn was_fed(&self) {
        if let Some(gate) = self.gates.known.lock().get_mut(&self.instance) {
            gate.fed = Instant::now();
        }
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        if let Some(gate) = self.gates.known.lock().get_mut(&self.instance) {
            gate.connections -= 1;
        }
    }
}
