//! One connection, plain or in TLS, read by HTTP heads, lines and counted bytes: what the load and the backend share.

use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::tls::Identity;

/// Holds a 16 KB frame and its header, so that one read takes a whole message.
const READ_AHEAD: usize = 20 * 1024;

/// How long the load waits for a peer, each time. On one machine, what takes longer does not come: the row has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Wire {
    stream: Stream,
    unread: BytesMut,
    /// The backend has none, for its clients may be silent as long as they like.
    patience: Option<Duration>,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

pub struct Head(BytesMut);

impl Wire {
    /// As a client, which waits for nothing longer than [`PATIENCE`].
    pub async fn connect(port: u16, identity: Option<&Identity>) -> Result<Self> {
        let patience = Some(PATIENCE);
        let tcp = within(patience, "connecting", TcpStream::connect((Ipv4Addr::LOCALHOST, port))).await?;
        tcp.set_nodelay(true)?;
        let stream = match identity {
            None => Stream::Plain(tcp),
            Some(identity) => {
                let (connector, name) = identity.client();
                Stream::Tls(Box::new(within(patience, "the handshake of TLS", connector.connect(name, tcp)).await?))
            }
        };
        Ok(Self { stream, unread: BytesMut::new(), patience })
    }

    /// As a server, which waits for its clients.
    pub fn accepted(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream: Stream::Plain(stream), unread: BytesMut::new(), patience: None })
    }

    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let sending = async {
            match &mut self.stream {
                Stream::Plain(tcp) => tcp.write_all(bytes).await,
                Stream::Tls(tls) => {
                    tls.write_all(bytes).await?;
                    tls.flush().await
                }
            }
        };
        within(self.patience, "what was sent to be taken in", sending).await
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
        let reading = async {
            match &mut self.stream {
                Stream::Plain(tcp) => tcp.read_buf(&mut self.unread).await,
                Stream::Tls(tls) => tls.read_buf(&mut self.unread).await,
            }
        };
        Ok(within(self.patience, "an answer", reading).await? > 0)
    }
}

/// Waits for `what`, as long as there is `patience`, or for ever.
async fn within<T>(patience: Option<Duration>, what: &str, waiting: impl Future<Output = io::Result<T>>) -> Result<T> {
    let done = match patience {
        None => waiting.await,
        Some(patience) => timeout(patience, waiting).await.map_err(|_| anyhow!("waited {patience:?} for {what}, in vain"))?,
    };
    done.with_context(|| format!("in waiting for {what}"))
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

#[cfg(test)]
mod tests;
