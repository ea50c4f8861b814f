//! One plain TCP connection, read by HTTP heads and counted bytes: what the load and the backend share.

use std::net::Ipv4Addr;

use anyhow::{Context, Result, bail, ensure};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Holds a 16 KB frame and its header, so that one read takes a whole message.
const READ_AHEAD: usize = 20 * 1024;

pub struct Wire {
    stream: TcpStream,
    unread: BytesMut,
}

pub struct Head(BytesMut);

impl Wire {
    pub async fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        Self::new(stream)
    }

    pub fn new(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, unread: BytesMut::new() })
    }

    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes).await?)
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
        Ok(self.stream.read_buf(&mut self.unread).await? > 0)
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
