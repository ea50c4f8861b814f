//! From the socket's address and the headers to who sent a request: the right-most hop that is no trusted proxy.

use std::net::IpAddr;

use super::{
    Networks, PeerAddress,
    forwarded::{self, Hop, encrypts},
    node::hop,
};
use crate::gate::request::Header;

/// Hops that are looked at, from the right. Chains of proxies are shorter; a longer list is somebody's invention.
pub const MAX_HOPS: usize = 32;

const X_FORWARDED_FOR: &str = "x-forwarded-for";
const X_FORWARDED_PROTO: &str = "x-forwarded-proto";
const FORWARDED: &str = "forwarded";

/// Who sent a request, as far as it can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The client's address, never one of IPv4 mapped into IPv6; [`PeerAddress::Unix`] where it came through a Unix socket and nobody
    /// who is believed says more.
    pub address: PeerAddress,
    /// Whether the client's connection is encrypted: what a trusted proxy says of it, else what the gate's own connection is.
    pub secure: bool,
    /// Whether nobody between the client and the gate can read along, so that Basic credentials may be taken: the connection is
    /// secure, or comes from this machine and is not said to be in the clear by a trusted proxy there.
    pub confidential: bool,
    /// How the request came here.
    pub chain: Chain,
}

/// The way of a request from its client to the gate: the socket's address, and the hops that were believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    socket: PeerAddress,
    found: Found,
    hops: u8,
    /// The clients that are named, where they are two.
    claims: Option<[PeerAddress; 2]>,
}

/// What the address of a peer was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The socket; no header claims another.
    Socket,
    /// The socket, which is no trusted proxy's: headers that claim another address are not believed.
    Unheard,
    /// The socket, which is a trusted proxy's: it names nobody that can be read.
    Unnamed,
    /// The socket, which is a trusted proxy's: its `X-Forwarded-For` and its `Forwarded` name different clients.
    Disagreed,
    /// `X-Forwarded-For` of a trusted proxy.
    XForwardedFor,
    /// `Forwarded` of a trusted proxy.
    Forwarded,
}

impl Peer {
    /// Who sent a request with these headers over a connection from `socket`, which is encrypted if `tls`. `socket` is the address
    /// that the PROXY protocol names, where that is spoken.
    ///
    /// The headers are believed only if `socket` is in `trusted`. Then hops are read from the right; the first that is not in
    /// `trusted` is the peer, and where all are, the left-most. What cannot be read, and the hop behind [`MAX_HOPS`], end the
    /// search at the last address known. A proxy writes one of the two headers and may pass a client's other one on, and nobody can
    /// tell which: if both are there they must come to the same address, else it is the socket's.
    #[must_use]
    pub fn resolve(socket: PeerAddress, tls: bool, trusted: &Networks, headers: &[Header<'_>]) -> Self {
        let socket = socket.to_canonical();
        if !trusted.contains(socket) {
            let claims = headers.iter().any(|header| is(header, X_FORWARDED_FOR) || is(header, FORWARDED));
            return Self::at(socket, tls, None, if claims { Found::Unheard } else { Found::Socket });
        }
        let x_forwarded_for = walk(socket, trusted, x_forwarded_for(headers));
        let forwarded = walk(socket, trusted, forwarded(headers));
        let said = both(x_forwarded_proto(headers), forwarded.as_ref().and_then(|walked| walked.secure));
        let (walked, found) = match (x_forwarded_for, forwarded) {
            (None, None) => return Self::at(socket, tls, said, Found::Unnamed),
            (Some(one), Some(other)) if one.address != other.address => {
                let mut peer = Self::at(socket, tls, said, Found::Disagreed);
                peer.chain.claims = Some([one.address, other.address]);
                return peer;
            }
            (Some(walked), _) => (walked, Found::XForwardedFor),
            (None, Some(walked)) => (walked, Found::Forwarded),
        };
        let found = if walked.hops == 0 { Found::Unnamed } else { found };
        let chain = Chain { socket, found, hops: walked.hops, claims: None };
        Self { address: walked.address, chain, ..Self::at(socket, tls, said, found) }
    }

    /// The peer is whoever is at the other end of the socket; `said` is what a trusted proxy there says of its own client.
    fn at(socket: PeerAddress, tls: bool, said: Option<bool>, found: Found) -> Self {
        let secure = said.unwrap_or(tls);
        let confidential = secure || socket.is_local() && said.is_none();
        Self { address: socket, secure, confidential, chain: Chain { socket, found, hops: 0, claims: None } }
    }
}

impl Chain {
    /// A request that came straight from `peer`.
    #[must_use]
    pub const fn direct(peer: PeerAddress) -> Self {
        Self { socket: peer.to_canonical(), found: Found::Socket, hops: 0, claims: None }
    }

