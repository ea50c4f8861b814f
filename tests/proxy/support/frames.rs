//! WebSocket by hand: handshakes and frames whose every byte a test chooses (RFC 6455).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest;

use super::{answer::Answer, client::Client};

const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The nonce of every handshake here.
pub const NONCE: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// What a backend must answer to this nonce.
pub fn accept_of(nonce: &str) -> String {
    let text = format!("{nonce}{GUID}");
    STANDARD.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

/// A handshake for `target`, with more headers, each ended by CRLF.
pub fn handshake(target: &str, more: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: gate\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {NONCE}\r\n{more}\r\n"
    )
}

/// A frame, unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub opcode: u8,
    pub payload: Vec<u8>,
    pub masked: bool,
}

impl Frame {
    pub const fn is_close(&self) -> bool {
        self.opcode == 8
    }

    /// The code of a Close.
    pub fn close_code(&self) -> Option<u16> {
        self.is_close().then(|| Some(u16::from_be_bytes(self.payload.get(..2)?.try_into().ok()?))).flatten()
    }
}

/// The bytes of a whole frame.
pub fn frame(opcode: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    let mut bytes = vec![0x80 | opcode];
    let mask_bit = if masked { 0x80 } else { 0 };
    match payload.len() {
        length @ 0..126 => bytes.push(mask_bit | u8::try_from(length).expect("short")),
        length @ 126..0x1_0000 => {
            bytes.push(mask_bit | 126);
            bytes.extend(u16::try_from(length).expect("short").to_be_bytes());
        }
        length => {
            bytes.push(mask_bit | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    if masked {
        let mask = [0x12, 0x34, 0x56, 0x78];
        bytes.extend(mask);
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    } else {
        bytes.extend(payload);
    }
    bytes
}

/// The frame at the start of `bytes`, once it is whole, and its length.
pub fn frame_in(bytes: &[u8]) -> Option<(Frame, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (length, mut at) = match second & 0x7f {
        126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?, 10),
        length => (usize::from(length), 2),
    };
    let masked = second & 0x80 != 0;
    let mut mask = [0; 4];
    if masked {
        mask = bytes.get(at..at + 4)?.try_into().ok()?;
        at += 4;
    }
    let payload = bytes.get(at..at + length)?;
    let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    Some((Frame { opcode: first & 0x0f, payload, masked }, at + length))
}

/// An open WebSocket, by hand.
pub struct WebSocket(pub Client);

impl WebSocket {
    /// Opens one with a key in `x-api-key`; panics if the gate refuses.
    pub async fn open(mut client: Client, target: &str, key: &str) -> Self {
        let answer = client.ask(handshake(target, &format!("x-api-key: {key}\r\n"))).await;
        assert_eq!(answer.status, 101, "{answer:?}");
        Self(client)
    }

    /// Completes a handshake that was sent.
    pub async fn answered(mut client: Client) -> (Self, Answer) {
        let answer = client.answer().await;
        assert_eq!(answer.status, 101, "{answer:?}");
        (Self(client), answer)
    }

    /// Sends a masked frame.
    pub async fn send(&mut self, opcode: u8, payload: &[u8]) {
        self.0.send(frame(opcode, payload, true)).await;
    }

    /// The next frame; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, end)) = frame_in(&self.0.buffer) {
                self.0.buffer.drain(..end);
                return Some(frame);
            }
            if !self.0.more().await {
                assert!(self.0.buffer.is_empty(), "the stream ended inside a frame: {:02x?}", self.0.buffer);
                return None;
            }
        }
    }

    /// Sends a text and expects it back.
    #[track_caller]
    pub fn echoes<'a>(&'a mut self, text: &'a str) -> impl Future<Output = ()> + 'a {
        let at = std::panic::Location::caller();
        async move {
            self.send(1, text.as_bytes()).await;
            let back = self.next().await;
            assert_eq!(back.map(|frame| frame.payload), Some(text.as_bytes().to_vec()), "{at}");
        }
    }

    /// Expects a Close with this code, and then the end.
    #[track_caller]
    pub fn is_closed_with(&mut self, code: u16) -> impl Future<Output = ()> {
        let at = std::panic::Location::caller();
        async move {
            let last = self.next().await;
            assert_eq!(last.as_ref().and_then(Frame::close_code), Some(code), "{at}: {last:?}");
            assert_eq!(self.next().await, None, "{at}");
        }
    }
}
