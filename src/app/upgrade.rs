//! Taking the place of a gate that runs, and being replaced by another: which sockets come from where, and what becomes of the rest.
//!
//! Knows nothing of how it is said ([`crate::admin`]).

use std::{
    io,
    net::SocketAddr,
    os::fd::AsFd,
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{net::TcpListener, sync::SetOnce, time::sleep};
use tracing::info;

use crate::{
    admin::{Offered, Predecessor, Role},
    config::Config,
    downstream::ListenAddress,
    edge::{Bound, Edge, Entrance, adopt, bind, load_tls, remove_abandoned},
};

/// How often streams are told to go that came on connections from before.
const TELL_AGAIN: Duration = Duration::from_secs(1);

/// All listening sockets of a gate.
pub struct Sockets {
    /// For clients, in the order of the configuration.
    pub gate: Vec<Bound>,
    /// For health and metrics.
    pub status: Option<Arc<TcpListener>>,
    /// For those who manage keys.
    pub admin: Option<Arc<TcpListener>>,
    /// All of them, for whoever comes next.
    pub offered: Vec<Offered>,
}

impl Sockets {
    /// Those that `config` names: the predecessor's where it has them, new ones else.
    ///
    /// # Errors
    /// What stands in the way, with the address.
    pub fn of(config: &Config, mut predecessor: Option<&mut Predecessor>) -> io::Result<Self> {
        let mut inherited =
            |role, address: &ListenAddress| predecessor.as_mut().and_then(|predecessor| predecessor.take(role, address));
        let (mut gate, mut offered): (Vec<_>, Vec<Offered>) = (Vec::new(), Vec::new());
        for listener in &config.listeners {
            let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
            let tls = listener.tls.as_ref().map(|tls| load_tls(&tls.certificate, &tls.key).map_err(invalid)).transpose()?;
            let (address, mode) = (&listener.address, listener.mode);
            let entrance = Entrance { proxies: listener.proxy_protocol.clone(), tls };
            let bound = match inherited(Role::Gate, address) {
                Some(socket) => adopt(socket, address, mode, entrance)?,
                None => bind(address, mode, entrance)?,
            };
            offered.push(Offered { role: Role::Gate, address: address.clone(), socket: bound.socket() });
            gate.push(bound);
        }
        let mut plain = |role, address: Option<SocketAddr>| -> io::Result<Option<Arc<TcpListener>>> {
            let Some(address) = address else { return Ok(None) };
            let place = ListenAddress::Tcp(address);
            let listener = match inherited(role, &place) {
                Some(socket) => std::net::TcpListener::from(socket),
                None => std::net::TcpListener::bind(address).map_err(|error| named(address, &error))?,
            };
            listener.set_nonblocking(true)?;
            let listener = Arc::new(TcpListener::from_std(listener)?);
            let socket: Weak<dyn AsFd + Send + Sync> = Arc::<TcpListener>::downgrade(&listener);
            offered.push(Offered { role, address: place, socket });
            Ok(Some(listener))
        };
        let status = plain(Role::Status, config.status)?;
        let admin = plain(Role::Admin, config.admin.as_ref().map(|admin| admin.address))?;
        Ok(Self { gate, status, admin, offered })
    }
}

/// Cleans up where the predecessor listened and this gate does not.
pub fn leave(addresses: Vec<ListenAddress>) {
    for address in addresses {
        if let ListenAddress::Unix(path) = address {
            remove_abandoned(&path);
        }
    }
}

fn named(address: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("listen on {address}: {error}"))
}

/// Whether another process has taken over.
pub struct Replaced {
    edge: Arc<Edge>,
    window: Duration,
    begun: SetOnce<()>,
}

impl Replaced {
    /// Not yet. Streams are to be told within `window`.
    #[must_use]
    pub fn new(edge: Arc<Edge>, window: Duration) -> Self {
        Self { edge, window, begun: SetOnce::new() }
    }

    /// Now: nothing more is accepted, and what is open is told to go, as in a drain, but nothing is cut when the window is over.
    pub fn begin(&self) {
        if self.begun.set(()).is_err() {
            return;
        }
        self.edge.drain().replace();
        self.edge.telemetry().draining();
        info!(streams = self.edge.registry().len(), connections = self.edge.connections(), "replaced: accepting nothing new");
        let (edge, window) = (Arc::clone(&self.edge), self.window);
        tokio::spawn(async move {
            loop {
                edge.tell_streams_to_go(window).await;
                sleep(TELL_AGAIN).await;
            }
        });
    }

    /// Whether it has.
    #[must_use]
    pub fn is(&self) -> bool {
        self.begun.get().is_some()
    }

    /// Ready once it has.
    pub async fn wait(&self) {
        self.begun.wait().await;
    }
}
