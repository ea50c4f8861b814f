//! A client's connection.

use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::maybe_tls::MaybeTls;

/// A client's connection.
pub type Client = MaybeTls<TlsStream<TcpStream>>;
