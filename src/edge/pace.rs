//! How long a client may make us wait for a body, either way. A deadline for each read or write would start again with every byte
//! that drips; one for the whole body would end large ones. So each piece of a body has one, and only waiting counts: time in which
//! the backend is slow, or the gate itself, is not the client's.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

/// The piece that has to come within one allowance; at the default of a minute, 273 bytes a second. Kestrel asks for 240.
const PIECE_BYTES: usize = 16 * 1024;

/// The waiting for one direction of a connection.
pub struct Pace {
    allowance: Option<Duration>,
    left: Duration,
    moved: usize,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Pace {
    /// So much waiting for each piece; `None` is any.
    #[must_use]
    pub fn new(allowance: Option<Duration>) -> Self {
        Self { allowance, left: allowance.unwrap_or_default(), moved: 0, waiting: None }
    }

    /// What came of an attempt to move bytes: as it was, or an end where the client has been waited for long enough.
    ///
    /// # Errors
    /// `TimedOut` then, and those of the attempt.
    pub fn judge(&mut self, cx: &mut Context<'_>, attempt: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let Some(allowance) = self.allowance else { return attempt };
        if attempt.is_pending() {
            let left = self.left;
            let (_, sleep) = self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
            ready!(sleep.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if let Some((since, _)) = self.waiting.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        if let Poll::Ready(Ok(moved)) = &attempt {
            self.moved += moved;
            if self.moved >= PIECE_BYTES {
                (self.moved, self.left) = (0, allowance);
            }
        }
        attempt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: Duration = Duration::from_secs(60);

    /// Waits for `each`, then moves so many bytes, again and again; how many times until the end.
    async fn moves(allowance: Option<Duration>, each: Duration, bytes: usize, most: usize) -> usize {
        let mut pace = Pace::new(allowance);
        for nth in 0..most {
            let mut sleep = Box::pin(sleep(each));
            let moved = std::future::poll_fn(|cx| {
                let attempt = sleep.as_mut().poll(cx).map(|()| Ok(bytes));
                pace.judge(cx, attempt)
            });
            match moved.await {
                Ok(moved) => assert_eq!(moved, bytes),
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                    return nth;
                }
            }
        }
        most
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_ends_and_one_that_flows_does_not() {
        let second = Duration::from_secs(1);
        assert!((59..=60).contains(&moves(Some(ALLOWANCE), second, 1, 1000).await), "a byte a second");
        assert_eq!(moves(Some(ALLOWANCE), second, 1024, 1000).await, 1000, "a kilobyte a second");
        assert_eq!(moves(None, second, 1, 1000).await, 1000, "without a limit");
        assert_eq!(moves(Some(ALLOWANCE), ALLOWANCE * 2, 1 << 20, 1).await, 0, "silence");
    }

    #[tokio::test(start_paused = true)]
    async fn only_waiting_for_the_client_counts() {
        let mut pace = Pace::new(Some(ALLOWANCE));
        for _ in 0..100 {
            // The backend takes its time, and the bytes are there when they are asked for.
            tokio::time::advance(ALLOWANCE).await;
            let moved = std::future::poll_fn(|cx| pace.judge(cx, Poll::Ready(Ok(1)))).await;
            assert_eq!(moved.unwrap(), 1);
        }
    }
}
