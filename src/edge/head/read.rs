//! The wait for a head. While nothing has come no buffer is held; once a byte has, the whole head has one deadline, however slowly
//! its bytes drip (pingora's timer starts again at each read).

use std::time::Duration;

use tokio::{
    io::AsyncRead,
    time::{Instant, timeout, timeout_at},
};

use super::{MAX_HEAD_BYTES, end_of_head};
use crate::edge::scratch::read_some;

/// The length of the head at the start of a buffer, its empty line included.
pub type HeadEnd = usize;

/// Why there is no head.
#[derive(Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The client left, or never came back: nothing to answer.
    Gone,
    /// It began a head and did not end it in time.
    Timeout,
    /// The head is larger than [`MAX_HEAD_BYTES`].
    TooLarge,
    /// The first byte cannot begin a request: TLS on a plain port, or noise.
    NotHttp,
}

/// Reads until `buffer`, which may hold bytes that came with the last exchange, holds a whole head.
///
/// # Errors
/// Why it does not.
pub async fn read_head<R: AsyncRead + Unpin>(
    from: &mut R,
    buffer: &mut Vec<u8>,
    idle: Duration,
    head: Duration,
) -> Result<HeadEnd, ReadError> {
    if buffer.is_empty() {
        let first = timeout(idle, read_some(from, buffer, MAX_HEAD_BYTES)).await;
        match first {
            Ok(Ok(1..)) => {}
            Ok(Ok(0) | Err(_)) | Err(_) => return Err(ReadError::Gone),
        }
    }
    let mut deadline = None;
    let mut searched = 0;
    loop {
        if !buffer.first().is_some_and(u8::is_ascii_alphabetic) {
            return Err(ReadError::NotHttp);
        }
        // The end may straddle what was searched and what has come since.
        let from_here = usize::saturating_sub(searched, 3);
        if let Some(length) = end_of_head(&buffer[from_here..]) {
            let end = from_here + length;
            return if end > MAX_HEAD_BYTES { Err(ReadError::TooLarge) } else { Ok(end) };
        }
        searched = buffer.len();
        if searched >= MAX_HEAD_BYTES {
            return Err(ReadError::TooLarge);
        }
        // Most heads come whole, and need no clock.
        let deadline = *deadline.get_or_insert_with(|| Instant::now() + head);
        match timeout_at(deadline, read_some(from, buffer, MAX_HEAD_BYTES)).await {
            Ok(Ok(1..)) => {}
            Ok(Ok(0) | Err(_)) => return Err(ReadError::Gone),
            Err(_) => return Err(ReadError::Timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_head_is_found_however_it_is_split() {
        let text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
        for split in 1..text.len() {
            let (mut client, mut server) = tokio::io::duplex(1024);
            let write = async {
                client.write_all(&text[..split]).await.unwrap();
                tokio::task::yield_now().await;
                client.write_all(&text[split..]).await.unwrap();
            };
            let mut buffer = Vec::new();
            let (end, ()) = tokio::join!(read_head(&mut server, &mut buffer, LONG, LONG), write);
            assert_eq!(end, Ok(text.len() - 4), "split at {split}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_dripping_head_has_one_deadline() {
        let (mut client, mut server) = tokio::io::duplex(1024);
        let drip = async {
            while client.write_all(b"G").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let mut buffer = Vec::new();
        let read = read_head(&mut server, &mut buffer, LONG, Duration::from_secs(10));
        tokio::select! {
            result = read => assert_eq!(result, Err(ReadError::Timeout)),
            () = drip => panic!("the client gave up first"),
        }
        assert!(buffer.len() <= 11, "{} bytes were waited for", buffer.len());
    }

    #[tokio::test]
    async fn size_and_noise_are_refused_at_once() {
        for (bytes, expected) in
            [(vec![b'a'; MAX_HEAD_BYTES], ReadError::TooLarge), (vec![0x16, 3, 1], ReadError::NotHttp), (vec![], ReadError::Gone)]
        {
            let (mut client, mut server) = tokio::io::duplex(2 * MAX_HEAD_BYTES);
            client.write_all(&bytes).await.unwrap();
            if bytes.is_empty() {
                drop(client);
            }
            assert_eq!(read_head(&mut server, &mut Vec::new(), LONG, LONG).await, Err(expected));
        }
    }
}
