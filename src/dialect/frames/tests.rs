use super::*;
use proptest::prelude::*;
use tokio_tungstenite::tungstenite::protocol::frame::{
    Frame,
    coding::{Data, OpCode},
};

fn frame(payload: usize, masked: bool) -> Vec<u8> {
    let mut frame = Frame::message(vec![0x88; payload], OpCode::Data(Data::Binary), true);
    if masked {
        frame.header_mut().mask = Some([1, 2, 3, 4]);
    }
    let mut bytes = Vec::new();
    frame.format(&mut bytes).unwrap();
    bytes
}

proptest! {
    #[test]
    fn boundaries_are_tungstenites_however_the_bytes_are_split(
        frames in proptest::collection::vec((prop_oneof![0usize..130, 65_530usize..65_540, Just(126), Just(127)], any::<bool>()), 1..6),
        split in 1usize..50,
    ) {
        let (mut bytes, mut ends) = (Vec::new(), vec![0]);
        for (payload, masked) in frames {
            bytes.extend(frame(payload, masked));
            ends.push(bytes.len());
        }
        let (mut tracker, mut whole) = (FrameTracker::default(), FrameTracker::default());
        for (at, chunk) in bytes.chunks(split).enumerate() {
            tracker.feed(chunk);
            let seen = (at * split + chunk.len()).min(bytes.len());
            prop_assert_eq!(tracker.at_boundary(), ends.contains(&seen), "after {} bytes", seen);
        }
        whole.feed(&bytes);
        prop_assert_eq!(tracker, whole);
        prop_assert!(!tracker.is_closing());
    }

    #[test]
    fn any_bytes_can_be_fed(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        FrameTracker::default().feed(&bytes);
    }
}
