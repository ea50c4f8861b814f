use std::io::Cursor;

use super::*;
use proptest::prelude::*;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{
        Role, WebSocket,
        frame::{
            Frame, FrameHeader, FrameSocket,
            coding::{Control, Data, OpCode},
        },
    },
};

/// A frame of a stream that keeps to the RFC, by its first byte's parts and its length.
type Piece = (OpCode, bool, usize);

/// Messages in fragments, with control frames between those.
fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let length = || prop_oneof![0usize..130, 65_530usize..65_540, Just(126), Just(127)];
    let pings = || proptest::collection::vec(0usize..=125, 0..2);
    let fragments = proptest::collection::vec((length(), pings()), 1..4);
    let messages = proptest::collection::vec((any::<bool>(), fragments), 1..4);
    messages.prop_map(|messages| {
        let mut pieces = Vec::new();
        for (text, fragments) in messages {
            let last = fragments.len() - 1;
            for (nth, (length, pings)) in fragments.into_iter().enumerate() {
                let kind = match (nth, text) {
                    (0, true) => Data::Text,
                    (0, false) => Data::Binary,
                    (_, _) => Data::Continue,
                };
                pieces.push((OpCode::Data(kind), nth == last, length));
                pieces.extend(pings.into_iter().map(|length| (OpCode::Control(Control::Ping), true, length)));
            }
        }
        pieces
    })
}

/// The bytes of these frames, and where each ends.
fn sent(pieces: &[Piece], masked: bool) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut ends) = (Vec::new(), vec![0]);
    for &(opcode, fin, length) in pieces {
        // Bytes that are text, and in which any two could be a Close frame's header if they were read.
        let header = FrameHeader { is_final: fin, opcode, mask: masked.then_some([0; 4]), ..FrameHeader::default() };
        let frame = Frame::from_payload(header, vec![0x08; length].into());
        frame.format(&mut bytes).unwrap();
        ends.push(bytes.len());
    }
    (bytes, ends)
}

/// Notes what it is asked, and refuses at one question.
#[derive(Default)]
struct Notes {
    starts: Vec<FrameStart>,
    sizes: Vec<FrameSize>,
    refuse_start: Option<usize>,
    refuse_size: Option<usize>,
}

impl FrameRule for Notes {
    fn begins(&mut self, frame: FrameStart) -> bool {
        self.starts.push(frame);
        self.refuse_start != Some(self.starts.len())
    }

    fn goes_on(&mut self, frame: FrameSize) -> bool {
        self.sizes.push(frame);
        self.refuse_size != Some(self.sizes.len())
    }
}

