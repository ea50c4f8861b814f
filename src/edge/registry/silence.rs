//! How long a stream has lived and been silent, seen from outside: whoever looks compares what has flowed with what had at the last
//! look. So an idle stream needs no timer, and a busy one no clock.
//!
//! Knows nothing of what flows.

use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering::Relaxed};

use super::{CutReason, LiveStream};
use crate::{
    downstream::{StreamSpans, Streams},
    gate::request::Transport,
};

/// What the last look saw. One looks at a time.
#[derive(Debug)]
pub struct Silence {
    moved: AtomicU64,
    moved_ms: AtomicI64,
    heard: AtomicU64,
    heard_ms: AtomicI64,
    ping: AtomicU8,
}

/// No ping is due.
const NO_PING: u8 = 0;
/// The tunnel should send one when it can.
const WANTED: u8 = 1;
/// It has.
const SENT: u8 = 2;
/// And the answer is waited for, since `heard_ms`.
const AWAITED: u8 = 3;

impl Silence {
    /// Of a stream that opens at `now_ms`.
    #[must_use]
    pub const fn since(now_ms: i64) -> Self {
        Self {
            moved: AtomicU64::new(0),
            moved_ms: AtomicI64::new(now_ms),
            heard: AtomicU64::new(0),
            heard_ms: AtomicI64::new(now_ms),
            ping: AtomicU8::new(NO_PING),
        }
    }

    /// Whether the client should be pinged.
    #[must_use]
    pub fn wants_ping(&self) -> bool {
        self.ping.load(Relaxed) == WANTED
    }

    /// It was.
    pub fn pinged(&self) {
        self.ping.store(SENT, Relaxed);
    }

    fn begin_anew(&self, now_ms: i64) {
        self.moved_ms.store(now_ms, Relaxed);
        self.heard_ms.store(now_ms, Relaxed);
        self.ping.store(NO_PING, Relaxed);
    }

    /// How long nothing has flowed, of a stream through which `moved` bytes have gone; as exact as the looks are frequent.
    fn idle_so_far_ms(&self, moved: u64, now_ms: i64) -> i64 {
        if self.moved.load(Relaxed) == moved { now_ms - self.moved_ms.load(Relaxed) } else { 0 }
    }

    fn idle_ms(&self, moved: u64, now_ms: i64) -> i64 {
        if self.moved.swap(moved, Relaxed) != moved {
            self.moved_ms.store(now_ms, Relaxed);
        }
        now_ms - self.moved_ms.load(Relaxed)
    }

    /// Whether a ping has gone unanswered for as long as `after_ms`; asks for one where it is time.
    fn unanswered(&self, heard: u64, after_ms: i64, now_ms: i64, wake: impl FnOnce()) -> bool {
        if self.heard.swap(heard, Relaxed) != heard {
            self.ping.store(NO_PING, Relaxed);
            self.heard_ms.store(now_ms, Relaxed);
            return false;
        }
        let is_time = now_ms - self.heard_ms.load(Relaxed) >= after_ms;
        match self.ping.load(Relaxed) {
            AWAITED => return is_time,
            SENT => {
                self.ping.store(AWAITED, Relaxed);
                self.heard_ms.store(now_ms, Relaxed);
            }
            _ if is_time => {
                self.ping.store(WANTED, Relaxed);
                // Also where it was wanted before: between two frames it could not be sent, perhaps.
                wake();
            }
            _ => {}
        }
        false
    }
}

impl LiveStream {
    /// Why the stream must end at `now_ms`, though nothing has changed but the time.
    #[must_use]
    pub fn overdue(&self, spans: &Streams, now_ms: i64) -> Option<CutReason> {
        if self.until_ms() <= now_ms {
            return Some(CutReason::Expired);
        }
        match self.transport {
            Transport::WebSocket => self.is_beyond(&spans.websocket, now_ms),
            Transport::EventStream => self.is_beyond(&spans.event_stream, now_ms),
            Transport::Http => None,
        }
    }

    /// How long nothing has flowed in it at `now_ms`, in milliseconds, to about a second; `None` of a plain exchange, which nobody
    /// looks at.
    #[must_use]
    pub fn idle_ms(&self, now_ms: i64) -> Option<i64> {
        let moved = self.received.load(Relaxed).wrapping_add(self.sent.load(Relaxed));
        self.transport.is_stream().then(|| self.silence.idle_so_far_ms(moved, now_ms).max(0))
    }

    fn is_beyond(&self, spans: &StreamSpans, now_ms: i64) -> Option<CutReason> {
        let (received, sent) = (self.received.load(Relaxed), self.sent.load(Relaxed));
        if spans.max_age.is_some_and(|age| now_ms - self.opened_ms >= spread(millis(age), self.opened_ms)) {
            return Some(CutReason::MaxAge);
        }
        if self.held_back.load(Relaxed) {
            // Who is not read from cannot be heard: neither a word of the client nor its answer to a ping.
            self.silence.begin_anew(now_ms);
            return None;
        }
        // Both are looked at each time, so that a span that is set later begins at the last byte.
        let idle_ms = self.silence.idle_ms(received.wrapping_add(sent), now_ms);
        if spans.idle.is_some_and(|idle| idle_ms >= millis(idle)) {
            return Some(CutReason::Idle);
        }
        let after_ms = spans.ping.map_or(i64::MAX, millis);
        self.silence.unanswered(received, after_ms, now_ms, || self.wake()).then_some(CutReason::Unanswered)
    }
}

