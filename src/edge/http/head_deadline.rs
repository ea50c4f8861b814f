//! When the head of a backend's answer is due, where that is sooner than pingora's own timeout.
//!
//! Knows nothing of what is waited with: whoever lends a client to pingora asks at every read.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

/// When the answer's head is due. pingora knows one timeout for every read of the backend, the one between bytes of a body. It also
/// waits for the client all the while, and so this one is found out here: as a read of the client that fails.
pub struct HeadDeadline {
    state: Arc<HeadState>,
    after: Duration,
    /// From the last byte of the request; set at the first wait, once there is a connection to the backend.
    sleep: Option<Pin<Box<Sleep>>>,
}

/// How far the head of an answer is; due, at first.
#[derive(Default)]
pub struct HeadState(AtomicU8);

impl HeadState {
    const CAME: u8 = 1;
    const LATE: u8 = 2;

    /// The head is there.
    pub fn came(&self) {
        self.0.store(Self::CAME, Ordering::Relaxed);
    }

    /// Whether it was not there in time.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.0.load(Ordering::Relaxed) == Self::LATE
    }
}

impl HeadDeadline {
    /// Due `after` the request; `state` is told, and tells.
    #[must_use]
    pub const fn new(after: Duration, state: Arc<HeadState>) -> Self {
        Self { state, after, sleep: None }
    }

    /// Ready when the head is late; never, once it came.
    pub fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.state.0.load(Ordering::Relaxed) == HeadState::CAME {
            self.sleep = None;
            return Poll::Pending;
        }
        let after = self.after;
        ready!(self.sleep.get_or_insert_with(|| Box::pin(sleep(after))).as_mut().poll(cx));
        self.state.0.store(HeadState::LATE, Ordering::Relaxed);
        Poll::Ready(())
    }

    /// The request goes on: the backend has nothing to answer yet.
    pub fn put_off(&mut self) {
        if let Some(sleep) = &mut self.sleep {
            sleep.as_mut().reset(Instant::now() + self.after);
        }
    }
}
