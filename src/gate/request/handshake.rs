//! What makes a request a WebSocket handshake.

use base64::Engine as _;

use super::{Rule, is, list_items, only};

/// The headers that together make a WebSocket handshake (RFC 6455 section 4.2.1).
#[derive(Default)]
pub(super) struct Handshake<'a> {
    upgrade: Option<&'a [u8]>,
    connection_upgrades: bool,
    version: Option<&'a [u8]>,
    key: Option<&'a [u8]>,
    pub(super) has_body: bool,
}

impl<'a> Handshake<'a> {
    pub(super) fn note(&mut self, name: &str, value: &'a [u8]) -> Result<(), Rule> {
        match name.len() {
            7 if is(name, b"upgrade") => only(&mut self.upgrade, value, "two Upgrade headers")?,
            10 if is(name, b"connection") => {
                self.connection_upgrades |= list_items(value).any(|item| item.eq_ignore_ascii_case(b"upgrade"));
            }
            14 if is(name, b"content-length") => self.has_body |= value != b"0",
            17 if is(name, b"transfer-encoding") => self.has_body = true,
            17 if is(name, b"sec-websocket-key") => only(&mut self.key, value, "two Sec-WebSocket-Key headers")?,
            21 if is(name, b"sec-websocket-version") => {
                only(&mut self.version, value, "two Sec-WebSocket-Version headers")?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Other upgrades (`h2c`, which Java's client offers) are no WebSocket: they are dropped and the request is served as
    /// HTTP/1.1, as RFC 9110 section 7.8 lets a server do. A WebSocket handshake that is not whole is refused, for a
    /// backend might complete it (CVE-2026-2833's family).
    pub(super) fn is_websocket(&self, method: &str) -> Result<bool, Rule> {
        match self.upgrade {
            Some(upgrade) if upgrade.eq_ignore_ascii_case(b"websocket") => {}
            Some(upgrade) if list_items(upgrade).any(|item| starts_with_ignore_case(item, b"websocket")) => {
                return Err("Upgrade offers websocket among others");
            }
            Some(_) | None if self.key.is_some() => return Err("Sec-WebSocket-Key without Upgrade: websocket"),
            Some(_) | None => return Ok(false),
        }
        if method != "GET" {
            return Err("a WebSocket handshake is a GET");
        }
        if self.has_body {
            return Err("a WebSocket handshake has no body");
        }
        if !self.connection_upgrades {
            return Err("Upgrade: websocket without Connection: upgrade");
        }
        if self.version != Some(b"13") {
            return Err("Sec-WebSocket-Version is not 13");
        }
        // 24 characters of base64 may be 18 bytes; whatever is longer does not fit and is none.
        let nonce = self.key.and_then(|key| base64::engine::general_purpose::STANDARD.decode_slice(key, &mut [0; 18]).ok());
        if nonce != Some(16) {
            return Err("Sec-WebSocket-Key is not 16 bytes of base64");
        }
        Ok(true)
    }
}

fn starts_with_ignore_case(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}
