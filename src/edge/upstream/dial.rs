//! A TCP connection, and its first bytes in the same breath.
//!
//! Knows nothing of what is sent, nor of whom it is for.

use std::{io, net::SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::{io::Interest, net::TcpStream};

/// Connects to the first of `addresses` that lets us, and sends it what it takes of `first` at once: a neighbour has answered by the
/// time that connecting returns, and need not be waited for. Returns how much was sent.
///
/// # Errors
/// Why the last address cannot be connected to; nothing was sent then.
pub async fn dial(addresses: &[SocketAddr], first: &[u8]) -> io::Result<(TcpStream, usize)> {
    let mut last = io::ErrorKind::AddrNotAvailable.into();
    for address in addresses {
        match dial_one(*address, first).await {
            Ok(connected) => return Ok(connected),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn dial_one(address: SocketAddr, first: &[u8]) -> io::Result<(TcpStream, usize)> {
    let socket = unblocking(Domain::for_address(address))?;
    socket.set_tcp_nodelay(true)?;
    match socket.connect(&address.into()) {
        Err(error) if !is_under_way(&error) => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let sent = match socket.send(first) {
        Ok(sent) => Some(sent),
        Err(error) if is_not_connected_yet(&error) => None,
        Err(error) => return Err(error),
    };
    let stream = TcpStream::from_std(socket.into())?;
    if sent.is_none() {
        stream.ready(Interest::WRITABLE).await?;
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
    }
    Ok((stream, sent.unwrap_or_default()))
}

/// A TCP socket that does not block; made as one where the system can, for to ask for it afterwards takes two calls more.
fn unblocking(domain: Domain) -> io::Result<Socket> {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    return Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP));
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    {
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

/// connect(2) of a socket that does not block.
fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
        || error.raw_os_error().is_some_and(|code| code == rustix::io::Errno::INPROGRESS.raw_os_error())
}

/// send(2) of a socket that is still connecting: `EAGAIN` on Linux, `ENOTCONN` on others.
fn is_not_connected_yet(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    const HERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    /// An address at which nobody listens.
    async fn nobody() -> SocketAddr {
        TcpListener::bind(HERE).await.unwrap().local_addr().unwrap()
    }

    #[tokio::test]
    async fn a_neighbour_has_the_first_bytes_at_once_and_once() {
        let listener = TcpListener::bind(HERE).await.unwrap();
        let (mut stream, sent) = dial(&[listener.local_addr().unwrap()], b"first").await.unwrap();
        assert_eq!(sent, 5, "a connection on this machine is made when connect returns");
        stream.write_all(b" and last").await.unwrap();
        drop(stream);
        let (mut accepted, _) = listener.accept().await.unwrap();
        let mut came = String::new();
        accepted.read_to_string(&mut came).await.unwrap();
        assert_eq!(came, "first and last");
    }

    #[tokio::test]
    async fn who_does_not_listen_is_passed_over() {
        let listener = TcpListener::bind(HERE).await.unwrap();
        let (nobody, somebody) = (nobody().await, listener.local_addr().unwrap());
        let (stream, sent) = dial(&[nobody, somebody], b"first").await.unwrap();
        assert_eq!((stream.peer_addr().unwrap(), sent), (somebody, 5));
        assert_eq!(dial(&[nobody], b"first").await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert!(dial(&[], b"first").await.is_err());
    }

    #[tokio::test]
    async fn more_than_a_socket_takes_is_left_to_be_sent() {
        let listener = TcpListener::bind(HERE).await.unwrap();
        let first = vec![7; 32 << 20];
        let (mut stream, sent) = dial(&[listener.local_addr().unwrap()], &first).await.unwrap();
        assert!(sent < first.len(), "a socket took 32 MiB that nobody reads");
        let (mut accepted, _) = listener.accept().await.unwrap();
        let mut came = Vec::new();
        let send = async {
            stream.write_all(&first[sent..]).await.unwrap();
            stream.shutdown().await.unwrap();
        };
        let (read, ()) = tokio::join!(accepted.read_to_end(&mut came), send);
        assert_eq!((read.unwrap(), came == first), (first.len(), true));
    }
}
