//! The live streams, and how one is told to end.
//!
//! A stream registers first and then looks whether the snapshot that let it in is still the one in force. Whoever publishes a
//! snapshot publishes first and then walks the registry. So a change either finds the stream here or is found by it (`order`).

mod by_key;
mod cut;
mod order;
mod page;
mod silence;
mod stream;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;
use slab::Slab;

use self::by_key::ByKey;
pub use self::{
    cut::CutReason,
    order::{change, open},
    stream::{LiveStream, until_cut},
};
use crate::gate::time::Timestamp;

const SHARDS: usize = 16;

/// All live streams.
#[derive(Default)]
pub struct Registry {
    shards: [Mutex<Shard>; SHARDS],
    /// The id of the stream that came last.
    last: AtomicU64,
    by_key: ByKey,
}

/// Plain exchanges stand by themselves: they come and go too fast to be kept by key as well, and those that live at a moment are few.
#[derive(Default)]
struct Shard {
    streams: Slab<Arc<LiveStream>>,
    exchanges: Slab<Arc<LiveStream>>,
}

/// A stream's place in the registry, given back when dropped.
pub struct Entered {
    registry: Arc<Registry>,
    shard: usize,
    slot: usize,
    stream: Arc<LiveStream>,
}

impl Registry {
    /// Registers a stream, and gives it its id.
    #[must_use]
    pub fn enter(self: &Arc<Self>, mut stream: LiveStream) -> Entered {
        stream.id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let shard = usize::try_from(stream.id).unwrap_or_default() % SHARDS;
        let stream = Arc::new(stream);
        let slot = self.shards[shard].lock().slab(&stream).insert(Arc::clone(&stream));
        self.by_key.enter(&stream);
        Entered { registry: Arc::clone(self), shard, slot, stream }
    }

    /// Asks the oldest streams of the key of `stream` to end, until no more than `most` are left that were not asked in this way.
    pub fn evict_beyond(&self, stream: &LiveStream, most: u32, now: Timestamp) {
        while let Some(oldest) = self.by_key.oldest_beyond(stream, most) {
            oldest.cut(CutReason::Evicted, now);
        }
    }

    /// Asks every stream to end for which `reason` gives one, and returns those that were asked now.
    pub fn cut_where(&self, now: Timestamp, mut reason: impl FnMut(&LiveStream) -> Option<CutReason>) -> Vec<Arc<LiveStream>> {
        let mut asked = Vec::new();
        self.for_each(|stream| {
            if reason(stream).is_some_and(|reason| stream.cut(reason, now)) {
                asked.push(Arc::clone(stream));
            }
        });
        asked
    }

    /// The same for those that may stand on a key with one of these ids: for the streams of these keys, and for every plain exchange.
    /// Returns those that were asked now.
    pub fn cut_of_keys<'i>(
        &self,
        ids: impl IntoIterator<Item = &'i str>,
        now: Timestamp,
        mut reason: impl FnMut(&LiveStream) -> Option<CutReason>,
    ) -> Vec<Arc<LiveStream>> {
        let mut asked = Vec::new();
        let mut ask = |stream: &Arc<LiveStream>| {
            if reason(stream).is_some_and(|reason| stream.cut(reason, now)) {
                asked.push(Arc::clone(stream));
            }
        };
        ids.into_iter().flat_map(|id| self.by_key.of_key(id)).for_each(|stream| ask(&stream));
        for shard in &self.shards {
            shard.lock().exchanges.iter().for_each(|(_, stream)| ask(stream));
        }
        asked
    }

    /// Visits the live streams of the key with this id, and the plain exchanges.
    pub fn of_key(&self, id: &str, mut visit: impl FnMut(&LiveStream)) {
        let is_its = |stream: &LiveStream| stream.standing.as_ref().is_some_and(|standing| *standing.key.id == *id);
        self.by_key.of_key(id).iter().filter(|stream| is_its(stream)).for_each(|stream| visit(stream));
        for shard in &self.shards {
            shard.lock().exchanges.iter().filter(|(_, stream)| is_its(stream)).for_each(|(_, stream)| visit(stream));
        }
    }

    /// Visits every live stream, shard by shard; those that come or go meanwhile may be missed.
    pub fn for_each(&self, mut visit: impl FnMut(&Arc<LiveStream>)) {
        for shard in &self.shards {
            shard.lock().all().for_each(&mut visit);
        }
    }

    /// Streams that live now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Whether no stream lives.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.lock().len() == 0)
    }
}

impl Shard {
    /// Where `stream` stands.
    fn slab(&mut self, stream: &LiveStream) -> &mut Slab<Arc<LiveStream>> {
        if stream.transport.is_stream() { &mut self.streams } else { &mut self.exchanges }
    }

    fn len(&self) -> usize {
        self.streams.len() + self.exchanges.len()
    }

    fn all(&self) -> impl Iterator<Item = &Arc<LiveStream>> {
        self.streams.iter().chain(&self.exchanges).map(|(_, stream)| stream)
    }
}

impl Entered {
    /// The stream itself, which outlives its place.
    #[must_use]
    pub fn live(&self) -> Arc<LiveStream> {
        Arc::clone(&self.stream)
    }
}

impl std::ops::Deref for Entered {
    type Target = LiveStream;

    fn deref(&self) -> &LiveStream {
        &self.stream
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.registry.shards[self.shard].lock().slab(&self.stream).remove(self.slot);
        self.registry.by_key.leave(&self.stream);
    }
}

#[cfg(test)]
mod tests;
