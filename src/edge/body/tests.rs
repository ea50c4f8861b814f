use proptest::prelude::*;

use super::*;

fn chunked(chunks: &[Vec<u8>], trailer: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
        bytes.extend(format!("{:x};ext=1\r\n", chunk.len()).bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(format!("0\r\n{trailer}\r\n").bytes());
    bytes
}

proptest! {
    #[test]
    fn a_chunked_body_ends_where_it_ends_however_it_is_split(
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..5),
        trailer in prop_oneof![Just(""), Just("X: y\r\n"), Just("X: y\r\nZ: 1\r\n")],
        split in 1usize..40,
    ) {
        let body = chunked(&chunks, trailer);
        let mut sent = body.clone();
        sent.extend(b"HTTP/1.1 200 next");
        let (mut framing, mut taken, mut content) = (BodyFraming::Chunked(Chunk::Start), 0, Vec::new());
        for piece in sent.chunks(split) {
            match framing.feed_to(piece, |data| content.extend_from_slice(data)) {
                Fed::All => taken += piece.len(),
                Fed::Ended(here) => { taken += here; break }
                Fed::Broken => prop_assert!(false, "broken at {}", taken),
            }
        }
        prop_assert!(framing.is_done());
        prop_assert_eq!(taken, body.len());
        prop_assert_eq!(content, chunks.concat());
    }

    #[test]
    fn any_bytes_can_be_fed(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = BodyFraming::Chunked(Chunk::Start).feed(&bytes);
    }
}

#[test]
fn a_body_can_be_ended_between_chunks_only() {
    let mut framing = BodyFraming::Chunked(Chunk::Start);
    assert!(framing.at_boundary());
    framing.feed(b"5\r\nhel");
    assert!(!framing.at_boundary());
    framing.feed(b"lo\r\n");
    assert!(framing.at_boundary());
    assert!(!BodyFraming::Length(3).at_boundary());
}

#[test]
fn a_length_is_counted_down() {
    let mut framing = BodyFraming::Length(5);
    assert_eq!(framing.feed(b"abc"), Fed::All);
    assert_eq!(framing.feed(b"defg"), Fed::Ended(2));
}

#[test]
fn what_is_no_chunk_is_broken() {
    for bytes in [
        &b"g\r\n"[..],
        b"\r\n",
        b"-5\r\n",
        b"fffffffffffffffff\r\n",
        b"0\r\n\rx",
        b"1\r\naXY",
        b"1;x\na",
        b"1\rz\na",
        b"1\r\na\n",
        b"1;\0\r\na\r\n",
        b"0\r\nX: y\n\r\n",
        b"0\r\nX: y\rZ\r\n\r\n",
        b"0\r\nX: y\r\n z\r\n\r\n",
        b"0\r\n: y\r\n\r\n",
        b"0\r\nX: y\0\r\n\r\n",
        b"0\r\n\n",
    ] {
        assert_eq!(BodyFraming::Chunked(Chunk::Start).feed(bytes), Fed::Broken, "{bytes:?}");
    }
}
