//! Frame boundaries do not depend on how the bytes are split.
#![no_main]

use keygate::dialect::FrameTracker;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u8>, Vec<u8>)| {
    let (splits, bytes) = input;
    let mut whole = FrameTracker::default();
    whole.feed(&bytes);
    let (mut split, mut one_by_one) = (FrameTracker::default(), FrameTracker::default());
    let mut rest = bytes.as_slice();
    for length in splits.into_iter().map(usize::from) {
        let (piece, after) = rest.split_at(length.min(rest.len()));
        split.feed(piece);
        rest = after;
    }
    split.feed(rest);
    for byte in &bytes {
        one_by_one.feed(std::slice::from_ref(byte));
    }
    assert_eq!(whole, split);
    assert_eq!(whole, one_by_one);
});
