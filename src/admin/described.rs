//! A request as somebody describes it, to be told what the gate would say to it.

use crate::gate::peer::PeerAddress;

/// A request. It may hold the text of a key in several places, and so does not print.
pub struct Described {
    /// `GET`.
    pub method: String,
    /// The path, and behind `?` a query if there is one.
    pub target: String,
    /// The page that it comes from.
    pub origin: Option<String>,
    /// The address that connects: the client's, or that of a proxy, which names the client in a header.
    pub peer: PeerAddress,
    /// The host that is asked.
    pub host: String,
    /// More headers.
    pub headers: Vec<DescribedHeader>,
    /// The body, JSON as text, for routes that look for channels in it.
    pub body: Option<String>,
    /// Whether it is a WebSocket handshake.
    pub websocket: bool,
    /// Whether it is for server-sent events.
    pub sse: bool,
    /// Whether its connection is encrypted up to the gate.
    pub secure: bool,
    /// The text of its key, for the first header that the configuration takes keys in.
    pub key: Option<String>,
}

/// One of its headers.
pub struct DescribedHeader {
    /// `X-Forwarded-For`.
    pub name: String,
    /// Without white space around it.
    pub value: String,
}
