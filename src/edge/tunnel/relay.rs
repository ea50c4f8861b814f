//! The tunnel itself: two flows between two connections, until both are done or the gate ends it; how it ends stands in `ending`.
//!
//! A task of its own, holding only this struct: an idle tunnel has no buffer at all.

mod ending;

use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep};

use super::{
    flow::{Broken, Flow, Follow, Last},
    goodbye::PING,
};
use crate::{
    edge::{
        body::BodyFraming,
        client::Client,
        clock::Clock,
        connection::Held,
        maybe_tls::{MaybeTls, OverTcp},
        pace::Pace,
        registry::{CutReason, Entered},
        upstream::{InUse, UpstreamStream},
    },
    gate::{keys::KeyState, limit::Lease},
    telemetry::{Initiator, Opened, Telemetry},
};

/// A live tunnel.
pub struct Tunnel {
    client: Client,
    upstream: UpstreamStream,
    /// From the client; ended from the start where the answer alone is relayed.
    up: Flow,
    /// To the client.
    down: Flow,
    up_done: bool,
    down_done: bool,
    stray: usize,
    stream: Entered,
    ending: Option<CutReason>,
    cut_told: bool,
    end: Option<(Initiator, &'static str)>,
    timer: Option<Pin<Box<Sleep>>>,
    patience: Option<Duration>,
    /// Of a client that was slow once.
    slow: Option<Box<Slow>>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    opened_ns: u64,
    // Places under limits, given back with the tunnel.
    _lease: Option<Lease<KeyState>>,
    _held: Held,
    _upstream_use: Option<InUse>,
}

/// What a tunnel is made of, besides its flows.
pub struct Parts {
    pub client: Client,
    pub upstream: UpstreamStream,
    pub stream: Entered,
    pub telemetry: Arc<Telemetry>,
    pub clock: Clock,
    pub lease: Option<Lease<KeyState>>,
    pub held: Held,
    pub upstream_use: Option<InUse>,
    /// How long each piece may wait for the client to take it in; `None` is without limit.
    pub patience: Option<Duration>,
}

/// What a client is waited for that does not take in what it is sent.
struct Slow {
    pace: Pace,
    /// What it has taken in so far.
    taken: u64,
}

impl Tunnel {
    /// A tunnel between two connections that have agreed. `up` is `None` where the answer alone is relayed.
    pub fn new(parts: Parts, up: Option<Flow>, down: Flow) -> Self {
        let transport = parts.stream.transport;
        parts.telemetry.opened(&Opened { transport });
        let up_done = up.is_none();
        let mut unused = Flow::new(Follow::Body(BodyFraming::Length(0), None), b"");
        unused.end_now(&Last::nothing());
        Self {
            client: parts.client,
            upstream: parts.upstream,
            up: up.unwrap_or(unused),
            down,
            up_done,
            down_done: false,
            stray: 0,
            stream: parts.stream,
            ending: None,
            cut_told: false,
            end: None,
            timer: None,
            patience: parts.patience,
            slow: None,
            opened_ns: parts.clock.ticks_ns(),
            telemetry: parts.telemetry,
            clock: parts.clock,
            _lease: parts.lease,
            _held: parts.held,
            _upstream_use: parts.upstream_use,
        }
    }

    const fn relays_answer_alone(&self) -> bool {
        matches!(self.down.follow, Follow::Body(..))
    }

    fn poll_relay(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // By the clock and before any bytes move: a timer asks the task's budget, of which a busy stream leaves it none.
        if self.timer.as_ref().is_some_and(|timer| timer.deadline() <= Instant::now()) {
            return self.time_is_over();
        }
        if self.ending.is_none()
            && let Poll::Ready(reason) = self.stream.poll_cut(cx)
        {
            self.begin_end(reason);
            // Thousands may be cut at once. Each client is told first, and the rest is done behind all others that are told.
            let told = self.poll_down(cx);
            if told.is_pending() {
                cx.waker().wake_by_ref();
            }
            return told;
        }
        self.poll_flows(cx)
    }

    fn poll_flows(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.stream.silence.wants_ping() && self.down.say(&PING) {
            self.stream.silence.pinged();
        }
        if self.poll_up(cx).is_ready() || self.poll_down(cx).is_ready() {
            return Poll::Ready(());
        }
        if self.ending.is_none() && self.poll_slow(cx).is_ready() {
            self.begin_end(CutReason::Stalled);
            return self.poll_flows(cx);
        }
        self.stream.received.store(self.up.moved, Ordering::Relaxed);
        self.stream.sent.store(self.down.moved, Ordering::Relaxed);
        self.stream.held_back.store(self.up.is_held_back(), Ordering::Relaxed);
        self.stream.received_messages.store(self.up.messages(), Ordering::Relaxed);
        self.stream.sent_messages.store(self.down.messages(), Ordering::Relaxed);
        self.poll_done(cx)
    }

    /// Whether `sink`, whose own last byte has been read, is closed with the tunnel's end: to shut it down just before would be a
    /// system call, and an event for ourselves, that nobody else can tell from the closing. TLS has a word to say first.
    fn ends_by_closing<T: OverTcp>(&self, sink: &MaybeTls<T>) -> bool {
        self.ending.is_none() && !self.relays_answer_alone() && !sink.is_secure()
    }

    /// Moves what the client sends. Ready if the tunnel is over with it.
    fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.up_done {
            return Poll::Pending;
        }
        self.up.closes_sink(self.down_done && self.ends_by_closing(&self.upstream));
        match self.up.poll_move(&mut self.client, &mut self.upstream, cx) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => {
                self.up_done = true;
                self.note_end(Initiator::Client, "closed");
            }
            Poll::Ready(Err(_)) if self.ending.is_some() => self.up_done = true,
            Poll::Ready(Err(Broken::Forbidden(reason))) => {
                self.begin_end(reason);
                return self.poll_up(cx);
            }
            Poll::Ready(Err(broken)) => return self.broke(broken, Initiator::Client, Initiator::Upstream),
        }
        Poll::Pending
    }

    /// Moves what the client is sent. Ready if the tunnel is over with it.
    fn poll_down(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.down_done {
            return Poll::Pending;
        }
        self.down.closes_sink(self.up_done && self.ends_by_closing(&self.client));
        match self.down.poll_move(&mut self.upstream, &mut self.client, cx) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => {
                self.down_done = true;
                self.note_end(Initiator::Upstream, "closed");
                self.tell_cut();
            }
            Poll::Ready(Err(broken)) => return self.broke(broken, Initiator::Upstream, Initiator::Client),
        }
        Poll::Pending
    }

    /// Ready when the client has been waited for long enough.
    fn poll_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (taken, is_blocked) = (self.down.taken(), self.down.is_blocked());
        if !is_blocked && self.slow.is_none() {
            return Poll::Pending;
        }
        let patience = self.patience;
        let slow = self.slow.get_or_insert_with(|| Box::new(Slow { pace: Pace::new(patience), taken }));
        let moved = usize::try_from(taken - slow.taken).unwrap_or(usize::MAX);
        slow.taken = taken;
        if moved > 0 {
            // What was taken is no error.
            let _ = slow.pace.judge(cx, Poll::Ready(Ok(moved)));
        }
        if is_blocked { slow.pace.judge(cx, Poll::Pending).map(drop) } else { Poll::Pending }
    }
}

impl Future for Tunnel {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.get_mut().poll_relay(cx)
    }
}
