//! The header by which a proxy names the client of a connection that it passes on: the PROXY protocol, versions 1 and 2, as HAProxy's
//! `proxy-protocol.txt` (2020/03/05) has it. Read strictly: two readers must not find two clients, or two ends, in one header.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest header that is read: what the smallest segment of TCP holds (RFC 9293 section 3.7.1), which senders keep to.
pub const MAX_HEADER_BYTES: usize = 536;

/// The longest header of version 1, with its CRLF (section 2.1).
const MAX_V1_BYTES: usize = 107;
const V1: &[u8] = b"PROXY ";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and protocol, and the length of what follows.
const V2_FIXED_BYTES: usize = 16;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxied {
    /// The connection is this client's.
    For(IpAddr),
    /// The proxy names nobody that has an IP address, or speaks for itself, as to ask whether the gate lives.
    Unnamed,
}

/// Bytes that begin no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Reads the header at the start of `bytes`, and its length. `None` is that more bytes are needed, of which none is beyond the header.
///
/// # Errors
/// If no bytes can make it a header.
pub fn read_proxy_header(bytes: &[u8]) -> Result<Option<(Proxied, usize)>, Malformed> {
    let begins = |signature: &[u8]| bytes.iter().zip(signature).all(|(have, wanted)| have == wanted);
    if begins(V1) {
        v1(bytes)
    } else if begins(V2) {
        v2(bytes)
    } else {
        Err(Malformed)
    }
}

fn v1(bytes: &[u8]) -> Result<Option<(Proxied, usize)>, Malformed> {
    let line = &bytes[..bytes.len().min(MAX_V1_BYTES)];
    let Some(end) = line.iter().position(|&b| !matches!(b, b' '..=b'~')) else {
        return if line.len() < MAX_V1_BYTES { Ok(None) } else { Err(Malformed) };
    };
    match line[end..] {
        [b'\r', b'\n', ..] => {}
        // One byte more, if there is room for it.
        [b'\r'] if line.len() < MAX_V1_BYTES => return Ok(None),
        _ => return Err(Malformed),
    }
    let text = std::str::from_utf8(line.get(V1.len()..end).ok_or(Malformed)?).map_err(|_| Malformed)?;
    let mut words = text.split(' ');
    let proxied = match words.next() {
        // Whatever else stands before the CRLF is to be ignored.
        Some("UNKNOWN") => return Ok(Some((Proxied::Unnamed, end + 2))),
        Some("TCP4") => addresses::<Ipv4Addr>(&mut words).map(IpAddr::from),
        Some("TCP6") => addresses::<Ipv6Addr>(&mut words).map(IpAddr::from),
        Some(_) | None => None,
    };
    let client = proxied.filter(|_| words.next().is_none()).ok_or(Malformed)?;
    Ok(Some((Proxied::For(client.to_canonical()), end + 2)))
}

/// The first of two addresses and two ports.
fn addresses<'w, A: std::str::FromStr>(words: &mut impl Iterator<Item = &'w str>) -> Option<A> {
    let mut address = || words.next()?.parse::<A>().ok();
    let (client, _) = (address()?, address()?);
    let mut port = || words.next().filter(|word| is_port(word));
    port().and_then(|_| port()).map(|_| client)
}

/// A number below 65536 without a sign or needless zeros.
fn is_port(word: &str) -> bool {
    word.parse::<u16>().is_ok_and(|port| port.to_string() == word)
}

fn v2(bytes: &[u8]) -> Result<Option<(Proxied, usize)>, Malformed> {
    const LOCAL: u8 = 0x20;
    const PROXY: u8 = 0x21;
    // What cannot become a header is told by its first wrong byte.
    if bytes.get(12).is_some_and(|&command| !matches!(command, LOCAL | PROXY)) {
        return Err(Malformed);
    }
    let Some((fixed, rest)) = bytes.split_first_chunk::<V2_FIXED_BYTES>() else { return Ok(None) };
    let (command, family) = (fixed[12], fixed[13]);
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if V2_FIXED_BYTES + length > MAX_HEADER_BYTES {
        return Err(Malformed);
    }
    let Some(block) = rest.get(..length) else { return Ok(None) };
    let proxied = match (command, family) {
        // Of a proxy that speaks for itself everything else is to be ignored, the family too (section 2.2). Where the family is
        // unspecified, so are the addresses, and nobody knows where extensions would begin.
        (LOCAL, _) | (PROXY, 0x00) => Some(Proxied::Unnamed),
        (PROXY, 0x11) => after_addresses(block, 12).map(|v4: [u8; 4]| Proxied::For(v4.into())),
        (PROXY, 0x21) => after_addresses(block, 36).map(|v6: [u8; 16]| Proxied::For(IpAddr::from(v6).to_canonical())),
        // A client of the proxy on its own machine.
        (PROXY, 0x31) => after_addresses(block, 216).map(|_: [u8; 4]| Proxied::Unnamed),
        // Datagrams do not come over TCP; other families are not specified.
        _ => None,
    };
    Ok(Some((proxied.ok_or(Malformed)?, V2_FIXED_BYTES + length)))
}

/// The first `N` bytes of a block whose addresses take `length` bytes, and behind them nothing but whole extensions (type, length,
/// value; section 2.2), which are not read.
fn after_addresses<const N: usize>(block: &[u8], length: usize) -> Option<[u8; N]> {
    let (addresses, mut extensions) = block.split_at_checked(length)?;
    while !extensions.is_empty() {
        let (&[_, high, low], rest) = extensions.split_first_chunk()?;
        extensions = rest.get(usize::from(u16::from_be_bytes([high, low]))..)?;
    }
    addresses.first_chunk().copied()
}

#[cfg(test)]
mod tests;
