//! One buffer for each thread, borrowed for the length of a poll: an idle connection holds none.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};

/// Enough that a large message takes few system calls.
const SCRATCH_BYTES: usize = 64 * 1024;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice());
}

/// Reads what is there, at most `limit` bytes, and hands it to `take`, which must copy what it wants to keep. An empty slice is
/// the end of the stream.
pub fn poll_read_with<R: AsyncRead + Unpin, T>(
    from: &mut R,
    cx: &mut Context<'_>,
    limit: usize,
    take: impl FnOnce(&mut Context<'_>, &[u8]) -> T,
) -> Poll<io::Result<T>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let limit = limit.min(scratch.len());
        let mut buffer = ReadBuf::new(&mut scratch[..limit]);
        ready!(Pin::new(from).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(take(cx, buffer.filled())))
    })
}

/// Appends what is there to `into`, at most `limit` bytes; 0 is the end of the stream. Cancel safe.
pub async fn read_some<R: AsyncRead + Unpin>(from: &mut R, into: &mut Vec<u8>, limit: usize) -> io::Result<usize> {
    std::future::poll_fn(|cx| {
        poll_read_with(from, cx, limit, |_, bytes| {
            into.extend_from_slice(bytes);
            bytes.len()
        })
    })
    .await
}
