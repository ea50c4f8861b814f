//! The backend: its addresses, and connections to it. Tunnels connect here; pingora connects by the peer that is made here.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use pingora::upstreams::peer::HttpPeer;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName};

use super::{
    settings::{Backend, Timeouts},
    tls,
};
use crate::telemetry::UpstreamError;

/// How long a resolved name is used before it is asked for again: as short as the records of Kubernetes' services.
const RESOLVED_FOR: Duration = Duration::from_secs(5);
/// How long an idle connection to the backend is kept: below the 60 s after which common servers close theirs, so that a request
/// seldom meets a connection that is just being closed.
const IDLE_FOR: Duration = Duration::from_secs(50);

/// The backend of one configuration.
pub struct Upstream {
    backend: Backend,
    connect_timeout: Duration,
    head_timeout: Duration,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    resolved: Mutex<Option<(Instant, Arc<[SocketAddr]>)>>,
}

impl Upstream {
    /// The backend at `backend`.
    ///
    /// # Errors
    /// If TLS is wanted and the host cannot be a certificate's name, or the system's authorities cannot be read.
    pub fn new(backend: Backend, timeouts: &Timeouts) -> Result<Self, String> {
        let tls = match &backend {
            Backend::Tcp { host, tls: true, .. } => {
                let name =
                    ServerName::try_from(host.clone()).map_err(|_| format!("`{host}` cannot be the name in a certificate"))?;
                Some((tls::client()?, name))
            }
            Backend::Tcp { .. } | Backend::Unix(_) => None,
        };
        Ok(Self {
            backend,
            connect_timeout: timeouts.connect,
            head_timeout: timeouts.upstream_head,
            tls,
            resolved: Mutex::new(None),
        })
    }

    /// Connects for one stream.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn connect(&self) -> Result<UpstreamStream, UpstreamError> {
        let connected = timeout(self.connect_timeout, self.open()).await;
        connected.map_err(|_| UpstreamError::ConnectTimeout)?.map_err(|_| UpstreamError::Connect)
    }

    /// The peer by which pingora connects.
    ///
    /// # Errors
    /// If the host's name does not resolve.
    pub async fn peer(&self) -> Result<HttpPeer, UpstreamError> {
        let mut peer = match &self.backend {
            Backend::Unix(path) => {
                let path = path.to_str().ok_or(UpstreamError::Connect)?;
                HttpPeer::new_uds(path, false, String::new()).map_err(|_| UpstreamError::Connect)?
            }
            Backend::Tcp { host, tls, .. } => {
                let addresses = self.addresses().await.map_err(|_| UpstreamError::Connect)?;
                let first = addresses.first().ok_or(UpstreamError::Connect)?;
                HttpPeer::new(*first, *tls, host.clone())
            }
        };
        let options = &mut peer.options;
        options.connection_timeout = Some(self.connect_timeout);
        options.total_connection_timeout = Some(self.connect_timeout);
        options.read_timeout = Some(self.head_timeout);
        options.write_timeout = Some(self.head_timeout);
        options.idle_timeout = Some(IDLE_FOR);
        Ok(peer)
    }

    /// How long the backend may take to begin its answer.
    #[must_use]
    pub const fn head_timeout(&self) -> Duration {
        self.head_timeout
    }

    async fn open(&self) -> io::Result<UpstreamStream> {
        if let Backend::Unix(path) = &self.backend {
            return Ok(UpstreamStream::Unix(UnixStream::connect(path).await?));
        }
        let tcp = TcpStream::connect(&*self.addresses().await?).await?;
        tcp.set_nodelay(true)?;
        match &self.tls {
            None => Ok(UpstreamStream::Tcp(tcp)),
            Some((connector, name)) => Ok(UpstreamStream::Tls(Box::new(connector.connect(name.clone(), tcp).await?))),
        }
    }

    /// The addresses of a TCP backend. If its name no longer resolves, the last ones go on being tried.
    async fn addresses(&self) -> io::Result<Arc<[SocketAddr]>> {
        let Backend::Tcp { host, port, .. } = &self.backend else { return Err(io::ErrorKind::Unsupported.into()) };
        let last = self.resolved.lock().clone();
        if let Some((at, addresses)) = &last
            && at.elapsed() < RESOLVED_FOR
        {
            return Ok(Arc::clone(addresses));
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found: io::Result<Arc<[SocketAddr]>> = tokio::net::lookup_host((bare, *port)).await.map(Iterator::collect);
        match (found, last) {
            (Ok(addresses), _) if !addresses.is_empty() => {
                *self.resolved.lock() = Some((Instant::now(), Arc::clone(&addresses)));
                Ok(addresses)
            }
            (_, Some((_, addresses))) => Ok(addresses),
            (Ok(_), None) => Err(io::ErrorKind::NotFound.into()),
            (Err(error), None) => Err(error),
        }
    }
}

/// A connection to the backend.
pub enum UpstreamStream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream<TcpStream>>),
}

macro_rules! delegate {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            UpstreamStream::Tcp($stream) => $call,
            UpstreamStream::Unix($stream) => $call,
            UpstreamStream::Tls($stream) => $call,
        }
    };
}

impl AsyncRead for UpstreamStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for UpstreamStream {
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
