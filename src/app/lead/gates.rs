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

use super::{memory::Kept, unknown};
use crate::{
    admin::{Ended, GateReceipt, GateView, Joining, Report, Trouble},
    keystore::Version,
};

/// How long a gate that has left is remembered for what ended with it.
const LEFT: Duration = Duration::from_secs(60);
/// Gates that are remembered at once, of all tokens and of one. None is forgotten for another: it might still decide by what it has.
const MAX_GATES: usize = 20_000;
const MAX_OF_ACTOR: usize = 5_000;
/// Keys whose streams are remembered, of all gates with one token, and for how long at the most: nobody waits longer for a receipt.
const MAX_KEYS: usize = 20_000;
const KEYS_KEPT: Duration = Duration::from_secs(60);

/// The gates that follow.
#[derive(Default)]
pub struct Gates {
    known: Mutex<BTreeMap<Box<str>, Known>>,
}

struct Known {
    name: Box<str>,
    actor: Box<str>,
    /// What it has said to decide by, where that is what this store had.
    acknowledged: Version,
    /// Whether it has keys that this store never had.
    diverged: bool,
    /// Connections on which it follows: for a moment there may be two.
    connections: usize,
    /// When something was last given to it.
    fed: Instant,
    max_stale: Duration,
    /// Streams of keys that changed, with the version in which they did, and when that was told.
    ended: BTreeMap<Box<str>, (Version, Ended, Instant)>,
    /// The latest report that was taken from it.
    report: u64,
    /// The latest usage that was taken from it.
    batch: u64,
    /// Whether it said that it ends.
    left: bool,
    /// Whether the store knows it too.
    kept: bool,
}

/// Why a gate cannot be remembered, and so cannot follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// There are too many.
    TooMany,
    /// Its instance is that of a gate with another token.
    AnothersName,
}

/// Why a report was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoReport {
    /// Of no gate that is known, or of somebody else's.
    Unknown,
    /// More ended than can be remembered.
    TooMuch,
}

/// A gate that is connected, until this is dropped.
pub struct Present {
    gates: Arc<Gates>,
    instance: Box<str>,
}

impl Gates {
    /// Those that were known when a process led last: they may still decide by what they had then.
    pub(super) fn of(kept: impl IntoIterator<Item = (Box<str>, Kept)>) -> Self {
        let gates = Self::default();
        gates.recall(kept);
        gates
    }

    /// The same that another process has kept meanwhile, as far as they are not known here.
    pub(super) fn recall(&self, kept: impl IntoIterator<Item = (Box<str>, Kept)>) {
        let mut known = self.known.lock();
        for (instance, Kept { name, actor, max_stale_ms }) in kept {
            let gate = || Known { kept: true, ..Known::new(name, actor, Duration::from_millis(max_stale_ms)) };
            known.entry(instance).or_insert_with(gate);
        }
    }

    /// Those that the store does not know yet, of all or of `one`.
    pub(super) fn unkept(&self, one: Option<&str>) -> Vec<(Box<str>, Kept)> {
        let known = self.known.lock();
        let asked = |instance: &str| one.is_none_or(|one| *instance == *one);
        let unkept = known.iter().filter(|(instance, gate)| asked(instance) && !gate.kept && !gate.left);
        let kept = |gate: &Known| Kept {
            name: gate.name.clone(),
            actor: gate.actor.clone(),
            max_stale_ms: u64::try_from(gate.max_stale.as_millis()).unwrap_or(u64::MAX),
        };
        unkept.map(|(instance, gate)| (instance.clone(), kept(gate))).collect()
    }

    /// The store knows it, or does not any more.
    pub(super) fn is_kept(&self, instance: &str, kept: bool) {
        if let Some(gate) = self.known.lock().get_mut(instance) {
            gate.kept = kept;
        }
    }

    /// Forgets those that decide nothing any more; which they are.
    pub(super) fn forget(&self) -> Vec<Box<str>> {
        self.known.lock().extract_if(.., |_, gate| gate.is_over()).map(|(instance, _)| instance).collect()
    }

    /// One that is not connected and may still decide by what it has, as it is shown.
    ///
    /// # Errors
    /// If it follows, or there is none.
    pub(super) fn away(&self, instance: &str) -> Result<GateView, Trouble> {
        let view = self.views().into_iter().find(|gate| gate.instance == instance);
        let view = view.ok_or_else(|| unknown(instance))?;
        if view.connected { Err(Trouble::Follows) } else { Ok(view) }
    }

    /// Forgets one, whatever it may still do.
    pub(super) fn remove(&self, instance: &str) {
        self.known.lock().remove(instance);
    }

    /// A gate follows from now on. That it says what it has acknowledges nothing: it reports that.
    ///
    /// # Errors
    /// Why it cannot.
    pub(super) fn join(self: &Arc<Self>, joining: &Joining, actor: &str) -> Result<Present, NoPlace> {
        let mut known = self.known.lock();
        if known.get(&joining.instance).is_some_and(|gate| *gate.actor != *actor) {
            return Err(NoPlace::AnothersName);
        }
        if !known.contains_key(&joining.instance) && (known.len() >= MAX_GATES || of_actor(&known, actor).count() >= MAX_OF_ACTOR)
        {
            return Err(NoPlace::TooMany);
        }
        let gate = known
            .entry(joining.instance.clone())
            .or_insert_with(|| Known::new(joining.name.clone(), actor.into(), joining.max_stale));
        (gate.acknowledged, gate.diverged, gate.left) = (Version::default(), false, false);
        gate.connections += 1;
        Ok(Present { gates: Arc::clone(self), instance: joining.instance.clone() })
    }

