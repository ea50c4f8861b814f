//! What the sink of one direction is owed: bytes that it has not taken yet, a flush, the end.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::AsyncWrite;

/// What a sink is owed. Holds memory only while it is slower than its source.
#[derive(Default)]
pub(super) struct Owed {
    pending: Vec<u8>,
    written: usize,
    flush: bool,
    shut: bool,
    /// Whether the sink is closed by somebody else, once there is nothing more to come.
    pub(super) is_closed_after: bool,
}

impl Owed {
    /// Bytes that wait for the sink to take them.
    pub(super) const fn waiting(&self) -> usize {
        self.pending.len() - self.written
    }

    #[cfg(test)]
    pub(super) const fn capacity(&self) -> usize {
        self.pending.capacity()
    }

    /// Puts bytes behind those that wait.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// Writes at once what the sink takes of `bytes`, and keeps the rest. Nothing must be waiting.
    pub(super) fn write_or_keep<W: AsyncWrite + Unpin>(
        &mut self,
        to: &mut W,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match Pin::new(&mut *to).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(written)) => {
                    rest = &rest[written..];
                    self.flush = true;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.push(rest);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Ready once nothing waits and nothing is left to be flushed.
    pub(super) fn poll_settle<W: AsyncWrite + Unpin>(&mut self, to: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.pending.len() {
            let written = ready!(Pin::new(&mut *to).poll_write(cx, &self.pending[self.written..]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
            self.flush = true;
        }
        if self.written > 0 {
            // The memory goes with it: a stream that was slow once must not hold a buffer for life.
            (self.pending, self.written) = (Vec::new(), 0);
        }
        if self.flush {
            ready!(Pin::new(to).poll_flush(cx))?;
            self.flush = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Ready once the sink was told that no more comes, or will be.
    pub(super) fn poll_shut<W: AsyncWrite + Unpin>(&mut self, to: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.shut && !self.is_closed_after {
            ready!(Pin::new(to).poll_shutdown(cx))?;
            self.shut = true;
        }
        Poll::Ready(Ok(()))
    }
}
