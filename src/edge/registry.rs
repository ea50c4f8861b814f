//! The live streams, and how one is told to end.
//!
//! A stream registers first and then looks whether the snapshot that let it in is still the one in force. Whoever publishes a
//! snapshot publishes first and then walks the registry. So a change either finds the stream here or is found by it.

use std::{
    net::IpAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use slab::Slab;

use crate::gate::{Standing, denial::Denial, request::Transport, time::Timestamp};

/// Why the gate ends a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CutReason {
    /// The key or its secret is no longer in the set.
    Removed = 1,
    Revoked,
    Disabled,
    Expired,
    /// Its environment is no longer let in.
    Environment,
    /// It may no longer do what the stream needs.
    Capability,
    /// Somebody asked for it on the control socket.
    Operator,
    /// The gate drains.
    Drain,
    /// The client sent a message where none may pass.
    ClientMessage,
    /// Its key is blocked.
    KeyBlocked,
    /// Its peer is blocked.
    PeerBlocked,
    /// Its key may no longer be used from there.
    Address,
}

impl CutReason {
    const ALL: [Self; 12] = [
        Self::Removed,
        Self::Revoked,
        Self::Disabled,
        Self::Expired,
        Self::Environment,
        Self::Capability,
        Self::Operator,
        Self::Drain,
        Self::ClientMessage,
        Self::KeyBlocked,
        Self::PeerBlocked,
        Self::Address,
    ];

    /// The metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Removed => "key_removed",
            Self::Revoked => "key_revoked",
            Self::Disabled => "key_disabled",
            Self::Expired => "key_expired",
            Self::Environment => "wrong_environment",
            Self::Capability => "not_capable",
            Self::Operator => "operator",
            Self::Drain => "drain",
            Self::ClientMessage => "client_message",
            Self::KeyBlocked => "key_blocked",
            Self::PeerBlocked => "peer_blocked",
            Self::Address => "address_refused",
        }
    }
}

impl From<Denial> for CutReason {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "`still_stands` gives the reasons above; any other is that the key is not found"
    )]
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::KeyRevoked => Self::Revoked,
            Denial::KeyDisabled => Self::Disabled,
            Denial::KeyExpired => Self::Expired,
            Denial::WrongEnvironment => Self::Environment,
            Denial::NotCapable => Self::Capability,
            Denial::KeyBlocked => Self::KeyBlocked,
            Denial::PeerBlocked => Self::PeerBlocked,
            Denial::AddressRefused => Self::Address,
            _ => Self::Removed,
        }
    }
}

/// What a client is told that was not yet told anything when the gate ended its stream.
impl From<CutReason> for Denial {
    fn from(reason: CutReason) -> Self {
        match reason {
            CutReason::Removed | CutReason::Operator => Self::UnknownKey,
            CutReason::Revoked => Self::KeyRevoked,
            CutReason::Disabled => Self::KeyDisabled,
            CutReason::Expired => Self::KeyExpired,
            CutReason::Environment => Self::WrongEnvironment,
            CutReason::Capability | CutReason::ClientMessage => Self::NotCapable,
            CutReason::Drain => Self::Draining,
            CutReason::KeyBlocked => Self::KeyBlocked,
            CutReason::PeerBlocked => Self::PeerBlocked,
            CutReason::Address => Self::AddressRefused,
        }
    }
}

/// A live stream.
pub struct LiveStream {
    /// What it stands on; `None` is nothing that could be taken away.
    pub standing: Option<Standing>,
    /// What kind it is.
    pub transport: Transport,
    /// Whose it is.
    pub peer: IpAddr,
    /// Both clients that a trusted proxy names as its own, where they are two; one word for all others.
    claims: Option<Box<[IpAddr]>>,
    /// When it was opened, in Unix milliseconds.
    pub opened_ms: i64,
    /// Bytes from the client so far.
    pub received: AtomicU64,
    /// Bytes to the client so far.
    pub sent: AtomicU64,
    /// When its credential ends by itself, in Unix milliseconds.
    until_ms: AtomicI64,
    cut: AtomicU8,
    cut_at_ns: AtomicU64,
    waker: AtomicWaker,
}

impl LiveStream {
    /// A stream that nobody has asked to end.
    #[must_use]
    pub fn new(standing: Option<Standing>, transport: Transport, peer: IpAddr, until_ms: i64, opened_ms: i64) -> Self {
        Self {
            standing,
            transport,
            peer,
            claims: None,
            opened_ms,
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            until_ms: AtomicI64::new(until_ms),
            cut: AtomicU8::new(0),
            cut_at_ns: AtomicU64::new(0),
            waker: AtomicWaker::new(),
        }
    }

    /// The same stream, which may be any of these clients'.
    #[must_use]
    pub fn claimed_by(mut self, claims: impl Iterator<Item = IpAddr>) -> Self {
        let claims: Box<[_]> = claims.collect();
        self.claims = (!claims.is_empty()).then_some(claims);
        self
    }

    /// Whose it may be besides its peer's.
    pub fn claims(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.claims.iter().flatten().copied()
    }

    /// When its credential ends by itself, in Unix milliseconds.
    #[must_use]
    pub fn until_ms(&self) -> i64 {
        self.until_ms.load(Ordering::Relaxed)
    }

    /// A change of keys moved the end of its credential.
    pub fn stands_until(&self, until_ms: i64) {
        self.until_ms.store(until_ms, Ordering::Relaxed);
    }

