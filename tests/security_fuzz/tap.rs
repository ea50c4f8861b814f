//! The judge of one connection to the backend, byte by byte as it comes.

use std::collections::HashSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use memchr::memmem;

use super::{
    grammar::{CANARY, NOBODY, SERVER, STRANGER, WEB},
    readers::{Reading, Seen, lenient, strict},
};

/// What the gate sends with each request, once.
const IDENTITY: [&str; 6] = [
    "x-keygate-app",
    "x-keygate-key-id",
    "x-keygate-kind",
    "x-keygate-environment",
    "x-keygate-capability",
    "x-keygate-request-id",
];
/// What it sends besides, once.
const FORWARDED: [&str; 2] = ["x-forwarded-for", "x-forwarded-proto"];

/// What a connection has come to.
#[derive(Default)]
pub struct Tap {
    /// Of the request that is under way.
    buffer: Vec<u8>,
    place: Place,
    /// Those of this connection.
    ids: HashSet<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before a request, or in its head.
    #[default]
    Head,
    /// A head was told; its body is not whole.
    Body,
    /// A head that asks for a WebSocket was told, and nobody has answered.
    Handshake,
    /// Both sides speak freely.
    Tunnel,
    /// Nothing may follow.
    Over,
}

/// What is new.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    Head(Seen),
    /// The request is whole.
    Whole,
}

impl Tap {
    /// Takes what came.
    ///
    /// # Errors
    /// The rule that is broken, with the bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, String> {
        if memmem::find(bytes, STRANGER.as_bytes()).is_some() {
            return Err(told("bytes of a connection without a credential", bytes));
        }
        let mut events = Vec::new();
        match self.place {
            Place::Tunnel => return Ok(events),
            Place::Over => return Err(told("bytes behind the last request", bytes)),
            Place::Handshake => return Err(told("bytes before the 101", bytes)),
            Place::Head | Place::Body => self.buffer.extend(bytes),
        }
        while !self.buffer.is_empty() && matches!(self.place, Place::Head | Place::Body) {
            let Some(seen) = self.read()? else { break };
            let (end, closes, upgrades) = (seen.end, closes(&seen), upgrades(&seen));
            if self.place == Place::Head {
                self.judge(&seen).map_err(|rule| told(&rule, &self.buffer))?;
                let with_body = end != Some(seen.head_end);
                if with_body && !closes {
                    return Err(told("a body on a connection that goes on", &self.buffer));
                }
                self.place = Place::Body;
                events.push(Event::Head(seen));
            }
            let Some(end) = end else { break };
            self.buffer.drain(..end);
            events.push(Event::Whole);
            self.place = if upgrades {
                Place::Handshake
            } else if closes {
                Place::Over
            } else {
                Place::Head
            };
            if !self.buffer.is_empty() && self.place != Place::Head {
                return Err(told("bytes behind a request that ends the connection, or before its 101", &self.buffer));
            }
        }
        Ok(events)
    }

    /// The backend has answered a handshake: with a good 101, or in another way, after which nothing may come.
    pub fn answered(&mut self, opened: bool) {
        if self.place == Place::Handshake {
            self.place = if opened { Place::Tunnel } else { Place::Over };
        }
    }

    /// The request ids so far.
    pub fn ids(self) -> HashSet<String> {
        self.ids
    }

    /// Both readings of what is under way, which must be one; `None` while there is no head.
    fn read(&self) -> Result<Option<Seen>, String> {
        match (strict(&self.buffer), lenient(&self.buffer)) {
            (Reading::Partial, Reading::Partial) => Ok(None),
            (Reading::Message(one), Reading::Message(other)) if one == other => Ok(Some(one)),
            (one, other) => Err(told(&format!("two readings: {one:?}, {other:?}"), &self.buffer)),
        }
    }

    fn judge(&mut self, seen: &Seen) -> Result<(), String> {
        if seen.line.contains(NOBODY) {
            return Err("a request without a good credential".to_owned());
        }
        for name in IDENTITY.into_iter().chain(FORWARDED) {
            let count = seen.headers.iter().filter(|(other, _)| other == name).count();
            if count != 1 {
                return Err(format!("{name} stands there {count} times"));
            }
        }
        let ours = |name: &str| name.starts_with("x-keygate-") || name.starts_with("x-forwarded-") || name == "forwarded";
        let allowed = |name: &str| IDENTITY.contains(&name) || FORWARDED.contains(&name) || name == "x-forwarded-host";
        for (name, value) in seen.headers.iter().chain(&seen.trailers).filter(|(name, _)| ours(name)) {
            if !allowed(name) || value.contains("evil") {
                return Err(format!("{name}: {value} is not the gate's"));
            }
        }
        if let Some((name, _)) = seen.trailers.iter().find(|(name, _)| ours(name)) {
            return Err(format!("{name} stands in a trailer"));
        }
        let value = |name: &str| seen.headers.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value.as_str());
        if value("x-keygate-app") != "demo" || !matches!(value("x-keygate-key-id"), "server" | "web") {
            return Err("an identity that no key of the gate has".to_owned());
        }
        let id = value("x-keygate-request-id");
        if !self.ids.insert(id.to_owned()) {
            return Err(format!("two requests with the id {id}"));
        }
        no_credential(&self.buffer[..seen.head_end])
    }
}

/// No key in a head, however it is spelt.
fn no_credential(head: &[u8]) -> Result<(), String> {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(head.len());
    let mut at = 0;
    while let Some(&byte) = head.get(at) {
        match (byte, head.get(at + 1).and_then(|&byte| hex(byte)), head.get(at + 2).and_then(|&byte| hex(byte))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high << 4 | low).to_ascii_lowercase());
                at += 3;
            }
            _ => {
                decoded.push(byte.to_ascii_lowercase());
                at += 1;
            }
        }
    }
    let encoded = [SERVER, WEB].map(|key| URL_SAFE_NO_PAD.encode(key).to_ascii_lowercase());
    let found =
        [CANARY, encoded[0].as_str(), encoded[1].as_str()].iter().any(|text| memmem::find(&decoded, text.as_bytes()).is_some());
    if found { Err("a credential".to_owned()) } else { Ok(()) }
}

fn closes(seen: &Seen) -> bool {
    seen.headers.iter().any(|(name, value)| name == "connection" && value.to_ascii_lowercase().contains("close"))
}

pub fn upgrades(seen: &Seen) -> bool {
    seen.headers.iter().any(|(name, _)| name == "upgrade")
}

fn told(rule: &str, bytes: &[u8]) -> String {
    format!("{rule}, in {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]))
}
