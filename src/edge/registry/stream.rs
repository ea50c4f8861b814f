//! One live stream: whose it is, what it stands on, and whether somebody asked it to end.
//!
//! Knows nothing of the others, nor of what flows in it.

use std::{
    pin::Pin,
    sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering},
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;

use super::{CutReason, silence::Silence};
use crate::gate::{Asking, Standing, peer::PeerAddress, request::Transport, time::Timestamp};

/// A live stream.
pub struct LiveStream {
    /// Given when it registers, from 1: no two of a process have the same, and a later one has a higher.
    pub id: u64,
    /// What it stands on; `None` is nothing that could be taken away.
    pub standing: Option<Standing>,
    /// What it asked for, of a stream; a plain exchange is over before anybody could ask again.
    asking: Option<Box<Asking>>,
    /// What kind it is.
    pub transport: Transport,
    /// Whose it is.
    pub peer: PeerAddress,
    /// Both clients that a trusted proxy names as its own, where they are two; one word for all others.
    claims: Option<Box<[PeerAddress]>>,
    /// When it was opened, in Unix milliseconds.
    pub opened_ms: i64,
    /// Bytes from the client so far.
    pub received: AtomicU64,
    /// Bytes to the client so far.
    pub sent: AtomicU64,
    /// Whether the client is not read from for a while, to keep it to a limit.
    pub held_back: AtomicBool,
    /// Messages from the client so far, of a WebSocket.
    pub received_messages: AtomicU64,
    /// Messages to the client so far, of a WebSocket.
    pub sent_messages: AtomicU64,
    /// When its credential ends by itself, in Unix milliseconds.
    until_ms: AtomicI64,
    /// The number of a [`CutReason`], or 0.
    cut: AtomicU8,
    cut_at_ns: AtomicU64,
    /// How long it has been silent.
    pub silence: Silence,
    waker: AtomicWaker,
}

impl LiveStream {
    /// A stream that nobody has asked to end.
    #[must_use]
    pub fn new(standing: Option<Standing>, transport: Transport, peer: PeerAddress, until_ms: i64, opened_ms: i64) -> Self {
        Self {
            id: 0,
            standing,
            asking: None,
            transport,
            peer,
            claims: None,
            opened_ms,
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            held_back: AtomicBool::new(false),
            received_messages: AtomicU64::new(0),
            sent_messages: AtomicU64::new(0),
            until_ms: AtomicI64::new(until_ms),
            cut: AtomicU8::new(0),
            cut_at_ns: AtomicU64::new(0),
            silence: Silence::since(opened_ms),
            waker: AtomicWaker::new(),
        }
    }

    /// The same stream, which asked for this.
    #[must_use]
    pub fn asked_for(mut self, asking: Option<Asking>) -> Self {
        self.asking = asking.map(Box::new);
        self
    }

    /// What it asked for; `None` of a plain exchange.
    #[must_use]
    pub fn asking(&self) -> Option<&Asking> {
        self.asking.as_deref()
    }

    /// The same stream, which may be any of these clients'.
    #[must_use]
    pub fn claimed_by(mut self, claims: impl Iterator<Item = PeerAddress>) -> Self {
        let claims: Box<[_]> = claims.collect();
        self.claims = (!claims.is_empty()).then_some(claims);
        self
    }

    /// Whose it may be besides its peer's.
    pub fn claims(&self) -> impl Iterator<Item = PeerAddress> + '_ {
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

    /// Has the stream look at itself again.
    pub(super) fn wake(&self) {
        self.waker.wake();
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
        CutReason::of_code(self.cut.load(Ordering::Acquire))
    }

    /// When somebody asked, on the gate's clock.
    #[must_use]
    pub fn cut_at_ns(&self) -> u64 {
        self.cut_at_ns.load(Ordering::Relaxed)
    }
}

/// Runs `work` until it ends or somebody asks `stream` to end. Where somebody has asked already, work does not begin: its first step
/// might send a request on that was let in by what is no longer in force. `work` is pinned by the caller, for it is large: handed in
/// as it is, it would be copied, and stand twice in whatever waits for it.
///
/// # Errors
/// The reason, if somebody asked; `work` is to be dropped then.
pub async fn until_cut<F: Future>(stream: &LiveStream, mut work: Pin<&mut F>) -> Result<F::Output, CutReason> {
    if let Some(reason) = stream.cut_reason() {
        return Err(reason);
    }
    std::future::poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Ok(output)),
        Poll::Pending => stream.poll_cut(cx).map(Err),
    })
    .await
}