proptest! {
    #[test]
    fn frames_and_messages_are_tungstenites_however_the_bytes_are_split(pieces in pieces(), masked: bool, split in 1usize..50) {
        let (bytes, ends) = sent(&pieces, masked);
        let (mut tracker, mut notes) = (FrameTracker::default(), Notes::default());
        for (at, chunk) in bytes.chunks(split).enumerate() {
            prop_assert_eq!(tracker.feed_while(chunk, &mut notes), chunk.len());
            let seen = at * split + chunk.len();
            prop_assert_eq!(tracker.at_boundary(), ends.contains(&seen), "after {} bytes", seen);
        }
        let mut frames = FrameSocket::new(Cursor::new(bytes.clone()));
        for (start, size) in notes.starts.iter().zip(&notes.sizes) {
            let theirs = frames.read(None).unwrap().unwrap();
            prop_assert_eq!(start.first & 0x8f, u8::from(theirs.header().opcode) | if theirs.header().is_final { 0x80 } else { 0 });
            prop_assert_eq!(size.payload, theirs.payload().len() as u64);
            prop_assert_eq!(usize::from(size.header) + theirs.payload().len(), theirs.len());
        }
        prop_assert!(frames.read(None).unwrap().is_none());
        prop_assert_eq!((tracker.frames(), tracker.is_closing()), (pieces.len() as u64, false));

        let role = if masked { Role::Server } else { Role::Client };
        let mut socket = WebSocket::from_raw_socket(Quiet(Cursor::new(bytes)), role, None);
        let mut theirs = Vec::new();
        while let Ok(message) = socket.read() {
            if let Message::Text(_) | Message::Binary(_) = message {
                theirs.push(message.len());
            }
        }
        let last_frames = notes.starts.iter().zip(&notes.sizes).filter(|(start, _)| start.first & 0x88 == 0x80);
        let ours: Vec<_> = last_frames.map(|(_, size)| size.message as usize).collect();
        prop_assert_eq!(&ours, &theirs);
        prop_assert_eq!((tracker.messages(), notes.starts.iter().filter(|start| start.begins_message).count()), (ours.len() as u64, ours.len()));
    }

    #[test]
    fn any_bytes_have_the_same_events_however_they_are_split(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        split in 1usize..20,
    ) {
        let (mut whole, mut split_up) = (FrameTracker::default(), FrameTracker::default());
        let (mut at_once, mut in_parts) = (Notes::default(), Notes::default());
        whole.feed_while(&bytes, &mut at_once);
        for chunk in bytes.chunks(split) {
            split_up.feed_while(chunk, &mut in_parts);
        }
        prop_assert_eq!(whole, split_up);
        prop_assert_eq!((at_once.starts, at_once.sizes), (in_parts.starts, in_parts.sizes));
    }

    #[test]
    fn what_is_refused_does_not_pass_however_the_bytes_are_split(
        pieces in pieces(), masked: bool, split in 1usize..50, nth in 1usize..6, by_size: bool,
    ) {
        prop_assume!(nth <= pieces.len());
        let (bytes, ends) = sent(&pieces, masked);
        let refusing = || if by_size {
            Notes { refuse_size: Some(nth), ..Notes::default() }
        } else {
            Notes { refuse_start: Some(nth), ..Notes::default() }
        };
        let mut tracker = FrameTracker::default();
        prop_assert_eq!(tracker.feed_while(&bytes, &mut refusing()), ends[nth - 1], "a whole frame is refused from its first byte on");
        prop_assert!(tracker.at_boundary());
        let mut before = FrameTracker::default();
        before.feed(&bytes[..ends[nth - 1]]);
        prop_assert_eq!(tracker, before, "as if it had not come");

        let (mut tracker, mut rule, mut passed) = (FrameTracker::default(), refusing(), 0);
        for chunk in bytes.chunks(split) {
            let here = tracker.feed_while(chunk, &mut rule);
            passed += here;
            if here < chunk.len() {
                break;
            }
        }
        let header = rule.sizes.last().map_or(0, |size| usize::from(size.header));
        let most = if by_size { ends[nth - 1] + header } else { ends[nth - 1] };
        prop_assert!((ends[nth - 1]..=most).contains(&passed), "{} of {} to {}", passed, ends[nth - 1], most);
    }
}

/// Reads only: what tungstenite would answer goes nowhere.
struct Quiet(Cursor<Vec<u8>>);

impl std::io::Read for Quiet {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl std::io::Write for Quiet {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn where_no_messages_pass_only_whole_control_frames_do() {
    let (ping, text) = ([0x89, 0x81, 0, 0, 0, 0, 9], [0x81, 0x80, 0, 0, 0, 0]);
    let passed = |bytes: &[u8]| FrameTracker::default().feed_while(bytes, &mut ControlsOnly);
    assert_eq!(passed(&[ping, ping].concat()), 14);
    assert_eq!(passed(&[&ping[..], &text].concat()), 7);
    for first in [0x00, 0x01, 0x02, 0x80, 0x82, 0x08, 0x09, 0x8b, 0xc9, 0xff] {
        assert_eq!(passed(&[first, 0x80]), 0, "{first:#x}");
    }
    // A control frame with an extended length is refused before any byte of that.
    for code in [0xfe, 0xff, 0x7e] {
        let mut tracker = FrameTracker::default();
        assert_eq!((tracker.feed_while(&[0x89], &mut ControlsOnly), tracker.feed_while(&[code], &mut ControlsOnly)), (1, 0));
    }
}

#[test]
fn a_fragment_that_goes_on_with_nothing_is_a_message() {
    let mut tracker = FrameTracker::default();
    // Two whole fragments of nothing, a text that never ends and another one, which goes on twice.
    tracker.feed(&[0x80, 0, 0x80, 0, 0x01, 0, 0x01, 1, b'a', 0x00, 1, b'b', 0x89, 0, 0x80, 1, b'c']);
    assert_eq!((tracker.frames(), tracker.messages(), tracker.message), (7, 4, 3));
}

#[test]
fn lengths_beyond_all_measure_are_held_at_the_largest() {
    let mut tracker = FrameTracker::default();
    let mut notes = Notes::default();
    tracker.feed_while(&[0x01, 1, b'a', 0x80, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &mut notes);
    assert_eq!(notes.sizes.last().map(|size| (size.payload, size.message)), Some((u64::MAX, u32::MAX)));
    assert!(!tracker.at_boundary());
}

#[test]
fn its_state_is_a_few_words() {
    assert_eq!(size_of::<FrameTracker>(), 32);
}
