//! What the composition root tells the edge, all of it replaceable while running.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::upstream::Upstream;

/// Settings of one configuration.
pub struct Settings {
    /// Where permitted requests go.
    pub upstream: Arc<Upstream>,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// How many connections there may be.
    pub caps: ConnectionCaps,
    /// Which answers tell of limits.
    pub limit_headers: LimitHeaders,
}

/// Which answers tell of limits, besides those that a limit refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitHeaders {
    /// Whether the answers to permitted requests do.
    pub on_permitted: bool,
    /// Whether they do in `X-RateLimit-*` too.
    pub x_ratelimit: bool,
}

/// The address of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// TCP, with TLS where `tls` says so; the certificate must be good for `host`.
    Tcp { host: String, port: u16, tls: bool },
    /// A Unix socket.
    Unix(PathBuf),
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From a head's first byte to its end; a TLS handshake too.
    pub head: Duration,
    /// Between exchanges of a kept connection.
    pub idle: Duration,
    /// For each piece of a body, sent by the client or taken in by it; `None` is without limit.
    pub body: Option<Duration>,
    /// To connect to the backend.
    pub connect: Duration,
    /// From the end of a request's head to the end of the answer's.
    pub upstream_head: Duration,
}

/// How many connections there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionCaps {
    /// In all.
    pub total: u32,
    /// Per peer; `None` is without limit.
    pub per_peer: Option<u32>,
}

impl Settings {
    /// Settings that forward to `backend`, and tell of limits only whom one refuses.
    ///
    /// # Errors
    /// If the system's certificate authorities, which a TLS backend needs, cannot be read.
    pub fn new(backend: Backend, timeouts: Timeouts, caps: ConnectionCaps) -> Result<Self, String> {
        Ok(Self {
            upstream: Arc::new(Upstream::new(backend, &timeouts)?),
            timeouts,
            caps,
            limit_headers: LimitHeaders::default(),
        })
    }
}
