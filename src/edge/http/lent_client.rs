//! A client's connection while pingora holds it: no byte of the next request goes in, and a client that dawdles is not waited for.
//!
//! Knows nothing of what is answered.

mod shape;

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufWriter, ReadBuf};

use super::head_deadline::{HeadDeadline, HeadState};
use crate::edge::{
    body::{BodyFraming, Fed},
    client::Client,
    pace::Pace,
    scratch::poll_read_with,
};

/// Bytes of an answer that wait to be written together: head and small body in one system call.
const WRITE_BUFFER_BYTES: usize = 4096;

/// Bytes of later requests that are kept while one is served; a client that sends more waits.
const MAX_NEXT_BYTES: usize = 16 * 1024;

/// A client's connection while pingora holds it. Hands over what belongs to the request and no byte more: to pingora the bytes
/// of a next request would be a mistake that ends the exchange, and where requests begin is for one reader to say.
pub struct LentClient {
    stream: BufWriter<Client>,
    /// What is still to come of the request's body; `None` once it broke, after which nothing can follow.
    body: Option<BodyFraming>,
    next: Vec<u8>,
    /// Of the request's body, and of the answer.
    paces: [Pace; 2],
    deadline: Option<HeadDeadline>,
}

impl LentClient {
    /// Lends `client`, from which `body` is still to come. `patience` is how long it may be waited for, for each piece of a body.
    #[must_use]
    pub fn new(client: Client, body: BodyFraming, patience: Option<Duration>) -> Self {
        let stream = BufWriter::with_capacity(WRITE_BUFFER_BYTES, client);
        let paces = [Pace::new(patience), Pace::new(patience)];
        Self { stream, body: Some(body), next: Vec::new(), paces, deadline: None }
    }

    /// Lends it only until the head of the answer is `after` late, which `state` tells of.
    #[must_use]
    pub fn until_late(self, after: Duration, state: Arc<HeadState>) -> Self {
        Self { deadline: Some(HeadDeadline::new(after, state)), ..self }
    }

    /// Takes it back with what came behind the request, once every byte of the answer is on its way.
    ///
    /// # Errors
    /// If it could not be written, or nobody can tell where the next request begins.
    pub async fn give_back(mut self) -> io::Result<(Client, Vec<u8>)> {
        self.stream.flush().await?;
        if self.body.is_none_or(|body| !body.is_done()) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok((self.stream.into_inner(), self.next))
    }

    /// After the body: the client may leave, which ends the exchange, or send its next request, which waits.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.next.len() < MAX_NEXT_BYTES {
            let next = &mut self.next;
            let read = poll_read_with(&mut self.stream, cx, MAX_NEXT_BYTES, |_, bytes| {
                next.extend_from_slice(bytes);
                bytes.len()
            });
            if ready!(read)? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
        // Read on when the answer is whole.
        Poll::Pending
    }

    /// What came of a write, within the client's pace. One that is too slow is reset: what the system still holds for it, which may
    /// be megabytes, would be kept for as long as it pretends to read.
    fn taken_in(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let judged = self.paces[1].judge(cx, written);
        if let Poll::Ready(Err(error)) = &judged
            && error.kind() == io::ErrorKind::TimedOut
        {
            self.stream.get_ref().reset();
        }
        judged
    }
}

impl AsyncRead for LentClient {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(deadline) = &mut this.deadline
            && deadline.poll_late(cx).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if this.body.is_some_and(|body| body.is_done()) {
            return this.poll_next(cx);
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf).map_ok(|()| buf.filled().len() - before);
        ready!(this.paces[0].judge(cx, read))?;
        if let Some(deadline) = &mut this.deadline {
            deadline.put_off();
        }
        let read = &buf.filled()[before..];
        match this.body.as_mut().map(|body| body.feed(read)) {
            Some(Fed::Ended(end)) => {
                this.next.extend_from_slice(&read[end..]);
                buf.set_filled(before + end);
            }
            Some(Fed::All) => {}
            // pingora takes some of what our reader does not (an empty size is its last chunk), and the backend would get a body
            // that nobody sent.
            Some(Fed::Broken) | None => {
                this.body = None;
                buf.set_filled(before);
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for LentClient {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.taken_in(cx, written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx).map_ok(|()| 0);
        this.taken_in(cx, flushed).map_ok(drop)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
