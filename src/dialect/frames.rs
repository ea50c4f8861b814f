//! WebSocket frames (RFC 6455 section 5.2): where one ends and the next begins, which messages they carry and how large those are, in
//! 32 bytes of state.
//!
//! One walk over the bytes, in which payload is skipped and never read. What may pass is a rule's to say, which is asked twice in a frame: at its
//! first byte, and as soon as its length is known.

/// Follows the frames in one direction of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameTracker {
    /// The length so far while the header is read, and from then on the bytes of the payload still to come.
    left: u64,
    /// Frames that began.
    frames: u64,
    /// Messages that began.
    messages: u64,
    /// What the frames of the message under way, or else of the last one, have as payload so far, their announced lengths included.
    message: u32,
    /// Bytes of the header that were seen, or 0 between frames and in a payload.
    header_seen: u8,
    /// Bytes of the header that there will be, as far as is known.
    header_len: u8,
    flags: u8,
}

/// A Close frame began: nothing may follow it (section 5.5.1).
const CLOSING: u8 = 1;
/// A message began whose last fragment did not (section 5.4).
const IN_MESSAGE: u8 = 2;
/// The frame under way is a control frame.
const CONTROL: u8 = 4;

/// What may pass, frame by frame. What is refused stays refused: whoever asks again from the same place on asks the rule again.
pub trait FrameRule {
    /// Whether a frame may begin.
    fn begins(&mut self, frame: FrameStart) -> bool;
    /// Whether the frame that began may go on, now that its length is known.
    fn goes_on(&mut self, frame: FrameSize) -> bool;
}

/// A frame of which the first byte is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameStart {
    /// FIN, the extension bits and the opcode.
    pub first: u8,
    /// Whether a message begins with it: a data frame that goes on with none.
    pub begins_message: bool,
}

/// A frame of which the length is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameSize {
    /// Of its header.
    pub header: u8,
    /// Of its payload, as sent: compressed, if it is. Of a control frame with an extended length, which section 5.5 forbids, 126 or 127.
    pub payload: u64,
    /// Of its message up to and with it, as sent; `u32::MAX` is that much or more. 0 for a control frame.
    pub message: u32,
}

/// Everything passes.
impl FrameRule for () {
    fn begins(&mut self, _: FrameStart) -> bool {
        true
    }

    fn goes_on(&mut self, _: FrameSize) -> bool {
        true
    }
}

/// No frame that carries a message passes, and no other that is no control frame as section 5.5 has them: whole, without extension
/// bits, of at most 125 bytes.
#[derive(Clone, Copy, Debug)]
pub struct ControlsOnly;

impl FrameRule for ControlsOnly {
    fn begins(&mut self, frame: FrameStart) -> bool {
        matches!(frame.first, 0x88..=0x8a)
    }

    fn goes_on(&mut self, frame: FrameSize) -> bool {
        frame.payload <= 125
    }
}

impl FrameTracker {
    /// Goes on by `bytes`.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.feed_while(bytes, &mut ());
    }

    /// Goes on by as many of `bytes` as `rule` lets pass, and returns how many. It stops where a frame that may not pass begins; of one
    /// that began in earlier bytes, where its length becomes known, and then the bytes before have passed.
    pub fn feed_while(&mut self, bytes: &[u8], rule: &mut impl FrameRule) -> usize {
        // The last frame that began in these bytes, and what was known before it.
        let mut begun = None;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.header_seen == 0 && self.left > 0 {
                let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len() - at);
                self.left -= here as u64;
                at += here;
                continue;
            }
            if self.header_seen == 0 {
                begun = Some((at, *self));
            }
            if !self.header_byte(byte, rule) {
                let (passed, before) = begun.unwrap_or((at, *self));
                *self = before;
                return passed;
            }
            at += 1;
        }
        at
    }

    /// Whether the last byte that was fed ended a frame (or none was fed): a frame of our own may go here.
    #[must_use]
    pub const fn at_boundary(&self) -> bool {
        self.header_seen == 0 && self.left == 0
    }

    /// Whether a Close frame was seen to begin.
    #[must_use]
    pub const fn is_closing(&self) -> bool {
        self.flags & CLOSING != 0
    }

    /// Frames that began, of all kinds.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Messages that began. A fragment that goes on with no message counts as one: some reader may take it for one.
    #[must_use]
    pub const fn messages(&self) -> u64 {
        self.messages
    }

    /// Takes a byte of a header, unless `rule` refuses the frame by it; then nothing has changed.
    fn header_byte(&mut self, byte: u8, rule: &mut impl FrameRule) -> bool {
        let seen = self.header_seen;
        match seen {
            0 => {
                let (control, data) = (byte & 0x08 != 0, byte & 0x0f != 0);
                let begins_message = !control && (data || self.flags & IN_MESSAGE == 0);
                if !rule.begins(FrameStart { first: byte, begins_message }) {
                    return false;
                }
                self.begin(byte, control, begins_message);
            }
            1 => {
                let mask_len = if byte & 0x80 == 0 { 0 } else { 4 };
                let code = byte & 0x7f;
                let extended = match code {
                    126 => 2,
                    127 => 8,
                    _ => 0,
                };
                let header_len = 2 + extended + mask_len;
                // A control frame's length has no other bytes, or it is none.
                if (extended == 0 || self.flags & CONTROL != 0) && !self.sized(u64::from(code), header_len, rule) {
                    return false;
                }
                self.header_len = header_len;
                self.left = if extended == 0 { u64::from(code) } else { 0 };
            }
            _ if seen < 2 + self.extended_len() => {
                let length = self.left << 8 | u64::from(byte);
                let is_whole = seen + 1 == 2 + self.extended_len();
                if is_whole && self.flags & CONTROL == 0 && !self.sized(length, self.header_len, rule) {
                    return false;
                }
                self.left = length;
            }
            _ => {}
        }
        self.header_seen += 1;
        if self.header_seen == self.header_len {
            self.header_seen = 0;
        }
        true
    }

    fn begin(&mut self, first: u8, control: bool, begins_message: bool) {
        self.frames += 1;
        (self.header_len, self.left) = (2, 0);
        self.flags &= !CONTROL;
        if control {
            self.flags |= CONTROL | if first & 0x0f == 0x8 { CLOSING } else { 0 };
            return;
        }
        if begins_message {
            self.messages += 1;
            self.message = 0;
        }
        self.flags = if first & 0x80 == 0 { self.flags | IN_MESSAGE } else { self.flags & !IN_MESSAGE };
    }

    /// Asks whether a frame of this length may go on, and counts it to its message.
    fn sized(&mut self, payload: u64, header: u8, rule: &mut impl FrameRule) -> bool {
        let control = self.flags & CONTROL != 0;
        let message = self.message.saturating_add(u32::try_from(payload).unwrap_or(u32::MAX));
        let passes = rule.goes_on(FrameSize { header, payload, message: if control { 0 } else { message } });
        if passes && !control {
            self.message = message;
        }
        passes
    }

    /// The header's length less its fixed part and its mask: 2 + 0, 2 or 8, + 0 or 4.
    const fn extended_len(&self) -> u8 {
        match self.header_len {
            4 | 8 => 2,
            10 | 14 => 8,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests;
