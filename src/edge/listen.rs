//! Listening sockets, over TCP and in files: bound anew, or taken over from another process.
//!
//! Knows nothing of what is accepted.

mod socket_file;

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;
use tracing::warn;

use self::socket_file::SocketFile;
pub use self::socket_file::remove_abandoned;
use super::{client::Client, drain::Drain};
use crate::{
    downstream::ListenAddress,
    gate::peer::{Networks, PeerAddress},
};

/// Connections that may wait to be accepted: a herd that comes back after a restart.
const BACKLOG: i32 = 4096;
/// How long a silent peer is believed to be there; inherited by every accepted socket.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// What may wait in the system for a client, beside what is on its way to it. The system's own limit is megabytes (`tcp_wmem` in tcp(7)),
/// all of which the gate would copy for a client that reads nothing, while others wait; and it is told of room again when a third of
/// that is free, which a client of 20 KB a second does not reach within the minute that it is waited for ([`super::pace`]). With this,
/// room is half of it: 546 bytes a second. More would be room for nothing, for what is on its way is not counted.
#[cfg(any(target_os = "android", target_os = "linux"))]
const MAX_UNSENT_BYTES: u32 = 64 * 1024;

/// A listener that is bound and does not accept yet.
pub struct Bound {
    pub(super) listener: Arc<Listener>,
    address: ListenAddress,
    pub(super) entrance: Entrance,
    file: Option<SocketFile>,
}

/// What a connection goes through before its first request.
#[derive(Clone, Default)]
pub struct Entrance {
    /// Whose header of the PROXY protocol is read first; `None` where it is not spoken.
    pub proxies: Option<Networks>,
    /// The TLS handshake; `None` on a plain listener.
    pub tls: Option<TlsAcceptor>,
}

/// Binds `address`; the file of a Unix socket has `mode`. Needs a runtime.
///
/// # Errors
/// The system's, with the address; and if somebody listens there already, or a file is in the way.
pub fn bind(address: &ListenAddress, mode: u32, entrance: Entrance) -> io::Result<Bound> {
    let bind = || match address {
        ListenAddress::Tcp(address) => {
            let socket = Socket::new(Domain::for_address(*address), Type::STREAM, Some(Protocol::TCP))?;
            socket.set_reuse_address(true)?;
            socket.bind(&(*address).into())?;
            listen(socket, entrance)
        }
        ListenAddress::Unix(path) => {
            let (listener, file) = bind_file(path, mode)?;
            Ok(Bound { listener: Arc::new(listener.into()), address: address.clone(), entrance, file: Some(file) })
        }
    };
    bind().map_err(|error| named(address, &error))
}

/// Takes a listening socket that another process bound to `address` and still shares. Needs a runtime.
///
/// # Errors
/// If it is no such socket, or the system's, with the address.
pub fn adopt(socket: OwnedFd, address: &ListenAddress, mode: u32, entrance: Entrance) -> io::Result<Bound> {
    let adopt = || {
        let socket = Socket::from(socket);
        if !is_at(address, &socket.local_addr()?) || socket.r#type()? != Type::STREAM || !socket.is_listener()? {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the socket that was handed over does not listen there"));
        }
        match address {
            ListenAddress::Tcp(_) => listen(socket, entrance),
            ListenAddress::Unix(path) => {
                let file = SocketFile::of_another(path, mode)?;
                let listener = Arc::new(unix_listener(socket)?.into());
                Ok(Bound { listener, address: address.clone(), entrance, file: Some(file) })
            }
        }
    };
    adopt().map_err(|error| named(address, &error))
}

impl Bound {
    /// The address, with the port that the system chose where 0 was asked for.
    #[must_use]
    pub const fn address(&self) -> &ListenAddress {
        &self.address
    }

    /// The socket, for as long as somebody accepts on it.
    #[must_use]
    pub fn socket(&self) -> Weak<dyn AsFd + Send + Sync> {
        let listener: Arc<dyn AsFd + Send + Sync> = self.listener.clone();
        Arc::downgrade(&listener)
    }

    /// From now on this process is who accepts here, until `drain` says otherwise.
    ///
    /// # Errors
    /// If clients cannot get here, with the address.
    pub(super) fn begin(&mut self, drain: &Arc<Drain>) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut begin = || {
            if !file.take_over(Arc::clone(drain))? {
                // The other process was told to end while it handed over, and has cleaned up: nobody can get to its socket any more.
                let (path, mode) = file.place();
                warn!(path = %path.display(), "the file of the socket is gone, and bound anew");
                let (anew, its_file) = bind_file(path, mode)?;
                *file = its_file;
                // It is the first: a listener begins once.
                let _ = self.listener.anew.set(anew);
                file.take_over(Arc::clone(drain))?;
            }
            Ok(())
        };
        begin().map_err(|error| named(&self.address, &error))
    }
}

/// A socket that listens.
pub(super) struct Listener {
    first: Kind,
    /// In its place, where the file of a Unix socket was lost.
    anew: OnceLock<Kind>,
}

enum Kind {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Accepts a connection. Cancel safe.
    pub(super) async fn accept(&self) -> io::Result<(Client, PeerAddress)> {
        match self.current() {
            Kind::Tcp(tcp) => tcp.accept().await.map(|(stream, peer)| (Client::Tcp(stream), peer.ip().into())),
            Kind::Unix(unix) => unix.accept().await.map(|(stream, _)| (Client::Unix(stream), PeerAddress::Unix)),
        }
    }