    /// A gate, which `actor` speaks for, says how far it has come, and what ended by that; whether it has `acknowledged` that, by what this
    /// store knows. Of a report that comes late, or again, nothing counts.
    ///
    /// # Errors
    /// If the gate is not known, or there is no room for what ended: it is to tell it again.
    pub(super) fn report(&self, report: Report, actor: &str, acknowledged: bool) -> Result<(), NoReport> {
        let mut known = self.known.lock();
        let is_new = |gate: &Known| report.number > gate.report;
        let is_its = |gate: &&Known| *gate.actor == *actor;
        if !is_new(known.get(&report.instance).filter(is_its).ok_or(NoReport::Unknown)?) {
            return Ok(());
        }
        if of_actor(&known, actor).map(|gate| gate.ended.len()).sum::<usize>() + report.ended.len() > MAX_KEYS {
            for gate in known.values_mut().filter(|gate| *gate.actor == *actor) {
                gate.ended.retain(|_, (.., told)| told.elapsed() < KEYS_KEPT);
            }
            if of_actor(&known, actor).map(|gate| gate.ended.len()).sum::<usize>() + report.ended.len() > MAX_KEYS {
                return Err(NoReport::TooMuch);
            }
        }
        let gate = known.get_mut(&report.instance).ok_or(NoReport::Unknown)?;
        gate.report = report.number;
        let ended = report.ended.into_iter().map(|(id, ended)| (id, (report.version, ended, Instant::now())));
        gate.ended.extend(ended);
        if acknowledged && !report.more {
            gate.acknowledged = gate.acknowledged.max(report.version);
        }
        gate.left |= report.leaving;
        Ok(())
    }

    /// The name of a gate, which `actor` speaks for, if this batch of what keys have done there is to be taken.
    pub fn takes(&self, instance: &str, batch: u64, actor: &str) -> Option<Box<str>> {
        let mut known = self.known.lock();
        let gate = known.get_mut(instance).filter(|gate| *gate.actor == *actor && gate.batch < batch)?;
        gate.batch = batch;
        Some(gate.name.clone())
    }

    /// The same batch is to be taken once more: it was not kept.
    pub fn gives_back(&self, instance: &str, batch: u64) {
        if let Some(gate) = self.known.lock().get_mut(instance).filter(|gate| gate.batch == batch) {
            gate.batch = batch.saturating_sub(1);
        }
    }

    /// Whether a gate is known, which `actor` speaks for.
    pub fn knows(&self, instance: &str, actor: &str) -> bool {
        self.known.lock().get(instance).is_some_and(|gate| *gate.actor == *actor)
    }

    /// What each gate, by its process, says of the change of a key that came with `version`.
    pub fn receipts(&self, id: &str, version: Version) -> Vec<(String, GateReceipt)> {
        let known = self.known.lock();
        let of = |instance: &str, gate: &Known| {
            let acknowledged = gate.acknowledged >= version;
            // What ended by an earlier change did not end by this one.
            let ended = gate.ended.get(id).filter(|(by, ..)| acknowledged && *by >= version);
            let Ended { cut, remaining } = ended.map(|(_, ended, _)| *ended).unwrap_or_default();
            // Who has left decides nothing; its streams have ended with it.
            let (acknowledged, remaining) = if gate.left { (true, 0) } else { (acknowledged, remaining) };
            (instance.to_string(), GateReceipt { gate: gate.name.to_string(), acknowledged, cut, remaining, took_ms: None })
        };
        let has_a_word = |gate: &Known| !gate.is_over() && (!gate.left || gate.ended.contains_key(id));
        known.iter().filter(|(_, gate)| has_a_word(gate)).map(|(instance, gate)| of(instance, gate)).collect()
    }

    /// What is shown of them.
    pub fn views(&self) -> Vec<GateView> {
        let known = self.known.lock();
        let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let view = |instance: &str, gate: &Known| GateView {
            name: gate.name.to_string(),
            instance: instance.to_string(),
            actor: gate.actor.to_string(),
            connected: gate.connections > 0,
            version: gate.acknowledged,
            diverged: gate.diverged,
            heard_ms_ago: ms(gate.fed.elapsed()),
            max_stale_ms: ms(gate.max_stale),
        };
        known.iter().filter(|(_, gate)| !gate.left && !gate.is_over()).map(|(instance, gate)| view(instance, gate)).collect()
    }
}

fn of_actor<'k>(known: &'k BTreeMap<Box<str>, Known>, actor: &str) -> impl Iterator<Item = &'k Known> {
    known.values().filter(move |gate| *gate.actor == *actor)
}

impl Known {
    fn new(name: Box<str>, actor: Box<str>, max_stale: Duration) -> Self {
        Self {
            name,
            actor,
            acknowledged: Version::default(),
            diverged: false,
            connections: 0,
            // One that this process has not heard of yet may have been fed by the one before until now.
            fed: Instant::now(),
            max_stale,
            ended: BTreeMap::new(),
            report: 0,
            batch: 0,
            left: false,
            kept: false,
        }
    }

    /// Whether it is gone, and decides by nothing any more.
    fn is_over(&self) -> bool {
        let remembered = if self.left { LEFT.min(self.max_stale) } else { self.max_stale };
        self.connections == 0 && self.fed.elapsed() > remembered
    }
}

impl Present {
    /// It has keys that this store never had, and so may let in whom this store does not.
    pub fn has_diverged(&self) {
        if let Some(gate) = self.gates.known.lock().get_mut(&self.instance) {
            gate.diverged = true;
        }
    }

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

#[cfg(test)]
mod tests;
