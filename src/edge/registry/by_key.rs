//! The streams of each key in the order in which they came, so that the oldest is found without a walk over all streams.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use parking_lot::Mutex;

use super::LiveStream;

const SHARDS: usize = 16;

/// Streams by key and id. Those of one key stand in one shard.
#[derive(Default)]
pub(super) struct ByKey([Mutex<Shard>; SHARDS]);

#[derive(Default)]
struct Shard {
    streams: BTreeMap<(usize, u64), Arc<LiveStream>>,
    /// How many of them each key has.
    counts: HashMap<usize, u32>,
}

/// The key that a stream takes a place of: where its state is, which stays the same under every set of keys. `None` for plain
/// exchanges, and where there is no good key.
fn key_of(stream: &LiveStream) -> Option<usize> {
    let standing = stream.standing.as_ref().filter(|standing| standing.good && stream.transport.is_stream())?;
    Some(Arc::as_ptr(&standing.key.usage).addr())
}

impl ByKey {
    /// Puts a stream behind those of its key that came before.
    pub fn enter(&self, stream: &Arc<LiveStream>) {
        let Some(key) = key_of(stream) else { return };
        let mut shard = self.shard(key).lock();
        if shard.streams.insert((key, stream.id), Arc::clone(stream)).is_none() {
            *shard.counts.entry(key).or_default() += 1;
        }
    }

    /// Takes a stream out again, wherever it stands.
    pub fn leave(&self, stream: &LiveStream) {
        if let Some(key) = key_of(stream) {
            self.shard(key).lock().take_out(key, stream.id);
        }
    }

    /// Takes out the oldest stream of the key of `stream`, if it has more than `most`.
    pub fn oldest_beyond(&self, stream: &LiveStream, most: u32) -> Option<Arc<LiveStream>> {
        let key = key_of(stream)?;
        let mut shard = self.shard(key).lock();
        shard.counts.get(&key).filter(|count| **count > most)?;
        let (&(_, id), _) = shard.streams.range((key, 0)..=(key, u64::MAX)).next()?;
        shard.take_out(key, id)
    }

    /// Whether nobody is left.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.iter().map(Mutex::lock).all(|shard| shard.streams.is_empty() && shard.counts.is_empty())
    }

    fn shard(&self, key: usize) -> &Mutex<Shard> {
        // The lowest bits of an address are those of its alignment.
        &self.0[(key >> 6) % SHARDS]
    }
}

impl Shard {
    fn take_out(&mut self, key: usize, id: u64) -> Option<Arc<LiveStream>> {
        let stream = self.streams.remove(&(key, id))?;
        if let Some(count) = self.counts.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&key);
            }
        }
        Some(stream)
    }
}