fn millis(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// An age between nine tenths of `age_ms` and the whole: streams that began together, after a restart, must not end together.
fn spread(age_ms: i64, opened_ms: i64) -> i64 {
    const TENTHS: i64 = 1000;
    // Multiplicative hashing (Knuth, The Art of Computer Programming 6.4): moments beside each other come far apart.
    let share = opened_ms.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed()).rem_euclid(TENTHS);
    age_ms - age_ms / (10 * TENTHS) * share
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::Ipv4Addr, time::Duration};

    const MINUTE: Duration = Duration::from_secs(60);
    const MINUTE_MS: i64 = 60_000;

    fn stream() -> LiveStream {
        LiveStream::new(None, Transport::WebSocket, Ipv4Addr::LOCALHOST.into(), i64::MAX, 0)
    }

    #[test]
    fn a_silent_stream_is_idle_and_one_that_flows_is_not() {
        let (stream, spans) = (stream(), StreamSpans { idle: Some(MINUTE), ..StreamSpans::default() });
        assert_eq!(stream.is_beyond(&spans, MINUTE_MS - 1), None);
        stream.sent.store(1, Relaxed);
        assert_eq!(stream.is_beyond(&spans, MINUTE_MS), None);
        stream.received.store(1, Relaxed);
        assert_eq!(stream.idle_ms(2 * MINUTE_MS), Some(0), "it has flowed since the last look");
        assert_eq!(stream.is_beyond(&spans, 2 * MINUTE_MS), None);
        assert_eq!(stream.idle_ms(2 * MINUTE_MS + 7), Some(7));
        assert_eq!(stream.is_beyond(&spans, 3 * MINUTE_MS - 1), None);
        assert_eq!(stream.is_beyond(&spans, 3 * MINUTE_MS), Some(CutReason::Idle));
        assert_eq!(stream.is_beyond(&StreamSpans::default(), i64::MAX), None, "without a span");
    }

    #[test]
    fn a_client_is_pinged_and_waited_for() {
        let (stream, spans) = (stream(), StreamSpans { ping: Some(MINUTE), ..StreamSpans::default() });
        stream.sent.store(7, Relaxed);
        assert_eq!((stream.is_beyond(&spans, MINUTE_MS - 1), stream.silence.wants_ping()), (None, false));
        assert_eq!((stream.is_beyond(&spans, MINUTE_MS), stream.silence.wants_ping()), (None, true));
        // As long as it could not be sent, nobody has to answer.
        assert_eq!(stream.is_beyond(&spans, 9 * MINUTE_MS), None);
        stream.silence.pinged();
        assert_eq!((stream.is_beyond(&spans, 9 * MINUTE_MS), stream.silence.wants_ping()), (None, false));
        stream.received.store(6, Relaxed);
        assert_eq!(stream.is_beyond(&spans, 10 * MINUTE_MS), None, "answered");
        assert_eq!(stream.is_beyond(&spans, 11 * MINUTE_MS), None);
        stream.silence.pinged();
        assert_eq!(stream.is_beyond(&spans, 11 * MINUTE_MS), None);
        assert_eq!(stream.is_beyond(&spans, 12 * MINUTE_MS - 1), None);
        assert_eq!(stream.is_beyond(&spans, 12 * MINUTE_MS), Some(CutReason::Unanswered));
    }

    #[test]
    fn a_client_that_is_held_back_is_not_waited_for() {
        let spans = StreamSpans { idle: Some(2 * MINUTE), ping: Some(MINUTE), ..StreamSpans::default() };
        let stream = stream();
        assert_eq!((stream.is_beyond(&spans, MINUTE_MS), stream.silence.wants_ping()), (None, true));
        stream.silence.pinged();
        assert_eq!(stream.is_beyond(&spans, MINUTE_MS), None);
        stream.held_back.store(true, Relaxed);
        assert_eq!((stream.is_beyond(&spans, 9 * MINUTE_MS), stream.silence.wants_ping()), (None, false));
        stream.held_back.store(false, Relaxed);
        assert_eq!((stream.is_beyond(&spans, 10 * MINUTE_MS), stream.silence.wants_ping()), (None, true));
        assert_eq!(stream.is_beyond(&spans, 11 * MINUTE_MS), Some(CutReason::Idle));
    }

    #[test]
    fn streams_of_one_moment_end_over_a_tenth_of_their_age() {
        let ages: Vec<_> = (0..1000).map(|opened_ms| spread(1_000_000, opened_ms)).collect();
        assert!(ages.iter().all(|age| (900_000..=1_000_000).contains(age)));
        for tenth in 0..10 {
            let within = 900_000 + tenth * 10_000_i64..900_000 + (tenth + 1) * 10_000;
            assert!(ages.iter().copied().filter(|age| within.contains(age)).count() > 50, "{within:?}");
        }
        let spans = StreamSpans { max_age: Some(MINUTE), ..StreamSpans::default() };
        let stream = stream();
        assert_eq!(stream.is_beyond(&spans, MINUTE_MS * 9 / 10 - 1), None);
        assert_eq!(stream.is_beyond(&spans, MINUTE_MS), Some(CutReason::MaxAge));
    }
}
