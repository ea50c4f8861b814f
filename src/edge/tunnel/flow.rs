//! One direction of a tunnel: what was read and not yet written, what is owed, and where in the messages it is.

mod follow;
mod owed;

use std::{
    io,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite};

pub use self::follow::Follow;
use self::{follow::Followed, owed::Owed};
use super::meter::{Held, Meter};
use crate::edge::{registry::CutReason, scratch::poll_read_with};

/// The most that is read before the writer is asked: with a slow reader, this much is held for it and no more.
const READ_LIMIT: usize = 64 * 1024;

/// Who broke a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The side that is read from.
    Source,
    /// The side that is written to.
    Sink,
    /// Nobody: what came must not pass, and nothing of it did.
    Forbidden(CutReason),
}

/// What follows the last bytes of the source.
#[derive(Debug)]
pub struct Last {
    /// Between two messages.
    pub between: Box<[u8]>,
    /// In an event that will not become whole.
    pub inside: &'static [u8],
}

impl Last {
    /// Nothing at all.
    #[must_use]
    pub fn nothing() -> Self {
        Self { between: Box::default(), inside: b"" }
    }
}

/// One direction. Holds memory only while its sink is slower than its source.
pub struct Flow {
    pub follow: Follow,
    /// The limits of what flows, where there are some.
    meter: Option<Box<Meter>>,
    owed: Owed,
    /// Set: what is read is passed on up to the next boundary only, and this follows it.
    last: Option<Last>,
    ended: bool,
    forbidden: Option<CutReason>,
    /// Bytes that were passed on.
    pub moved: u64,
}

impl Flow {
    /// A flow that begins with bytes which came early.
    #[must_use]
    pub fn new(follow: Follow, early: &[u8]) -> Self {
        let mut flow = Self { follow, meter: None, owed: Owed::default(), last: None, ended: false, forbidden: None, moved: 0 };
        let (taken, ended) = flow.take(early);
        flow.owed.push(&early[..taken]);
        flow.moved = taken as u64;
        flow.ended = ended;
        flow
    }

    /// A flow under limits; what came early waits in its meter.
    #[must_use]
    pub fn metered(follow: Follow, meter: Meter) -> Self {
        Self { meter: Some(Box::new(meter)), ..Self::new(follow, b"") }
    }

