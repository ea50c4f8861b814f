//! One connection, plain or in TLS, read by HTTP heads, lines and counted bytes: what the load and the backend share.

use std::net::Ipv4Addr;

use anyhow::{Context, Result, bail, ensure};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::tls::Identity;

/// Holds a 16 KB frame and its header, so that one read takes a whole message.
const READ_AHEAD: usize = 20 * 1024;

pub struct Wire {
    stream: Stream,
    unread: BytesMut,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

pub struct Head(BytesMut);

impl Wire {
    pub async fn connect(port: u16, identity: Option<&Identity>) -> Result<Self> {
        let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        let Some(identity) = identity else { return Self::new(tcp) };
        tcp.set_nodelay(true)?;
        let (connector, name) = identity.client();
        let tls = connector.connect(name, tcp).await.context("in the handshake of TLS")?;
        Ok(Self { stream: Stream::Tls(Box::new(tls)), unread: BytesMut::new() })
    }

    pub fn new(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream: Stream::Plain(stream), unread: BytesMut::new() })
    }

    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.stream {
            Stream::Plain(tcp) => tcp.write_all(bytes).await?,
            Stream::Tls(tls) => {
                tls.write_all(bytes).await?;
                tls.flush().await?;
            }
        }
        Ok(())
    }

    /// The next head with its blank line; `None` when the other side closed before the first byte.
    pub async fn head(&mut self) -> Result<Option<Head>> {
        loop {
            let end = self.unread.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                return Ok(Some(Head(self.unread.split_to(end + 4))));
            }
            if !self.read().await? {
                ensure!(self.unread.is_empty(), "closed in the middle of a head");
                return Ok(None);
            }
        }
    }

    /// The next line, with its end.
    pub async fn line(&mut self) -> Result<String> {
        loop {
            if let Some(end) = self.unread.iter().position(|&b| b == b'\n') {
                return Ok(str::from_utf8(&self.unread.split_to(end + 1))?.to_owned());
            }
            ensure!(self.read().await?, "closed in the middle of a line");
        }
    }

    pub async fn take(&mut self, count: usize) -> Result<BytesMut> {
        while self.unread.len() < count {
            if !self.read().await? {
                bail!("closed with {count} bytes to come");
            }
        }
        Ok(self.unread.split_to(count))
    }

    /// Whether anything is left or comes before the other side closes.
    pub async fn has_more(&mut self) -> Result<bool> {
        Ok(!self.unread.is_empty() || self.read().await?)
    }

    async fn read(&mut self) -> Result<bool> {
        self.unread.reserve(READ_AHEAD);
        let read = match &mut self.stream {
            Stream::Plain(tcp) => tcp.read_buf(&mut self.unread).await?,
            Stream::Tls(tls) => tls.read_buf(&mut self.unread).await?,
        };
        Ok(read > 0)
    }
}

impl Head {
    pub fn status(&self) -> Result<u16> {
        let status = self.lines().next().and_then(|line| line.split(' ').nth(1));
        status.and_then(|status| status.parse().ok()).context("an answer without a status")
    }

    pub fn content_length(&self) -> Result<usize> {
        let length = self.field("content-length");
        length.and_then(|length| length.parse().ok()).context("an answer without Content-Length")
    }

    pub fn closes(&self) -> bool {
        self.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        self.lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// A head that is not text has no lines, and so fails whatever is asked of it.
    fn lines(&self) -> impl Iterator<Item = &str> {
        str::from_utf8(&self.0).unwrap_or_default().split("\r\n")
    }
}
