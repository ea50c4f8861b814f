use std::future::poll_fn;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::dialect::{CloseCode, FrameTracker, close_frame};

fn frames() -> Flow {
    Flow::new(Follow::Frames(FrameTracker::default()), b"")
}

fn text_frame(length: u8) -> Vec<u8> {
    let mut frame = vec![0x81, length];
    frame.extend(vec![b'x'; usize::from(length)]);
    frame
}

#[tokio::test]
async fn every_byte_arrives_whatever_the_sink_takes_at_once() {
    for capacity in [1, 7, 64, 100_000] {
        let (mut source, mut from) = tokio::io::duplex(1000);
        let (mut to, mut sink) = tokio::io::duplex(capacity);
        let bytes: Vec<_> = (0..500).flat_map(|_| text_frame(100)).collect();
        let mut flow = frames();
        let write = async {
            source.write_all(&bytes).await.unwrap();
            source.shutdown().await.unwrap();
        };
        let moved = poll_fn(|cx| flow.poll_move(&mut from, &mut to, cx));
        let mut received = Vec::new();
        let ((), moved, read) = tokio::join!(write, moved, sink.read_to_end(&mut received));
        assert_eq!((moved, read.unwrap()), (Ok(()), bytes.len()));
        assert!(received == bytes && flow.moved == bytes.len() as u64);
        assert_eq!(flow.owed.capacity(), 0, "memory is given back");
    }
}

#[test]
fn early_bytes_count_as_moved() {
    let flow = Flow::new(Follow::Frames(FrameTracker::default()), &text_frame(33));
    assert_eq!(flow.moved, 35);
}

#[tokio::test]
async fn a_close_frame_never_stands_inside_another() {
    let frame = text_frame(20);
    for cut_at in 0..frame.len() * 2 {
        let (mut source, mut from) = tokio::io::duplex(1000);
        let (mut to, mut sink) = tokio::io::duplex(1000);
        let both = [frame.clone(), frame.clone()].concat();
        let mut flow = frames();
        source.write_all(&both[..cut_at]).await.unwrap();
        let first = poll_fn(|cx| Poll::Ready(flow.poll_move(&mut from, &mut to, cx))).await;
        assert!(first.is_pending());
        let close = close_frame(CloseCode::PolicyViolation, "bye", false);
        flow.end_at_boundary(Last { between: close.clone().into(), inside: b"" });
        source.write_all(&both[cut_at..]).await.unwrap();
        source.write_all(&frame).await.unwrap();
        poll_fn(|cx| flow.poll_move(&mut from, &mut to, cx)).await.unwrap();
        drop(to);
        let mut received = Vec::new();
        sink.read_to_end(&mut received).await.unwrap();
        let whole = cut_at.div_ceil(frame.len()) * frame.len();
        assert_eq!(received, [&both[..whole], &close].concat(), "cut at {cut_at}");
    }
}
