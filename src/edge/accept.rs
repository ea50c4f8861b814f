//! Listening and accepting: a connection exists only with a place under the gate's limit and its peer's.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsAcceptor;
use tracing::warn;

use super::{
    Edge,
    answer::{self, About},
    client::Client,
    connection::{self, Held},
};
use crate::{
    gate::{denial::Denial, limit::Lease},
    telemetry::LimitScope,
};

/// Connections that may wait to be accepted: a herd that comes back after a restart.
const BACKLOG: i32 = 4096;
/// How long a silent peer is believed to be there; inherited by every accepted socket.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// How long accepting rests when the process has no descriptor left.
const REST: Duration = Duration::from_millis(50);

/// A listener that is bound and does not accept yet.
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
}

/// Binds `address`. What is set on the listener is inherited by the connections (Linux, tcp(7)).
///
/// # Errors
/// The system's, with the address.
pub fn bind(address: SocketAddr, tls: Option<TlsAcceptor>) -> io::Result<Bound> {
    let bind = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4))?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from(socket);
        Ok((listener.local_addr()?, listener))
    };
    let bound: io::Result<_> = bind();
    let (address, listener) = bound.map_err(|error| io::Error::new(error.kind(), format!("listen on {address}: {error}")))?;
    Ok(Bound { listener, address, tls })
}

impl Bound {
    /// The address, with the port that the system chose where 0 was asked for.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts until the gate closes.
    ///
    /// # Errors
    /// If the runtime cannot take the listener.
    pub async fn serve(self, edge: Arc<Edge>) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = edge.drain.closed() => return Ok(()),
            };
            match accepted {
                Ok((stream, peer)) => accept(&edge, stream, peer, self.tls.as_ref()),
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

fn accept(edge: &Arc<Edge>, stream: TcpStream, peer: SocketAddr, tls: Option<&TlsAcceptor>) {
    let held = match hold(edge, peer) {
        Ok(held) => held,
        Err(denial) => return turn_away(&stream, denial, tls.is_some()),
    };
    let (edge, tls) = (Arc::clone(edge), tls.cloned());
    tokio::spawn(async move {
        let client = match tls {
            None => Client::Plain(stream),
            Some(acceptor) => match timeout(edge.settings.load().timeouts.head, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => Client::Tls(Box::new(stream)),
                // No handshake, or not in time: there is no language to answer in.
                Ok(Err(_)) | Err(_) => return,
            },
        };
        connection::serve(edge, client, peer.ip(), held).await;
    });
}

fn hold(edge: &Edge, peer: SocketAddr) -> Result<Held, Denial> {
    let caps = edge.settings.load().caps;
    let gate = Lease::take(&edge.places, caps.total).ok_or_else(|| {
        edge.telemetry.limit_asked(LimitScope::Gate, false);
        Denial::GateConnections
    })?;
    let peer_lease = match caps.per_peer {
        None => None,
        Some(max) => {
            let lease = edge.peer_places.take(peer.ip().into(), max);
            edge.telemetry.limit_asked(LimitScope::Ip, lease.is_some());
            Some(lease.ok_or(Denial::PeerConnections)?)
        }
    };
    Ok(Held::new(Arc::clone(&edge.telemetry), gate, peer_lease))
}

/// One attempt to say why, without waiting: whoever is over a limit gets no more of the gate's time.
fn turn_away(stream: &TcpStream, denial: Denial, tls: bool) {
    if !tls {
        // If it does not fit into an empty socket's buffer, the client is not reading.
        let _ = stream.try_write(&answer::refusal(denial, &About { close: true, ..About::default() }));
    }
}