    fn current(&self) -> &Kind {
        self.anew.get().unwrap_or(&self.first)
    }
}

impl From<Kind> for Listener {
    fn from(first: Kind) -> Self {
        Self { first, anew: OnceLock::new() }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self.current() {
            Kind::Tcp(tcp) => tcp.as_fd(),
            Kind::Unix(unix) => unix.as_fd(),
        }
    }
}

/// What is set on the listener is inherited by the connections (Linux, tcp(7)).
fn listen(socket: Socket, entrance: Entrance) -> io::Result<Bound> {
    socket.set_tcp_nodelay(true)?;
    #[cfg(any(target_os = "android", target_os = "linux"))]
    socket.set_tcp_notsent_lowat(MAX_UNSENT_BYTES)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4))?;
    socket.set_nonblocking(true)?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from_std(socket.into())?;
    let address = ListenAddress::Tcp(listener.local_addr()?);
    Ok(Bound { address, listener: Arc::new(Kind::Tcp(listener).into()), entrance, file: None })
}

fn bind_file(path: &Path, mode: u32) -> io::Result<(Kind, SocketFile)> {
    SocketFile::make_way(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let file = SocketFile::of_bound(path, mode)?;
    Ok((unix_listener(socket)?, file))
}

fn unix_listener(socket: Socket) -> io::Result<Kind> {
    socket.set_nonblocking(true)?;
    socket.listen(BACKLOG)?;
    UnixListener::from_std(OwnedFd::from(socket).into()).map(Kind::Unix)
}

/// Whether a socket with the address `local` is one for `address`.
fn is_at(address: &ListenAddress, local: &SockAddr) -> bool {
    let same = |local: SocketAddr, wanted: &SocketAddr| {
        local.ip() == wanted.ip() && (wanted.port() == 0 || local.port() == wanted.port())
    };
    match address {
        ListenAddress::Tcp(wanted) => local.as_socket().is_some_and(|local| same(local, wanted)),
        ListenAddress::Unix(path) => local.as_pathname() == Some(path),
    }
}

fn named(address: &ListenAddress, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("listen on {address}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::UnixStream;

    /// Linux alone has the option by which it is kept.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn little_waits_in_the_system_for_a_client_that_does_not_read() {
        let bound = bind(&ListenAddress::Tcp(([127, 0, 0, 1], 0).into()), 0, Entrance::default()).unwrap();
        let ListenAddress::Tcp(address) = bound.address() else { unreachable!() };
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        client.set_recv_buffer_size(4096).unwrap();
        client.connect(&(*address).into()).unwrap();
        let (Client::Tcp(accepted), _) = bound.listener.accept().await.unwrap() else { unreachable!() };
        accepted.writable().await.unwrap();
        let piece = [0; 16 * 1024];
        let taken: usize = std::iter::from_fn(|| accepted.try_write(&piece).ok()).sum();
        // Of the last piece that goes beyond the limit all is taken, and a little is in the client's buffer. The system alone takes 2.5 MB.
        let most = MAX_UNSENT_BYTES as usize + 2 * piece.len();
        assert!((1..=most).contains(&taken), "{taken} bytes were taken");
    }

    #[tokio::test]
    async fn a_file_that_was_lost_while_it_was_handed_over_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let address = ListenAddress::Unix(folder.path().join("gate.sock"));
        let ListenAddress::Unix(path) = &address else { unreachable!() };
        let old = bind(&address, 0o600, Entrance::default()).unwrap();
        let handed_over = old.listener.as_fd().try_clone_to_owned().unwrap();
        let mut new = adopt(handed_over, &address, 0o600, Entrance::default()).unwrap();
        let shared = new.socket();
        // Told to end, it leaves nothing behind.
        drop(old);
        assert!(!path.exists());
        new.begin(&Arc::default()).unwrap();
        let (connected, accepted) = tokio::join!(UnixStream::connect(path), new.listener.accept());
        assert!(connected.is_ok() && matches!(accepted, Ok((Client::Unix(_), PeerAddress::Unix))));
        // The next process gets the socket that clients get to.
        let shared = shared.upgrade().unwrap().as_fd().try_clone_to_owned().unwrap();
        let third = adopt(shared, &address, 0o600, Entrance::default()).unwrap();
        let (connected, accepted) = tokio::join!(UnixStream::connect(path), third.listener.accept());
        assert!(connected.is_ok() && accepted.is_ok());
    }

    #[tokio::test]
    async fn a_socket_of_another_place_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name| ListenAddress::Unix(folder.path().join(name));
        let tcp = ListenAddress::Tcp(([127, 0, 0, 1], 0).into());
        let bound = [&at("gate"), &tcp].map(|address| bind(address, 0o600, Entrance::default()).unwrap());
        let take = |bound: &Bound, address: &ListenAddress| {
            let socket = bound.listener.as_fd().try_clone_to_owned().unwrap();
            adopt(socket, address, 0o600, Entrance::default()).is_ok()
        };
        assert!(take(&bound[0], &at("gate")) && take(&bound[1], &tcp));
        assert!(!take(&bound[0], &at("other")) && !take(&bound[0], &tcp) && !take(&bound[1], &at("gate")));
    }
}
