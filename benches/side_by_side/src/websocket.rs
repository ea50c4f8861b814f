//! Just enough of RFC 6455 for both ends of an echo: the handshake's digest, and unfragmented frames under 64 KB.

use anyhow::{Result, bail, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::BytesMut;
use ring::digest;

use crate::wire::Wire;

/// The example of RFC 6455 section 1.3. A constant key keeps the load light, and no proxy looks at it.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub const TEXT: u8 = 1;
pub const CLOSE: u8 = 8;

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
const TWO_BYTE_LENGTH: u8 = 126;

/// Any value does: masking is there for proxies that mistake frames for requests, and both ends here are known.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub struct Frame {
    pub opcode: u8,
    pub payload: BytesMut,
}

#[derive(Clone, Copy)]
pub enum Side {
    Client,
    Server,
}

/// What `Sec-WebSocket-Accept` must say to a `Sec-WebSocket-Key`.
pub fn accept(key: &str) -> String {
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    STANDARD.encode(sha1)
}

impl Frame {
    /// The next frame that `from` sent, unmasked.
    pub async fn read(wire: &mut Wire, from: Side) -> Result<Self> {
        let start = wire.take(2).await?;
        ensure!(start[0] & 0xf0 == FINAL, "a fragmented or extended frame: {start:02x?}");
        let masked = start[1] & MASKED != 0;
        ensure!(masked == matches!(from, Side::Client), "a frame masked the wrong way");

        let length = match start[1] & !MASKED {
            127 => bail!("a frame of 64 KB or more"),
            TWO_BYTE_LENGTH => {
                let length = wire.take(2).await?;
                usize::from(u16::from_be_bytes([length[0], length[1]]))
            }
            short => usize::from(short),
        };
        let payload = if masked {
            let mask = wire.take(4).await?;
            let mut payload = wire.take(length).await?;
            apply_mask(&mut payload, [mask[0], mask[1], mask[2], mask[3]]);
            payload
        } else {
            wire.take(length).await?
        };
        Ok(Self { opcode: start[0] & 0x0f, payload })
    }
}

/// A whole message as `side` writes it.
pub fn frame(opcode: u8, payload: &[u8], side: Side) -> Result<Vec<u8>> {
    let masked = match side {
        Side::Client => MASKED,
        Side::Server => 0,
    };
    let mut bytes = Vec::with_capacity(payload.len() + 8);
    bytes.push(FINAL | opcode);
    if payload.len() < usize::from(TWO_BYTE_LENGTH) {
        bytes.push(masked | payload.len() as u8);
    } else {
        bytes.push(masked | TWO_BYTE_LENGTH);
        bytes.extend(u16::try_from(payload.len())?.to_be_bytes());
    }
    if masked != 0 {
        bytes.extend(MASK);
    }
    let start = bytes.len();
    bytes.extend_from_slice(payload);
    if masked != 0 {
        apply_mask(&mut bytes[start..], MASK);
    }
    Ok(bytes)
}

/// By words of four, which the compiler turns into vector instructions.
fn apply_mask(payload: &mut [u8], mask: [u8; 4]) {
    let (words, rest) = payload.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(accept(KEY), ACCEPT);
    }

    #[test]
    fn a_masked_frame_of_the_rfc() -> Result<()> {
        let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(frame(TEXT, b"Hello", Side::Client)?, hello);
        Ok(())
    }
}
