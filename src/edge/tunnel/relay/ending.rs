//! How a tunnel ends: by the gate's word, by one side's, or by the clock, and what is reported of it.

use std::{
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::sleep;

use super::Tunnel;
use crate::{
    edge::{
        body::{BodyFraming, LAST_CHUNK, last_chunks},
        registry::CutReason,
        scratch::poll_read_with,
        tunnel::{
            flow::{Broken, Follow, Last},
            goodbye::{goodbye, goodbye_event},
        },
    },
    telemetry::{Ended, Initiator},
};

/// How long the gate tries to say goodbye before it resets the connection.
const GOODBYE: Duration = Duration::from_millis(200);
/// How long the second half of a connection may outlive the first: nobody may hold a half for ever.
const HALF_CLOSED: Duration = Duration::from_secs(30);
/// What an event stream's client may send behind its request before it is cut: nothing, but for a stray line end.
const MAX_STRAY_BYTES: usize = 1024;

impl Tunnel {
    /// Begins the end: the client's bytes go no further, and both sides are told in their own words.
    pub(super) fn begin_end(&mut self, reason: CutReason) {
        self.ending = Some(reason);
        self.end = Some((Initiator::Gate, reason.name()));
        self.timer = Some(Box::pin(sleep(GOODBYE)));
        match &self.down.follow {
            Follow::Frames(_) | Follow::Controls(_) => {
                self.up.end_now(&Last { between: goodbye(reason, true).into(), inside: b"" });
                self.down.end_at_boundary(Last { between: goodbye(reason, false).into(), inside: b"" });
            }
            Follow::Body(BodyFraming::Chunked(_), events) => {
                let word = events.map(|_| goodbye_event(reason)).unwrap_or_default();
                self.down.end_at_boundary(Last { between: last_chunks(&word).into(), inside: LAST_CHUNK });
            }
            Follow::Body(BodyFraming::UntilClose, events) => {
                let word = events.map(|_| goodbye_event(reason)).unwrap_or_default();
                self.down.end_now(&Last { between: word.into(), inside: b"" });
            }
            Follow::Body(BodyFraming::Length(_), _) => self.down.end_now(&Last::nothing()),
        }
    }

    pub(super) fn note_end(&mut self, initiator: Initiator, reason: &'static str) {
        self.end.get_or_insert((initiator, reason));
    }

    /// A side that breaks off breaks off the other: it must not take half of something for the end.
    pub(super) fn broke(&mut self, broken: Broken, source: Initiator, sink: Initiator) -> Poll<()> {
        match (broken, source) {
            (Broken::Source, Initiator::Upstream) if !self.down.has_said_goodbye() => self.client.reset(),
            (Broken::Source, Initiator::Client) if !self.up.has_said_goodbye() => self.upstream.reset(),
            // A reset overtakes what was said before, and to whom nothing can be sent has often left after its last word.
            _ => {}
        }
        self.note_end(if broken == Broken::Source { source } else { sink }, "reset");
        Poll::Ready(())
    }

    /// Whether nothing is left to do, or to wait for.
    pub(super) fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let one_way = self.relays_answer_alone() || self.ending.is_some() && self.up_done;
        if one_way && self.poll_stray(cx).is_ready() {
            // The client has left, or has seen the goodbye and closed its side.
            self.note_end(Initiator::Client, "closed");
            return Poll::Ready(());
        }
        if self.up_done && self.down_done && self.ending.is_none() {
            return Poll::Ready(());
        }
        if self.ending.is_none() && (self.up_done && !self.relays_answer_alone() || self.down_done) && self.timer.is_none() {
            self.timer = Some(Box::pin(sleep(HALF_CLOSED)));
        }
        let Some(timer) = &mut self.timer else { return Poll::Pending };
        ready!(timer.as_mut().poll(cx));
        self.time_is_over()
    }

    /// Reads what the client sends where nothing may be sent, to learn of its leaving.
    fn poll_stray(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match poll_read_with(&mut self.client, cx, MAX_STRAY_BYTES, |_, bytes| bytes.len()) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(stray)) => self.stray += stray,
            }
            if self.stray > MAX_STRAY_BYTES && self.ending.is_none() {
                return Poll::Ready(());
            }
        }
    }

    pub(super) fn time_is_over(&mut self) -> Poll<()> {
        if self.ending.is_some() && !self.down_done {
            self.telemetry.forced_reset();
            self.client.reset();
        }
        Poll::Ready(())
    }

    /// Reports, once, how long after the change of keys the client was sent its last byte.
    pub(super) fn tell_cut(&mut self) {
        let by_keys = self.ending.is_some_and(CutReason::takes_a_right_away);
        if by_keys && !std::mem::replace(&mut self.cut_told, true) {
            let now = self.clock.ticks_ns();
            self.telemetry.cut(Duration::from_nanos(now.saturating_sub(self.stream.cut_at_ns())));
        }
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let now = self.clock.ticks_ns();
        let (initiator, reason) = self.end.unwrap_or((Initiator::Gate, "shutdown"));
        let lived = Duration::from_nanos(now.saturating_sub(self.opened_ns));
        let (received, sent) = (self.up.moved, self.down.moved);
        let messages = [self.up.messages(), self.down.messages()];
        self.telemetry.ended(&Ended { transport: self.stream.transport, initiator, reason, lived, received, sent, messages });
        self.tell_cut();
    }
}
