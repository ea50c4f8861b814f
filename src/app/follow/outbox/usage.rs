//! What keys do here: counted, until the manager has taken it.

use std::collections::BTreeMap;

use super::{Outbox, Told};
use crate::{
    admin::{ToldCounts, ToldMisuse, ToldUsage},
    keystore::Usage,
    telemetry::{Misuse, Misuses},
};

/// The longest body of usage, in bytes; the manager takes 64 KiB.
const MAX_BODY: usize = 24 * 1024;
/// Ways of misuse that wait: of a key, with a reason.
const MAX_MISUSES: usize = 100;

/// What keys have done, and is to be told.
#[derive(Default)]
pub(super) struct Counts {
    usage: BTreeMap<Box<str>, ToldCounts>,
    misuses: Vec<ToldMisuse>,
    /// Told and not yet taken.
    sent: Option<ToldUsage>,
    batch: u64,
}

impl Counts {
    /// Keys did this.
    pub fn add_usage(&mut self, usage: BTreeMap<Box<str>, Usage>) {
        for (id, more) in usage {
            let told = self.usage.entry(id).or_default();
            told.last_used_ms = told.last_used_ms.max(more.last_used_ms);
            told.requests += more.requests;
            for (reason, count) in more.refusals {
                *told.refusals.entry(reason).or_default() += count;
            }
        }
    }

    /// Keys were misused so. Of more than can wait, the ways in which they were that were not met before are left out.
    pub fn add_misuses(&mut self, misuses: Misuses) {
        for ((key, denial), Misuse { count, peer, origin }) in misuses {
            let (reason, peer, room) = (denial.reason(), peer.to_string().into(), self.misuses.len() < MAX_MISUSES);
            match self.misuses.iter_mut().find(|told| told.key == key && *told.reason == *reason) {
                Some(told) => (told.count, told.peer, told.origin) = (told.count + count, peer, origin),
                None if room => self.misuses.push(ToldMisuse { key, reason: reason.into(), count, peer, origin }),
                None => {}
            }
        }
    }

    /// What was told last and not taken, or the next of what is to be told.
    fn batch(&mut self, instance: &str) -> Option<ToldUsage> {
        if let Some(sent) = &self.sent {
            return Some(sent.clone());
        }
        if self.usage.is_empty() && self.misuses.is_empty() {
            return None;
        }
        let (mut keys, mut misuses, mut size) = (BTreeMap::new(), Vec::new(), 0);
        while size < MAX_BODY
            && let Some(misuse) = self.misuses.pop()
        {
            size +=
                120 + misuse.key.len() + misuse.reason.len() + misuse.peer.len() + misuse.origin.as_deref().map_or(0, str::len);
            misuses.push(misuse);
        }
        while size < MAX_BODY
            && let Some((id, counts)) = self.usage.pop_first()
        {
            // Names and numbers, and what stands around them.
            size += 120 + id.len() + counts.refusals.keys().map(|reason| reason.len() + 30).sum::<usize>();
            keys.insert(id, counts);
        }
        self.batch += 1;
        self.sent = Some(ToldUsage { instance: instance.into(), batch: self.batch, keys, misuses });
        self.sent.clone()
    }
}

impl Outbox {
    /// Whether there is nothing left to be taken.
    pub(super) async fn tell_usage(&self) -> Told {
        loop {
            let batch = self.counts.lock().batch(&self.instance);
            let Some(batch) = batch else { return Told::Taken };
            match self.post("usage", &batch).await {
                Told::Taken => self.counts.lock().sent = None,
                not_taken @ (Told::Lost | Told::TooMuch) => return not_taken,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{denial::Denial, peer::PeerAddress};

    fn misuses(keys: std::ops::Range<usize>) -> Misuses {
        let peer = PeerAddress::from([127, 0, 0, 1]);
        let misuse = || Misuse { count: 2, peer, origin: Some("x".repeat(256).into()) };
        keys.map(|n| ((format!("{n:064}").into(), Denial::ALL[0]), misuse())).collect()
    }

    /// However much waits, the manager takes each part of it, and all of it comes.
    #[test]
    fn no_batch_is_longer_than_the_manager_takes() {
        let mut counts = Counts::default();
        counts.add_misuses(misuses(0..100));
        let refusals = (0..40).map(|n| (format!("a_reason_{n}").into(), u64::MAX)).collect();
        let usage = Usage { last_used_ms: i64::MAX, requests: u64::MAX, refusals, tallies: None };
        counts.add_usage((0..200).map(|n| (format!("{n:064}").into(), usage.clone())).collect());
        let (mut keys, mut told) = (0, 0);
        while let Some(batch) = counts.batch("instance") {
            let length = serde_json::to_vec(&batch).unwrap().len();
            assert!(length < 64 * 1024, "{length} bytes");
            (keys, told) = (keys + batch.keys.len(), told + batch.misuses.len());
            counts.sent = None;
        }
        assert_eq!((keys, told), (200, 100));
    }

    #[test]
    fn a_misuse_that_waits_is_counted_further() {
        let mut counts = Counts::default();
        counts.add_misuses(misuses(0..100));
        counts.add_misuses(misuses(50..150));
        let told: Vec<_> = counts.misuses.iter().map(|misuse| misuse.count).collect();
        assert_eq!((told.len(), told[0], told[99]), (100, 2, 4));
    }
}
