//! Listening sockets: bound anew, or taken over from another process.
//!
//! Knows nothing of what is accepted.

use std::{
    io,
    net::SocketAddr,
    os::fd::OwnedFd,
    sync::{Arc, Weak},
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::gate::peer::Networks;

/// Connections that may wait to be accepted: a herd that comes back after a restart.
const BACKLOG: i32 = 4096;
/// How long a silent peer is believed to be there; inherited by every accepted socket.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// A listener that is bound and does not accept yet.
pub struct Bound {
    pub(super) listener: Arc<TcpListener>,
    address: SocketAddr,
    pub(super) entrance: Entrance,
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
}
