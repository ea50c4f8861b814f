//! A client's connection: plain or TLS, and the shape in which pingora takes it.

use std::{
    fmt, io,
    os::fd::AsRawFd,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use async_trait::async_trait;
use pingora::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest, UniqueID, UniqueIDType,
    raw_connect::ProxyDigest,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufWriter, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

use super::{
    body::{BodyFraming, Fed},
    head_deadline::{HeadDeadline, HeadState},
    pace::Pace,
    scratch::poll_read_with,
};

/// A client's connection.
pub enum Client {
    /// As it comes.
    Plain(TcpStream),
    /// After a TLS handshake. Boxed: its state is a kilobyte, and plain connections should not carry the room for it.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Client {
    /// Whether it is encrypted.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Makes the end of the connection a reset, so that the client cannot take it for a clean one.
    pub fn reset(&self) {
        // If the option cannot be set the connection ends all the same.
        let _ = self.tcp().set_zero_linger();
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }
}

macro_rules! delegate {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Client::Plain($stream) => $call,
            Client::Tls($stream) => $call,
        }
    };
}

impl AsyncRead for Client {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Client {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

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
}

impl LentClient {
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

/// Says nothing of what flows in it.
impl fmt::Debug for LentClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LentClient")
    }
}

#[async_trait]
impl Shutdown for LentClient {
    async fn shutdown(&mut self) {
        // The peer may be gone already, and there is nobody left to tell.
        let _ = self.stream.shutdown().await;
    }
}

impl UniqueID for LentClient {
    fn id(&self) -> UniqueIDType {
        self.stream.get_ref().tcp().as_raw_fd()
    }
}

impl Ssl for LentClient {}
impl Peek for LentClient {}

impl GetTimingDigest for LentClient {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for LentClient {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }
}

impl GetSocketDigest for LentClient {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        None
    }
}
