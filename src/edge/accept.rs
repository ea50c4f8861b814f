//! Accepting: a connection exists only with a place under the gate's limit and its peer's.

use std::{io, sync::Arc, time::Duration};

use tokio::time::timeout;
use tracing::warn;

use super::{
    Edge,
    answer::{self, About},
    client::Client,
    connection::{self, Held},
    listen::{Bound, Entrance},
    proxy_protocol,
};
use crate::{
    gate::{
        denial::Denial,
        limit::{Lease, PeerLease, Places},
        peer::PeerAddress,
    },
    telemetry::{LimitScope, ProxyHeaderError},
};

/// How long accepting rests when the process has no descriptor left.
const REST: Duration = Duration::from_millis(50);

impl Bound {
    /// Accepts until the gate closes, or is replaced.
    ///
    /// # Errors
    /// If clients cannot get here, with the address.
    pub async fn serve(mut self, edge: Arc<Edge>) -> io::Result<()> {
        self.begin(&edge.drain)?;
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = edge.drain.accepts_no_more() => return Ok(()),
            };
            match accepted {
                Ok((stream, socket)) => accept(&edge, stream, socket, &self.entrance),
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

fn accept(edge: &Arc<Edge>, stream: Client, socket: PeerAddress, entrance: &Entrance) {
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
    // Boxed, for a task is copied several times on its way and once more when it ends, and keeps its size for as long as it lives.
    let connection = Box::pin(async move {
        let (client, socket, held) = enter(&edge, stream, socket, held, entrance).await?;
        connection::serve(edge, client, socket, held).await
    });
    tokio::spawn(async move {
        // What leads to a tunnel is gone before the tunnel begins.
        let tunnel = connection.await;
        if let Some(tunnel) = tunnel {
            tunnel.await;
        }
    });
}

/// What comes before the first request: the header of the PROXY protocol, then TLS.
async fn enter(
    edge: &Edge,
    mut stream: Client,
    mut socket: PeerAddress,
    mut held: Held,
    entrance: Entrance,
) -> Option<(Client, PeerAddress, Held)> {
    let deadline = edge.settings.load().timeouts.head;
    if entrance.proxies.is_some() {
        // Boxed, like the handshake: a plain connection should not carry the room for what it does not need.
        match Box::pin(proxy_protocol::read_client(&mut stream, deadline)).await {
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
    let client = match (entrance.tls, stream) {
        // No handshake, or not in time: there is no language to answer in.
        (Some(acceptor), Client::Tcp(tcp)) => {
            Client::Tls(Box::new(Box::pin(timeout(deadline, acceptor.accept(tcp))).await.ok()?.ok()?))
        }
        // Where TLS is asked for, nothing else is spoken.
        (Some(_), Client::Unix(_) | Client::Tls(_)) => return None,
        (None, plain) => plain,
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
fn turn_away(stream: &Client, denial: Denial, entrance: &Entrance) {
    if entrance.tls.is_some() {
        return;
    }
    let refusal = answer::refusal(denial, &About { close: true, ..About::default() });
    // If it does not fit into an empty socket's buffer, the client is not reading.
    let _ = match stream {
        Client::Tcp(tcp) => tcp.try_write(&refusal),
        Client::Unix(unix) => unix.try_write(&refusal),
        Client::Tls(_) => Ok(0),
    };
}
