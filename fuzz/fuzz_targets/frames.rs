//! Frames, messages and their sizes do not depend on how the bytes are split; nor does where a stream is stopped, but for a header.
#![no_main]

use keygate::dialect::{FrameRule, FrameSize, FrameStart, FrameTracker};
use libfuzzer_sys::fuzz_target;

/// What a tracker says of a stream, up to the question that is answered with no.
#[derive(Debug, Default, PartialEq, Eq)]
struct Events {
    starts: Vec<FrameStart>,
    sizes: Vec<FrameSize>,
    refuse: Option<usize>,
}

impl Events {
    fn passes(&self) -> bool {
        self.refuse != Some(self.starts.len() + self.sizes.len())
    }
}

impl FrameRule for Events {
    fn begins(&mut self, frame: FrameStart) -> bool {
        self.starts.push(frame);
        self.passes()
    }

    fn goes_on(&mut self, frame: FrameSize) -> bool {
        self.sizes.push(frame);
        self.passes()
    }
}

/// Feeds pieces up to the one that does not pass whole; returns how many bytes did.
fn walk<'b>(pieces: impl Iterator<Item = &'b [u8]>, refuse: Option<usize>) -> (FrameTracker, Events, usize) {
    let (mut tracker, mut events, mut passed) = (FrameTracker::default(), Events { refuse, ..Events::default() }, 0);
    for piece in pieces {
        let here = tracker.feed_while(piece, &mut events);
        passed += here;
        if here < piece.len() {
            break;
        }
    }
    (tracker, events, passed)
}

fuzz_target!(|input: (Option<u8>, Vec<u8>, Vec<u8>)| {
    let (refuse, splits, bytes) = input;
    let mut rest = bytes.as_slice();
    let mut pieces = Vec::new();
    for length in splits.into_iter().map(usize::from) {
        let (piece, after) = rest.split_at(length.min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    let whole = walk(std::iter::once(bytes.as_slice()), None);
    assert_eq!(whole, walk(pieces.iter().copied(), None));
    assert_eq!(whole, walk(bytes.chunks(1), None));
    assert_eq!((whole.0.frames(), whole.2), (whole.1.starts.len() as u64, bytes.len()));

    let refuse = refuse.map(usize::from);
    let (_, at_once, least) = walk(std::iter::once(bytes.as_slice()), refuse);
    for (_, events, passed) in [walk(pieces.iter().copied(), refuse), walk(bytes.chunks(1), refuse)] {
        assert_eq!(at_once, events);
        assert!((least..least + 14).contains(&passed));
    }
});
