//! What is followed in the bytes of one direction, so that what ends or joins it does so between two messages.

use super::super::meter::Meter;
use crate::{
    dialect::{ControlsOnly, EventTracker, FrameTracker},
    edge::{
        body::{BodyFraming, Fed},
        registry::CutReason,
    },
};

/// What is followed in the bytes that flow.
#[derive(Debug)]
pub enum Follow {
    /// WebSocket frames.
    Frames(FrameTracker),
    /// WebSocket frames, of which those that carry messages must not pass.
    Controls(FrameTracker),
    /// The body of one answer, after which nothing may come; and the events in it, where it is of such.
    Body(BodyFraming, Option<EventTracker>),
}

/// How far a piece of a stream was followed.
pub(super) struct Followed {
    /// How many of its bytes may pass.
    pub passed: usize,
    /// Whether the stream ends with them.
    pub ended: bool,
    /// Why the next one must not pass.
    pub forbidden: Option<CutReason>,
}

impl Follow {
    /// Follows `bytes`, as far as they belong to the stream and `meter` lets them.
    pub(super) fn feed(&mut self, bytes: &[u8], meter: Option<&mut Meter>) -> Followed {
        let (passed, forbidden) = match (self, meter) {
            (Self::Frames(frames), None) => (frames.feed_while(bytes, &mut ()), None),
            (Self::Frames(frames), Some(meter)) => meter.pass(frames, bytes, ()),
            (Self::Controls(frames), None) => {
                let passed = frames.feed_while(bytes, &mut ControlsOnly);
                (passed, (passed < bytes.len()).then_some(CutReason::ClientMessage))
            }
            (Self::Controls(frames), Some(meter)) => meter.pass(frames, bytes, ControlsOnly),
            (Self::Body(body, events), _) => {
                let (passed, ended) = feed_body(body, events, bytes);
                return Followed { passed, ended, forbidden: None };
            }
        };
        Followed { passed, ended: forbidden.is_some(), forbidden }
    }

    /// Whether a message of our own may follow what was followed so far.
    pub(super) const fn at_boundary(&self) -> bool {
        match self {
            Self::Frames(frames) | Self::Controls(frames) => frames.at_boundary() && !frames.is_closing(),
            Self::Body(body, _) => body.at_boundary(),
        }
    }

    /// Whether the last word was said: a Close frame, or all of an answer.
    pub(super) const fn has_said_goodbye(&self) -> bool {
        match self {
            Self::Frames(_) | Self::Controls(_) => self.is_closing(),
            Self::Body(body, _) => body.is_done(),
        }
    }

    /// Whether a Close frame has begun, after which nothing more may be said.
    pub(super) const fn is_closing(&self) -> bool {
        match self {
            Self::Frames(frames) | Self::Controls(frames) => frames.is_closing(),
            Self::Body(..) => false,
        }
    }

    /// Whether an event is under way.
    pub(super) fn is_inside_event(&self) -> bool {
        matches!(self, Self::Body(_, Some(events)) if !events.between())
    }

    /// Messages that began.
    pub(super) const fn messages(&self) -> u64 {
        match self {
            Self::Frames(frames) | Self::Controls(frames) => frames.messages(),
            Self::Body(..) => 0,
        }
    }
}

fn feed_body(body: &mut BodyFraming, events: &mut Option<EventTracker>, bytes: &[u8]) -> (usize, bool) {
    if body.is_done() {
        return (0, true);
    }
    match body.feed_to(bytes, |content| events.iter_mut().for_each(|e| e.feed(content))) {
        Fed::All => (bytes.len(), false),
        Fed::Ended(here) => (here, true),
        Fed::Broken => (0, true),
    }
}
