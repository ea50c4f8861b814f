//! Who asks: the client's address, and whether its connection is encrypted, where proxies stand between it and the gate.
//!
//! Knows the socket's address and the headers as values, and believes the headers only of proxies that the configuration names.
//! Whatever cannot be read ends the search at the nearest address known: never at one that somebody only claims.
//! Entry: [`Peer::resolve`].

mod address;
mod forwarded;
mod networks;
mod node;
mod resolve;

pub use address::{PeerAddress, UNIX};
pub use networks::{NetworkError, Networks};
pub use resolve::{Chain, Found, MAX_HOPS, Peer};
