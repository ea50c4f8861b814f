//! The client's side: requests one after another on a kept connection, and WebSockets.

use anyhow::{Context, Result, ensure};
use bytes::BytesMut;

use crate::tls::Identity;
use crate::websocket::{self, Frame, Side, TEXT};
use crate::wire::Wire;

pub const RIGHT_KEY: &str = "sk_live_abcdefghijklmnop";
pub const WRONG_KEY: &str = "sk_live_abcdefghijklmnoq";

/// Where to, and what every request carries beside its key.
#[derive(Clone)]
pub struct Target {
    pub port: u16,
    pub origin: bool,
    /// Of the peer, where it is spoken to in TLS.
    pub identity: Option<Identity>,
}

/// Sends the same request again and again, over one connection where the peer keeps it.
pub struct Client {
    target: Target,
    request: String,
    kept: Option<Wire>,
}

pub struct Answer {
    pub status: u16,
    pub body: BytesMut,
    pub kept: bool,
}

pub struct WebSocket {
    wire: Wire,
}

impl Target {
    pub async fn connect(&self) -> Result<Wire> {
        Wire::connect(self.port, self.identity.as_ref()).await
    }

    pub fn request(&self, path: &str, key: &str, more: &str) -> String {
        let Self { port, origin, .. } = self;
        let origin = if *origin { "Origin: https://app.example.com\r\n" } else { "" };
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nx-api-key: {key}\r\n{origin}{more}\r\n")
    }
}

impl Client {
    pub fn new(target: &Target, key: &str) -> Self {
        Self { target: target.clone(), request: target.request("/", key, ""), kept: None }
    }

    pub async fn ask(&mut self) -> Result<Answer> {
        let mut wire = match self.kept.take() {
            Some(wire) => wire,
            None => self.target.connect().await?,
        };
        wire.send(self.request.as_bytes()).await?;
        let head = wire.head().await?.context("closed without an answer")?;
        let body = wire.take(head.content_length()?).await?;

        let kept = !head.closes();
        if kept {
            self.kept = Some(wire);
        }
        Ok(Answer { status: head.status()?, body, kept })
    }
}

impl WebSocket {
    pub async fn open(target: &Target) -> Result<Self> {
        let upgrade = format!(
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n",
            websocket::KEY
        );
        let mut wire = target.connect().await?;
        wire.send(target.request("/ws", RIGHT_KEY, &upgrade).as_bytes()).await?;

        let head = wire.head().await?.context("closed in the handshake")?;
        let status = head.status()?;
        ensure!(status == 101, "a handshake was answered {status}");
        let accept = head.field("sec-websocket-accept");
        ensure!(accept == Some(websocket::ACCEPT), "Sec-WebSocket-Accept was {accept:?}");
        Ok(Self { wire })
    }

    /// Sends one message and insists on the same bytes back.
    pub async fn echo(&mut self, message: &[u8]) -> Result<()> {
        let frame = websocket::frame(TEXT, message, Side::Client)?;
        self.wire.send(&frame).await?;
        let heard = Frame::read(&mut self.wire, Side::Server).await?;
        ensure!(heard.opcode == TEXT && heard.payload == message, "the echo differs from what was sent");
        Ok(())
    }
}