    /// Asks the stream to end. The first reason stays.
    pub fn cut(&self, reason: CutReason, now: Timestamp) -> bool {
        self.cut_at_ns.fetch_max(now.ticks_ns, Ordering::Relaxed);
        let first = self.cut.compare_exchange(0, reason as u8, Ordering::AcqRel, Ordering::Acquire).is_ok();
        self.waker.wake();
        first
    }

    /// Ready with the reason once somebody asked the stream to end.
    pub fn poll_cut(&self, cx: &Context<'_>) -> Poll<CutReason> {
        if let Some(reason) = self.cut_reason() {
            return Poll::Ready(reason);
        }
        self.waker.register(cx.waker());
        // Between the look and the registration somebody may have asked.
        self.cut_reason().map_or(Poll::Pending, Poll::Ready)
    }

    /// The reason, if somebody asked the stream to end.
    #[must_use]
    pub fn cut_reason(&self) -> Option<CutReason> {
        let code = self.cut.load(Ordering::Acquire);
        CutReason::ALL.into_iter().find(|reason| *reason as u8 == code)
    }

    /// When somebody asked, on the gate's clock.
    #[must_use]
    pub fn cut_at_ns(&self) -> u64 {
        self.cut_at_ns.load(Ordering::Relaxed)
    }
}

const SHARDS: usize = 16;

/// All live streams.
#[derive(Default)]
pub struct Registry {
    shards: [Mutex<Slab<Arc<LiveStream>>>; SHARDS],
    next: AtomicU64,
}

/// A stream's place in the registry, given back when dropped.
pub struct Entered {
    registry: Arc<Registry>,
    shard: usize,
    slot: usize,
    stream: Arc<LiveStream>,
}

impl Registry {
    /// Registers a stream.
    #[must_use]
    pub fn enter(self: &Arc<Self>, stream: LiveStream) -> Entered {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let shard = usize::try_from(turn).unwrap_or_default() % SHARDS;
        let stream = Arc::new(stream);
        let slot = self.shards[shard].lock().insert(Arc::clone(&stream));
        Entered { registry: Arc::clone(self), shard, slot, stream }
    }

    /// Asks every stream to end for which `reason` gives one, and returns how many were asked now.
    pub fn cut_where(&self, now: Timestamp, mut reason: impl FnMut(&LiveStream) -> Option<CutReason>) -> usize {
        let mut asked = 0;
        self.for_each(|stream| {
            if let Some(reason) = reason(stream) {
                asked += usize::from(stream.cut(reason, now));
            }
        });
        asked
    }

    /// Visits every live stream, shard by shard; those that come or go meanwhile may be missed.
    pub fn for_each(&self, mut visit: impl FnMut(&Arc<LiveStream>)) {
        for shard in &self.shards {
            shard.lock().iter().for_each(|(_, stream)| visit(stream));
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
        self.shards.iter().all(|shard| shard.lock().is_empty())
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
        self.registry.shards[self.shard].lock().remove(self.slot);
    }
}

/// Runs `work` until it ends or somebody asks `stream` to end. Where somebody has asked already, work does not begin: its first step
/// might send a request on that was let in by what is no longer in force.
///
/// # Errors
/// The reason, if somebody asked; `work` is dropped then.
pub async fn until_cut<T>(stream: &LiveStream, work: impl Future<Output = T>) -> Result<T, CutReason> {
    if let Some(reason) = stream.cut_reason() {
        return Err(reason);
    }
    let mut work = pin!(work);
    std::future::poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Ok(output)),
        Poll::Pending => stream.poll_cut(cx).map(Err),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{capability::Need, testing};
    use std::net::Ipv4Addr;

    fn stream(id: &str) -> LiveStream {
        let key = Arc::new(testing::secret(id, id));
        let standing = Standing { reported: false, good: true, digest: key.digest.digest, key, needed: Need::NOTHING };
        LiveStream::new(Some(standing), Transport::WebSocket, Ipv4Addr::LOCALHOST.into(), i64::MAX, 0)
    }

    const NOW: Timestamp = Timestamp { unix_ms: 0, ticks_ns: 5 };

    #[tokio::test]
    async fn a_waiting_stream_is_told_and_keeps_the_first_reason() {
        let registry = Arc::new(Registry::default());
        let entered = registry.enter(stream("a"));
        let other = registry.enter(stream("b"));
        let waiting = until_cut(&entered, std::future::pending::<()>());
        let cutting = async {
            let only_a = |stream: &LiveStream| {
                stream.standing.as_ref().is_some_and(|standing| &*standing.key.id == "a").then_some(CutReason::Revoked)
            };
            assert_eq!(registry.cut_where(NOW, only_a), 1);
            assert_eq!(registry.cut_where(NOW, |_| Some(CutReason::Drain)), 1, "only the other is asked now");
        };
        let (told, ()) = tokio::join!(waiting, cutting);
        assert_eq!(told, Err(CutReason::Revoked));
        assert_eq!(other.cut_reason(), Some(CutReason::Drain));
        assert_eq!(entered.cut_at_ns(), 5);
    }

    #[tokio::test]
    async fn what_was_cut_before_it_began_does_not_begin() {
        let entered = Arc::new(Registry::default()).enter(stream("a"));
        assert!(entered.cut(CutReason::KeyBlocked, NOW));
        let mut begun = false;
        assert_eq!(until_cut(&entered, async { begun = true }).await, Err(CutReason::KeyBlocked));
        assert!(!begun);
    }

    #[test]
    fn a_stream_that_is_gone_is_forgotten() {
        let registry = Arc::new(Registry::default());
        let entered: Vec<_> = (0..100).map(|_| registry.enter(stream("a"))).collect();
        assert_eq!(registry.len(), 100);
        drop(entered);
        assert!(registry.is_empty());
    }
}