    /// What the address of the peer was taken from.
    #[must_use]
    pub const fn found(&self) -> Found {
        self.found
    }

    /// The other end of the gate's connection.
    #[must_use]
    pub const fn socket(&self) -> PeerAddress {
        self.socket
    }

    /// Both clients that a trusted proxy's headers name, where they name two; else none. One of them is the client, and whoever it is
    /// chose the other: what is forbidden to either is forbidden to the request, or a client whom a header shuts out would get rid of
    /// itself by a second one.
    pub fn claims(&self) -> impl Iterator<Item = PeerAddress> + use<> {
        self.claims.into_iter().flatten()
    }

    /// Whether the request came from a trusted proxy, so that its headers speak for the client.
    #[must_use]
    pub const fn is_proxied(&self) -> bool {
        !matches!(self.found, Found::Socket | Found::Unheard)
    }

    /// The addresses that were believed, the peer's first and the socket's last, where that has one. `headers` are those that the peer was resolved with.
    #[must_use]
    pub fn addresses(&self, headers: &[Header<'_>]) -> Vec<IpAddr> {
        let hops = usize::from(self.hops);
        let mut addresses = Vec::from_iter(self.socket.ip());
        match self.found {
            Found::XForwardedFor => addresses.extend(x_forwarded_for(headers).filter_map(|hop| hop.address).take(hops)),
            Found::Forwarded => addresses.extend(forwarded(headers).filter_map(|hop| hop.address).take(hops)),
            Found::Socket | Found::Unheard | Found::Unnamed | Found::Disagreed => {}
        }
        addresses.reverse();
        addresses
    }
}

struct Walked {
    address: PeerAddress,
    hops: u8,
    /// What the last proxy that is trusted says of its client's connection.
    secure: Option<bool>,
}

/// Goes from the socket to the left while hops are trusted. `None` if there are no hops.
fn walk(socket: PeerAddress, trusted: &Networks, hops: impl Iterator<Item = Hop>) -> Option<Walked> {
    let mut walked = None;
    for hop in hops.take(MAX_HOPS) {
        // Whoever wrote this hop is trusted: the socket, or the hop to the right of it.
        let Walked { address, hops, .. } = walked.take().unwrap_or(Walked { address: socket, hops: 0, secure: None });
        let Some(next) = hop.address else { return Some(Walked { address, hops, secure: hop.secure }) };
        walked = Some(Walked { address: next.into(), hops: hops + 1, secure: hop.secure });
        if !trusted.contains(next) {
            break;
        }
    }
    walked
}

fn x_forwarded_for(headers: &[Header<'_>]) -> impl Iterator<Item = Hop> {
    let items = values(headers, X_FORWARDED_FOR).flat_map(|line| line.rsplit(|&b| b == b','));
    items.map(|item| Hop { address: hop(item.trim_ascii()), secure: None })
}

fn forwarded(headers: &[Header<'_>]) -> impl Iterator<Item = Hop> {
    values(headers, FORWARDED).flat_map(forwarded::hops)
}

/// Whether every value says that the connection was encrypted. Proxies that append say nothing of whose value is whose, so that one
/// which says otherwise is enough.
fn x_forwarded_proto(headers: &[Header<'_>]) -> Option<bool> {
    let items = values(headers, X_FORWARDED_PROTO).flat_map(|line| line.split(|&b| b == b','));
    items.map(|item| encrypts(item.trim_ascii())).reduce(|all, one| all && one)
}

const fn both(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one && other),
        (said, None) | (None, said) => said,
    }
}

/// The values of a header, line by line, the last first.
fn values<'h>(headers: &[Header<'h>], name: &'static str) -> impl Iterator<Item = &'h [u8]> {
    headers.iter().rev().filter(move |header| is(header, name)).map(|header| header.value)
}

fn is(header: &Header<'_>, lower: &str) -> bool {
    header.name.len() == lower.len() && header.name.eq_ignore_ascii_case(lower)
}

#[cfg(test)]
mod tests;
