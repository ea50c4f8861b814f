//! A client's connection: plain or TLS, and the shape in which pingora takes it.

use std::{
    fmt, io,
    os::fd::AsRawFd,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
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

/// A client's connection while pingora holds it.
pub struct LentClient(BufWriter<Client>);

impl LentClient {
    /// Lends `client`.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self(BufWriter::with_capacity(WRITE_BUFFER_BYTES, client))
    }

    /// Takes it back, once every byte of the answer is on its way.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn give_back(mut self) -> io::Result<Client> {
        self.0.flush().await?;
        Ok(self.0.into_inner())
    }
}

impl AsyncRead for LentClient {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, buf)
    }
}

impl AsyncWrite for LentClient {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
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
        let _ = self.0.shutdown().await;
    }
}

impl UniqueID for LentClient {
    fn id(&self) -> UniqueIDType {
        self.0.get_ref().tcp().as_raw_fd()
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
