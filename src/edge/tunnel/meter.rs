//! What limits say to the bytes that a WebSocket's client sends: they go on, wait, or end the stream.
//!
//! Knows nothing of sockets. Only a tunnel under some limit has one.

use std::{
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

use crate::{
    dialect::{FrameRule, FrameSize, FrameStart, FrameTracker},
    edge::{clock::Clock, registry::CutReason},
    gate::limit::{Allowance, Beyond, StreamLimit},
    telemetry::Telemetry,
};

/// The limits of one tunnel, and what waits for them.
pub struct Meter {
    allowance: Allowance,
    clock: Clock,
    telemetry: Arc<Telemetry>,
    held: Held,
    /// Until then nothing goes on.
    wait: Option<Pin<Box<Sleep>>>,
}

/// Bytes that were read and may not go on yet, at most as many as are read at once.
#[derive(Default)]
pub struct Held {
    bytes: Vec<u8>,
    gone_on: usize,
}

impl Meter {
    /// A meter for a stream whose client has sent these bytes already.
    pub fn new(allowance: Allowance, clock: Clock, telemetry: Arc<Telemetry>, early: &[u8]) -> Self {
        let held = Held { bytes: early.to_vec(), gone_on: 0 };
        Self { allowance, clock, telemetry, held, wait: None }
    }

    /// How many of `bytes` may go on now, or why the stream ends behind them. Of those that may pass by `rule`, what is beyond a limit waits
    /// or ends the stream.
    pub fn pass(&mut self, frames: &mut FrameTracker, bytes: &[u8], rule: impl FrameRule) -> (usize, Option<CutReason>) {
        let now_ns = self.clock.ticks_ns();
        if let Err(beyond) = self.allowance.owes_nothing(now_ns) {
            return (0, self.wait_or_end(beyond));
        }
        let most = self.allowance.most_at_once().min(bytes.len());
        let mut asked = Asked { allowance: &self.allowance, now_ns, rule, refused: None };
        let passed = frames.feed_while(&bytes[..most], &mut asked);
        let refused = asked.refused;
        self.allowance.went_on(passed, now_ns);
        match refused {
            None => (passed, None),
            Some(Refused::Forbidden) => (passed, Some(CutReason::ClientMessage)),
            Some(Refused::Beyond(beyond)) => (passed, self.wait_or_end(beyond)),
        }
    }

    fn wait_or_end(&mut self, beyond: Beyond) -> Option<CutReason> {
        let Some(wait_ns) = beyond.wait_ns else {
            return Some(match beyond.limit {
                StreamLimit::Messages => CutReason::MessageRate,
                StreamLimit::Bytes => CutReason::ByteRate,
                StreamLimit::MessageSize => CutReason::MessageTooBig,
            });
        };
        self.telemetry.throttled(beyond.scope);
        self.wait = Some(Box::pin(sleep(Duration::from_nanos(wait_ns))));
        None
    }

    /// Ready when something may go on again.
    pub fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(wait) = &mut self.wait {
            // By the clock first: a timer asks the task's budget, of which a busy stream leaves it none.
            if wait.deadline() > Instant::now() {
                ready!(wait.as_mut().poll(cx));
            }
            self.wait = None;
        }
        Poll::Ready(())
    }

    /// Whether nothing goes on now.
    pub const fn is_waiting(&self) -> bool {
        self.wait.is_some()
    }

    /// The most that is read at once.
    pub fn read_limit(&self) -> usize {
        self.allowance.most_at_once()
    }

    /// What was held, to be given back to [`Meter::hold`] with what still may not go on; `None` if nothing was.
    pub fn take_held(&mut self) -> Option<Held> {
        (!self.held.bytes.is_empty()).then(|| mem::take(&mut self.held))
    }

    /// Keeps what may not go on yet.
    pub fn hold(&mut self, held: Held) {
        if held.gone_on < held.bytes.len() {
            self.held = held;
        }
    }
}

impl Held {
    /// What of `bytes` did not go on.
    pub fn rest_of(bytes: &[u8], gone_on: usize) -> Self {
        Self { bytes: bytes[gone_on..].to_vec(), gone_on: 0 }
    }

    /// What still may not go on.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.gone_on..]
    }

    /// So many of them went on.
    pub fn went_on(&mut self, count: usize) {
        self.gone_on += count;
    }
}

/// Asks a rule, and then the limits.
struct Asked<'m, R> {
    allowance: &'m Allowance,
    now_ns: u64,
    rule: R,
    refused: Option<Refused>,
}

enum Refused {
    Forbidden,
    Beyond(Beyond),
}

impl<R> Asked<'_, R> {
    fn answer(&mut self, passes: bool, charge: impl FnOnce(&Allowance, u64) -> Result<(), Beyond>) -> bool {
        self.refused = match passes {
            false => Some(Refused::Forbidden),
            true => charge(self.allowance, self.now_ns).err().map(Refused::Beyond),
        };
        self.refused.is_none()
    }
}

impl<R: FrameRule> FrameRule for Asked<'_, R> {
    fn begins(&mut self, frame: FrameStart) -> bool {
        let passes = self.rule.begins(frame);
        self.answer(passes, |allowance, now_ns| if frame.begins_message { allowance.message(now_ns) } else { Ok(()) })
    }

    fn goes_on(&mut self, frame: FrameSize) -> bool {
        let passes = self.rule.goes_on(frame);
        let bytes = frame.payload.saturating_add(u64::from(frame.header));
        self.answer(passes, |allowance, now_ns| allowance.frame(bytes, frame.message, now_ns))
    }
}
