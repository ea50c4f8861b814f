//! The streams of each key in the order in which they came, so that the oldest of a key, and all of them, are found without a walk over
//! the streams of all keys. Plain exchanges are not here.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use parking_lot::Mutex;

use super::LiveStream;

const SHARDS: usize = 16;

/// Streams by the hash of their key's id, and by their own. Those of one key stand in one shard.
#[derive(Default)]
pub(super) struct ByKey {
    shards: [Mutex<Shard>; SHARDS],
    hasher: ahash::RandomState,
}

#[derive(Default)]
struct Shard {
    streams: BTreeMap<(u64, u64), Arc<LiveStream>>,
    /// How many of them each key has.
    counts: HashMap<u64, u32>,
}

/// The id of the key that a stream takes a place of. By its id, because a change of keys names them so: a key that was taken out and made
/// again has another record, another state, and the same id. `None` for plain exchanges, and where there is no good key.
fn key_of(stream: &LiveStream) -> Option<&str> {
    let standing = stream.standing.as_ref().filter(|standing| standing.good && stream.transport.is_stream())?;
    Some(&standing.key.id)
}

impl ByKey {
    /// Puts a stream behind those of its key that came before.
    pub fn enter(&self, stream: &Arc<LiveStream>) {
        let Some((key, shard)) = self.shard_of(stream) else { return };
        let mut shard = shard.lock();
        if shard.streams.insert((key, stream.id), Arc::clone(stream)).is_none() {
            *shard.counts.entry(key).or_default() += 1;
        }
    }

    /// Takes a stream out again, wherever it stands.
    pub fn leave(&self, stream: &LiveStream) {
        if let Some((key, shard)) = self.shard_of(stream) {
            shard.lock().take_out(key, stream.id);
        }
    }

    /// Takes out the oldest stream of the key of `stream`, if it has more than `most`.
    pub fn oldest_beyond(&self, stream: &LiveStream, most: u32) -> Option<Arc<LiveStream>> {
        let (key, shard) = self.shard_of(stream)?;
        let mut shard = shard.lock();
        shard.counts.get(&key).filter(|count| **count > most)?;
        // Another key may have the same hash, once in the life of a million gates.
        let (&(_, id), _) = shard.of(key).find(|(_, other)| key_of(other) == key_of(stream))?;
        shard.take_out(key, id)
    }

    /// The streams of the key with this id, and of another that has its hash; not those that were taken out.
    pub fn of_key(&self, id: &str) -> Vec<Arc<LiveStream>> {
        let (key, shard) = self.shard(id);
        shard.lock().of(key).map(|(_, stream)| Arc::clone(stream)).collect()
    }

    /// Whether nobody is left.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.shards.iter().map(Mutex::lock).all(|shard| shard.streams.is_empty() && shard.counts.is_empty())
    }

    fn shard_of(&self, stream: &LiveStream) -> Option<(u64, &Mutex<Shard>)> {
        key_of(stream).map(|id| self.shard(id))
    }

    fn shard(&self, id: &str) -> (u64, &Mutex<Shard>) {
        let key = self.hasher.hash_one(id);
        (key, &self.shards[key as usize % SHARDS])
    }
}

impl Shard {
    /// Those of one key, the oldest first.
    fn of(&self, key: u64) -> impl Iterator<Item = (&(u64, u64), &Arc<LiveStream>)> {
        self.streams.range((key, 0)..=(key, u64::MAX))
    }

    fn take_out(&mut self, key: u64, id: u64) -> Option<Arc<LiveStream>> {
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
