//! The wait for a header of the PROXY protocol, before anything else on a connection. Takes its bytes and no byte behind them, which
//! are the client's: TLS or HTTP finds them where they are. While nothing has come, no buffer is held.

use std::{io, net::IpAddr, os::fd::AsFd as _, time::Duration};

use rustix::net::{RecvFlags, recv};
use tokio::{io::Interest, time::timeout};

use super::{client::Client, scratch::read_some};
use crate::{
    dialect::{MAX_HEADER_BYTES, Malformed, Proxied, read_proxy_header},
    telemetry::ProxyHeaderError,
};

/// Reads the header with one deadline for all of it, and returns whom it names; `None` where that is the proxy itself.
///
/// # Errors
/// Why there is none, after which nobody can tell whose connection this is.
pub async fn read_client(stream: &mut Client, deadline: Duration) -> Result<Option<IpAddr>, ProxyHeaderError> {
    timeout(deadline, read(stream)).await.unwrap_or(Err(ProxyHeaderError::Missing))
}

async fn read(stream: &mut Client) -> Result<Option<IpAddr>, ProxyHeaderError> {
    let (mut header, mut taken) = (Vec::new(), Vec::new());
    loop {
        let before = header.len();
        if !matches!(peek(stream, &mut header).await, Ok(1..)) {
            return Err(ProxyHeaderError::Missing);
        }
        let read = read_proxy_header(&header).map_err(|Malformed| ProxyHeaderError::Malformed)?;
        // While it is not whole, everything that is there belongs to it.
        let mut left = read.map_or(header.len(), |(_, length)| length) - before;
        while left > 0 {
            taken.clear();
            match read_some(stream, &mut taken, left).await {
                Ok(length @ 1..) => left -= length,
                Ok(0) | Err(_) => return Err(ProxyHeaderError::Missing),
            }
        }
        match read {
            Some((Proxied::For(client), _)) => return Ok(Some(client)),
            Some((Proxied::Unnamed, _)) => return Ok(None),
            None => {}
        }
    }
}

/// Appends what has come, as far as a header may reach, and leaves it where it is.
async fn peek(stream: &Client, header: &mut Vec<u8>) -> io::Result<usize> {
    let look = || {
        let mut space = [0; MAX_HEADER_BYTES];
        let room = space.len() - header.len();
        let (length, _) = recv(stream.as_fd(), &mut space[..room], RecvFlags::PEEK)?;
        header.extend_from_slice(&space[..length]);
        Ok(length)
    };
    match stream {
        Client::Tcp(tcp) => tcp.async_io(Interest::READABLE, look).await,
        Client::Unix(unix) => unix.async_io(Interest::READABLE, look).await,
        // The header comes before TLS.
        Client::Tls(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream, UnixStream},
    };

    const LONG: Duration = Duration::from_secs(60);

    /// A client and the gate's end of its connection.
    async fn pairs() -> [(Client, Client); 2] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, server) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let client = client.unwrap();
        client.set_nodelay(true).unwrap();
        let (one, other) = UnixStream::pair().unwrap();
        [(Client::Tcp(client), Client::Tcp(server.unwrap().0)), (Client::Unix(one), Client::Unix(other))]
    }

    #[tokio::test]
    async fn what_comes_behind_the_header_is_left() {
        let v2 = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\x0a\0\0\x01\x1f\x90\x01\xbb"[..], b"\r\nrest"].concat();
        let v1 = b"PROXY TCP4 192.0.2.1 10.0.0.1 8080 443\r\n\r\nrest".to_vec();
        for bytes in [v1, v2] {
            for split in 1..bytes.len() {
                for (mut client, mut server) in pairs().await {
                    let writing = async {
                        client.write_all(&bytes[..split]).await.unwrap();
                        tokio::task::yield_now().await;
                        client.write_all(&bytes[split..]).await.unwrap();
                        client.shutdown().await.unwrap();
                    };
                    let (named, ()) = tokio::join!(read_client(&mut server, LONG), writing);
                    assert_eq!(named, Ok(Some([192, 0, 2, 1].into())), "split at {split}");
                    let mut rest = Vec::new();
                    server.read_to_end(&mut rest).await.unwrap();
                    assert_eq!(rest, b"\r\nrest", "split at {split}");
                }
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_told_at_once() {
        for (bytes, expected) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], ProxyHeaderError::Malformed),
            (b"\x16\x03\x01", ProxyHeaderError::Malformed),
            (b"PROXY TCP4", ProxyHeaderError::Missing),
            (b"", ProxyHeaderError::Missing),
        ] {
            for (mut client, mut server) in pairs().await {
                client.write_all(bytes).await.unwrap();
                if expected == ProxyHeaderError::Missing {
                    client.shutdown().await.unwrap();
                }
                assert_eq!(read_client(&mut server, LONG).await, Err(expected), "{bytes:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_has_one_deadline() {
        for (mut client, mut server) in pairs().await {
            client.write_all(b"PROXY ").await.unwrap();
            assert_eq!(read_client(&mut server, LONG).await, Err(ProxyHeaderError::Missing));
        }
    }
}
