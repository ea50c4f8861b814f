//! A client's connection.

use std::{
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::maybe_tls::MaybeTls;

/// A client's connection.
pub type Client = MaybeTls<TlsStream<TcpStream>>;

impl Client {
    /// Whether it is encrypted.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Makes the end of the connection a reset, so that the client cannot take it for a clean one.
    pub fn reset(&self) {
        // If the option cannot be set the connection ends all the same.
        let _ = SockRef::from(self).set_linger(Some(Duration::ZERO));
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(tcp) => tcp.as_fd(),
            Self::Unix(unix) => unix.as_fd(),
            Self::Tls(tls) => tls.get_ref().0.as_fd(),
        }
    }
}
