//! Listening and accepting: a connection exists only with a place under the gate's limit and its peer's.

use std::{
    io,
    net::SocketAddr,
    os::fd::OwnedFd,
    sync::{Arc, Weak},
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tracing::warn;

use super::{
    Edge,
    answer::{self, About},
    client::Client,
    connection::{self, Held},
    proxy_protocol,
};
use crate::{
    gate::{
        denial::Denial,
        limit::{Lease, PeerLease, Places},
        peer::{Networks, PeerAddress},
    },
    telemetry::{LimitScope, ProxyHeaderError},
};

/// Connections that may wait to be accepted: a herd that comes back after a restart.
const BACKLOG: i32 = 4096;
/// How long a silent peer is believed to be there; inherited by every accepted socket.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// How long accepting rests when the process has no descriptor left.
const REST: Duration = Duration::from_millis(50);

/// A listener that is bound and does not accept yet.
pub struct Bound {
    listener: Arc<TcpListener>,
    address: SocketAddr,
    entrance: Entrance,
}

/// What a connection goes through before its first request.
#[derive(Clone, Default)]
pub struct Entrance {
    /// Whose header of the PROXY protocol is read first; `None` where it is not spoken.
    pub proxies: Option<Networks>,
    /// The TLS handshake; `None` on a plain listener.
    pub tls: Option<TlsAcceptor>,
}

/// Binds `address`. Needs a runtime.
///
/// # Errors
/// The system's, with the address.
pub fn bind(address: SocketAddr, entrance: Entrance) -> io::Result<Bound> {
    let bind = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        listen(socket, entrance)
    };
    bind().map_err(|error| named(address, &error))
}

/// Takes a listening socket that another process bound to `address` and still shares. Needs a runtime.
///
/// # Errors
/// If it is no such socket, or the system's, with the address.
pub fn adopt(socket: OwnedFd, address: SocketAddr, entrance: Entrance) -> io::Result<Bound> {
    let adopt = || {
        let socket = Socket::from(socket);
        let local = socket.local_addr()?.as_socket();
        let same =
            local.is_some_and(|local| local.ip() == address.ip() && (address.port() == 0 || local.port() == address.port()));
        if !same || socket.r#type()? != Type::STREAM || !socket.is_listener()? {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the socket that was handed over does not listen there"));
        }
        listen(socket, entrance)
    };
    adopt().map_err(|error| named(address, &error))
}

/// What is set on the listener is inherited by the connections (Linux, tcp(7)).
fn listen(socket: Socket, entrance: Entrance) -> io::Result<Bound> {
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4))?;
    socket.set_nonblocking(true)?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from_std(socket.into())?;
    Ok(Bound { address: listener.local_addr()?, listener: Arc::new(listener), entrance })
}

fn named(address: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("listen on {address}: {error}"))
}

impl Bound {
    /// The address, with the port that the system chose where 0 was asked for.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The socket, for as long as somebody accepts on it.
    #[must_use]
    pub fn socket(&self) -> Weak<TcpListener> {
        Arc::downgrade(&self.listener)
    }

    /// Accepts until the gate closes, or is replaced.
    ///
    /// # Errors
    /// None: an end that others of the gate's parts report as well.
    pub async fn serve(self, edge: Arc<Edge>) -> io::Result<()> {
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = edge.drain.accepts_no_more() => return Ok(()),
            };
            match accepted {
                Ok((stream, socket)) => accept(&edge, stream, socket.ip().into(), &self.entrance),
                // The client left before it was accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    warn!(%error, "cannot accept; resting");
                    edge.telemetry.limit_asked(LimitScope::Gate, false);
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }
}

fn accept(edge: &Arc<Edge>, stream: TcpStream, socket: PeerAddress, entrance: &Entrance) {
    if entrance.proxies.as_ref().is_some_and(|proxies| !proxies.contains(socket)) {
        return edge.telemetry.proxy_header_failed(ProxyHeaderError::Untrusted);
    }
    let mut held = match gate_place(edge) {
        Ok(lease) => Held::new(Arc::clone(&edge.telemetry), lease),
        Err(denial) => return turn_away(&stream, denial, entrance),
    };
    // Behind a proxy nobody knows yet whose connection this is.
    if entrance.proxies.is_none() {
        match peer_place(edge, socket) {
            Ok(lease) => held.of_peer(lease),
            Err(denial) => return turn_away(&stream, denial, entrance),
        }
    }
    let (edge, entrance) = (Arc::clone(edge), entrance.clone());
    tokio::spawn(async move {
        if let Some((client, socket, held)) = enter(&edge, stream, socket, held, entrance).await {
            connection::serve(edge, client, socket, held).await;
        }
    });
}

/// What comes before the first request: the header of the PROXY protocol, then TLS.
async fn enter(
    edge: &Edge,
    mut stream: TcpStream,
    mut socket: PeerAddress,
    mut held: Held,
    entrance: Entrance,
) -> Option<(Client, PeerAddress, Held)> {
    let deadline = edge.settings.load().timeouts.head;
    if entrance.proxies.is_some() {
        match proxy_protocol::read_client(&mut stream, deadline).await {
            Ok(client) => socket = client.map_or(socket, PeerAddress::Ip),
            Err(error) => {
                edge.telemetry.proxy_header_failed(error);
                return None;
            }
        }
        match peer_place(edge, socket) {
            Ok(lease) => held.of_peer(lease),
            Err(denial) => {
                turn_away(&stream, denial, &entrance);
                return None;
            }
        }
    }
    let client = match entrance.tls {
        None => Client::Tcp(stream),
        // No handshake, or not in time: there is no language to answer in.
        Some(acceptor) => Client::Tls(Box::new(timeout(deadline, acceptor.accept(stream)).await.ok()?.ok()?)),
    };
    Some((client, socket, held))
}

fn gate_place(edge: &Edge) -> Result<Lease<Places>, Denial> {
    Lease::take(&edge.places, edge.settings.load().caps.total).ok_or_else(|| {
        edge.telemetry.limit_asked(LimitScope::Gate, false);
        Denial::GateConnections
    })
}

/// A place under the limit of the peer at `address`. A trusted proxy has none: all its clients share its address, and whose a
/// connection is changes with every request.
fn peer_place(edge: &Edge, address: PeerAddress) -> Result<Option<PeerLease>, Denial> {
    let Some(max) = edge.settings.load().caps.per_peer else { return Ok(None) };
    if edge.gate.snapshot().policy.trusted_proxies.contains(address) {
        return Ok(None);
    }
    let lease = edge.peer_places.take(address.into(), max);
    edge.telemetry.limit_asked(LimitScope::Ip, lease.is_some());
    lease.map(Some).ok_or(Denial::PeerConnections)
}

/// One attempt to say why, without waiting: whoever is over a limit gets no more of the gate's time.
fn turn_away(stream: &TcpStream, denial: Denial, entrance: &Entrance) {
    if entrance.tls.is_none() {
        // If it does not fit into an empty socket's buffer, the client is not reading.
        let _ = stream.try_write(&answer::refusal(denial, &About { close: true, ..About::default() }));
    }
}
