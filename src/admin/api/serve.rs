//! The admin listener: few connections, each with deadlines, under TLS where it has a certificate.
//!
//! Knows nothing of calls. Off loopback, that there is TLS is the configuration's affair.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{
    origin::{Arrival, Hosts},
    patient::Patient,
};
use crate::{
    admin::{Governed, Managing},
    gate::{
        limit::{PeerLease, PeerPlaces},
        peer::PeerAddress,
    },
};

/// Connections at once: what manages keys must not use up the descriptors that clients need.
const MAX_CONNECTIONS: usize = 256;
/// Of one peer, so that it leaves some to others. The console takes a few, and one for each stream.
const MAX_OF_A_PEER: u32 = 64;
/// How long a handshake and a head may take, and how long a connection may be silent between two requests.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a reader may take nothing of an answer.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// The largest head, in bytes; hyper asks for no less than 8 KiB.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// How long accepting rests when the process has no descriptor left.
const REST: Duration = Duration::from_millis(50);

/// What the listener serves.
pub struct Admin {
    /// Who manages keys.
    pub manager: Arc<dyn Managing>,
    /// What is live.
    pub gate: Arc<dyn Governed>,
    /// The listener's names.
    pub hosts: Hosts,
    /// Under TLS, with what.
    pub tls: Option<TlsAcceptor>,
}

/// Serves the management API and the console until `end` is ready; then requests under way are given [`PATIENCE`] to end.
///
/// # Errors
/// The system's.
pub async fn serve_admin(listener: Arc<TcpListener>, admin: Admin, end: impl Future<Output = ()>) -> io::Result<()> {
    let Admin { manager, gate, hosts, tls } = admin;
    let routes = super::network_routes(manager, gate, hosts).map_err(io::Error::other)?;
    let (places, peers) = (Arc::new(Semaphore::new(MAX_CONNECTIONS)), Arc::new(PeerPlaces::default()));
    let (ending, ended) = watch::channel(());
    let mut connections = JoinSet::new();
    tokio::pin!(end);
    loop {
        let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut end => break,
        };
        // Those that are over, so that they are not kept for ever.
        while connections.try_join_next().is_some() {}
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(REST).await;
            continue;
        };
        // Who has too many is turned away without a word: a word could be waited for as well.
        let Some(lease) = peers.take(PeerAddress::from(peer.ip()).into(), MAX_OF_A_PEER) else { continue };
        let (routes, tls, ended) = (routes.clone(), tls.clone(), ended.clone());
        connections.spawn(async move {
            // Whoever asks and does not listen has nothing to be told.
            let _ = connection(stream, peer, tls, routes, ended).await;
            drop::<(_, PeerLease)>((place, lease));
        });
    }
    drop(ending);
    let _ = timeout(PATIENCE, async { while connections.join_next().await.is_some() {} }).await;
    Ok(())
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    routes: Router,
    ended: watch::Receiver<()>,
) -> io::Result<()> {
    let local = stream.local_addr()?.ip().to_canonical();
    stream.set_nodelay(true)?;
    let routes = routes.layer(Extension(Arrival { peer: peer.ip().to_canonical(), local, tls: tls.is_some() }));
    match tls {
        None => exchange(stream, routes, ended).await,
        Some(tls) => exchange(timeout(PATIENCE, tls.accept(stream)).await??, routes, ended).await,
    }
}

async fn exchange<S>(stream: S, routes: Router, mut ended: watch::Receiver<()>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = TokioIo::new(Patient::new(stream, WRITE_PATIENCE));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(MAX_HEAD_BYTES);
    let serving = http.serve_connection(stream, TowerToHyperService::new(routes));
    tokio::pin!(serving);
    tokio::select! {
        served = serving.as_mut() => return served.map_err(io::Error::other),
        // The sender is dropped, which is the word.
        _ = ended.changed() => serving.as_mut().graceful_shutdown(),
    }
    serving.await.map_err(io::Error::other)
}
