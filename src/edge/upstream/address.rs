//! One address of an upstream, and connections to it. Tunnels connect here; pingora connects by the peer that is made here.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use pingora::upstreams::peer::HttpPeer;
use tokio::{
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName};

use super::dial::dial;
use crate::{
    edge::{maybe_tls::MaybeTls, tls},
    telemetry::UpstreamError,
    upstream::{Backend, UpstreamTimeouts},
};

/// How long a resolved name is used before it is asked for again: as short as the records of Kubernetes' services.
const RESOLVED_FOR: Duration = Duration::from_secs(5);
/// How long an idle connection to the backend is kept: below the 60 s after which common servers close theirs, so that a request
/// seldom meets a connection that is just being closed.
const IDLE_FOR: Duration = Duration::from_secs(50);

/// A connection to a backend.
pub type UpstreamStream = MaybeTls<TlsStream<TcpStream>>;

/// A server, by its address.
pub struct Address {
    backend: Backend,
    label: Arc<str>,
    timeouts: UpstreamTimeouts,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    resolved: Mutex<Option<(Instant, Arc<[SocketAddr]>)>>,
    healthy: Arc<AtomicBool>,
    uses: AtomicU32,
}

/// One exchange or stream at an address; counted until it is dropped.
pub struct InUse(Arc<Address>);

impl InUse {
    /// Counts one more at `address`.
    #[must_use]
    pub fn new(address: &Arc<Address>) -> Self {
        address.uses.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(address))
    }

    /// Where it counts.
    #[must_use]
    pub const fn address(&self) -> &Arc<Address> {
        &self.0
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.uses.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Address {
    /// The address of `backend`, taken to be healthy.
    ///
    /// # Errors
    /// If TLS is wanted and the host cannot be a certificate's name, or the system's authorities cannot be read.
    pub fn new(backend: Backend, timeouts: UpstreamTimeouts) -> Result<Self, String> {
        let tls = match &backend {
            Backend::Tcp { host, tls: true, .. } => {
                let name =
                    ServerName::try_from(host.clone()).map_err(|_| format!("`{host}` cannot be the name in a certificate"))?;
                Some((tls::client()?, name))
            }
            Backend::Tcp { .. } | Backend::Unix(_) => None,
        };
        Ok(Self {
            label: backend.to_string().into(),
            backend,
            timeouts,
            tls,
            resolved: Mutex::new(None),
            healthy: Arc::new(AtomicBool::new(true)),
            uses: AtomicU32::new(0),
        })
    }

    /// As it is written in a configuration.
    #[must_use]
    pub const fn label(&self) -> &Arc<str> {
        &self.label
    }

    /// What a request of the gate's own says in `Host`.
    #[must_use]
    pub fn authority(&self) -> String {
        self.backend.authority()
    }

    /// Whether its checks pass; true where there are none.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }

    /// What says whether its checks pass.
    #[must_use]
    pub const fn health(&self) -> &Arc<AtomicBool> {
        &self.healthy
    }

    /// How many exchanges and streams of this gate are at it.
    #[must_use]
    pub fn uses(&self) -> u32 {
        self.uses.load(Ordering::Relaxed)
    }

    /// Connects, with TLS where the address has it, and sends what is taken of `first` at once. Returns how much that is: nothing
    /// under TLS, and seldom all of much.
    ///
    /// # Errors
    /// Why it cannot; nothing was sent then.
    pub async fn connect(&self, first: &[u8]) -> Result<(UpstreamStream, usize), UpstreamError> {
        let connected = timeout(self.timeouts.connect, self.open(first)).await;
        connected.map_err(|_| UpstreamError::ConnectTimeout)?.map_err(|_| UpstreamError::Connect)
    }

    /// The peer by which pingora connects. pingora keeps idle connections by everything that makes two peers differ: address, TLS,
    /// and the name that the certificate must be good for.
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
        options.connection_timeout = Some(self.timeouts.connect);
        options.total_connection_timeout = Some(self.timeouts.connect);
        // pingora has one timeout for every read. The head's, where it is shorter, is kept by whoever lends the client.
        options.read_timeout = Some(self.timeouts.idle);
        options.write_timeout = Some(self.timeouts.idle);
        options.idle_timeout = Some(IDLE_FOR);
        Ok(peer)
    }

    async fn open(&self, first: &[u8]) -> io::Result<(UpstreamStream, usize)> {
        if let Backend::Unix(path) = &self.backend {
            return Ok((UpstreamStream::Unix(UnixStream::connect(path).await?), 0));
        }
        let addresses = self.addresses().await?;
        let Some((connector, name)) = &self.tls else {
            let (tcp, sent) = dial(&addresses, first).await?;
            return Ok((UpstreamStream::Tcp(tcp), sent));
        };
        let (tcp, _) = dial(&addresses, b"").await?;
        // Boxed, as the look-up of a name is: most connections need neither, and should not have the room for them.
        let tls = Box::pin(connector.connect(name.clone(), tcp)).await?;
        Ok((UpstreamStream::Tls(Box::new(tls)), 0))
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
        let look_up = Box::pin(tokio::net::lookup_host((&**host, *port)));
        let found: io::Result<Arc<[SocketAddr]>> = look_up.await.map(Iterator::collect);
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