    /// Moves what can be moved. Ready once the source has ended and the sink has been told.
    pub fn poll_move<R, W>(&mut self, from: &mut R, to: &mut W, cx: &mut Context<'_>) -> Poll<Result<(), Broken>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            ready!(self.owed.poll_settle(to, cx)).map_err(|_| Broken::Sink)?;
            if let Some(reason) = self.forbidden.take() {
                return Poll::Ready(Err(Broken::Forbidden(reason)));
            }
            if self.ended {
                return self.owed.poll_shut(to, cx).map_err(|_| Broken::Sink);
            }
            if let Some(meter) = &mut self.meter {
                ready!(meter.poll_wait(cx));
                if let Some(held) = meter.take_held() {
                    self.move_held(held, to, cx).map_err(|_| Broken::Sink)?;
                    continue;
                }
            }
            let limit = self.meter.as_ref().map_or(READ_LIMIT, |meter| meter.read_limit().min(READ_LIMIT));
            let read = poll_read_with(from, cx, limit, |cx, bytes| {
                if bytes.is_empty() {
                    self.ended = true;
                    return Ok(());
                }
                let (taken, ended) = self.take(bytes);
                self.ended = ended;
                self.pass_on(to, cx, &bytes[..taken])?;
                if let Some(meter) = self.meter.as_mut().filter(|_| !ended && taken < bytes.len()) {
                    meter.hold(Held::rest_of(bytes, taken));
                }
                if let Some(last) = self.last.take_if(|_| ended) {
                    self.say_last(&last);
                }
                Ok(())
            });
            ready!(read).map_err(|_| Broken::Source)?.map_err(|_: io::Error| Broken::Sink)?;
        }
    }

    /// Whether the sink is closed as soon as this ends, which tells it as much as to be shut down first.
    pub const fn closes_sink(&mut self, closes: bool) {
        self.owed.is_closed_after = closes;
    }

    /// Reads no more; writes what is pending, then `last`, then tells the sink. If `last` would stand inside a message, it is left
    /// out.
    pub fn end_now(&mut self, last: &Last) {
        if self.at_boundary() {
            self.say_last(last);
        }
        self.ended = true;
    }

    fn say_last(&mut self, last: &Last) {
        self.owed.push(if self.follow.is_inside_event() { last.inside } else { &last.between });
    }

    /// Says something of our own, if a message of ours may go here now. Returns whether it may.
    pub fn say(&mut self, message: &[u8]) -> bool {
        let may = !self.ended && self.last.is_none() && self.at_boundary();
        if may {
            self.owed.push(message);
        }
        may
    }

    /// Whether the source has said its last word: a Close frame, or all of an answer.
    #[must_use]
    pub const fn has_said_goodbye(&self) -> bool {
        self.follow.has_said_goodbye()
    }

    /// Bytes that the sink has taken, of all that were passed on.
    #[must_use]
    pub const fn taken(&self) -> u64 {
        self.moved.saturating_sub(self.owed.waiting() as u64)
    }

    /// Whether bytes wait for the sink to take them.
    #[must_use]
    pub const fn is_blocked(&self) -> bool {
        self.owed.waiting() > 0
    }

    /// Like [`Flow::end_now`], but reads on to the end of the message that is under way.
    pub fn end_at_boundary(&mut self, last: Last) {
        if self.ended || self.follow.is_closing() || self.at_boundary() {
            self.end_now(&last);
        } else {
            self.last = Some(last);
        }
    }

    /// Whether a message of our own may follow what was passed on and what is pending.
    #[must_use]
    pub const fn at_boundary(&self) -> bool {
        self.follow.at_boundary()
    }

    /// How many of `bytes` belong to the stream, and whether it ends with them.
    fn take(&mut self, bytes: &[u8]) -> (usize, bool) {
        if self.last.is_some() {
            let boundary = (0..bytes.len()).find(|&at| {
                self.feed(&bytes[at..=at]);
                self.at_boundary()
            });
            return boundary.map_or((bytes.len(), false), |at| (at + 1, true));
        }
        self.feed(bytes)
    }

    fn feed(&mut self, bytes: &[u8]) -> (usize, bool) {
        let Followed { passed, ended, forbidden } = self.follow.feed(bytes, self.meter.as_deref_mut());
        self.forbidden = forbidden;
        (passed, ended)
    }

    /// Passes on what of `held` may go on by now.
    fn move_held<W: AsyncWrite + Unpin>(&mut self, mut held: Held, to: &mut W, cx: &mut Context<'_>) -> io::Result<()> {
        let (taken, ended) = self.take(held.bytes());
        self.ended = ended;
        self.pass_on(to, cx, &held.bytes()[..taken])?;
        held.went_on(taken);
        if let Some(meter) = &mut self.meter {
            meter.hold(held);
        }
        Ok(())
    }

    /// Whether the source is not read from for a while, to keep it to its limits.
    #[must_use]
    pub fn is_held_back(&self) -> bool {
        self.meter.as_ref().is_some_and(|meter| meter.is_waiting())
    }

    /// Messages that began in it.
    #[must_use]
    pub const fn messages(&self) -> u64 {
        self.follow.messages()
    }

    fn pass_on<W: AsyncWrite + Unpin>(&mut self, to: &mut W, cx: &mut Context<'_>, bytes: &[u8]) -> io::Result<()> {
        self.moved += bytes.len() as u64;
        self.owed.write_or_keep(to, cx, bytes)
    }
}

#[cfg(test)]
mod tests;
