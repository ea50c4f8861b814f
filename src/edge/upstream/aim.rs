//! One request's way to an upstream: which addresses it has tried, and the one that it is at.
//!
//! Nothing of a request has been sent before a connection is there, so a failure to connect goes on to the next address. What has
//! been sent once is not sent again, with one exception that [`Aim::again`] is for.

use std::sync::Arc;

use pingora::upstreams::peer::HttpPeer;

use super::{Address, InUse, Upstream, UpstreamStream};
use crate::{telemetry::UpstreamError, upstream::UpstreamTimeouts};

/// A request's way to an upstream. Counts at its address for as long as it lives.
pub struct Aim {
    upstream: Arc<Upstream>,
    hash: u32,
    /// A bit for each address.
    tried: u64,
    at: Option<InUse>,
    again: Again,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Possible,
    Next,
    Used,
}

impl Aim {
    pub(super) const fn at(upstream: Arc<Upstream>, hash: u32) -> Self {
        Self { upstream, hash, tried: 0, at: None, again: Again::Possible }
    }

    /// How long the upstream may take.
    #[must_use]
    pub fn timeouts(&self) -> UpstreamTimeouts {
        self.upstream.spec.timeouts
    }

    /// Whether there is an address that was not tried.
    #[must_use]
    pub fn has_next(&self) -> bool {
        (self.tried.count_ones() as usize) < self.upstream.addresses.len()
    }

    /// Makes the next attempt one at the same address, once. Returns whether it will be.
    pub fn again(&mut self) -> bool {
        let possible = self.at.is_some() && self.again == Again::Possible;
        if possible {
            self.again = Again::Next;
        }
        possible
    }

    /// Connects for one stream, and sends what is taken of `first` at once ([`Address::connect`]). `failed` is told of every failure
    /// but the last.
    ///
    /// # Errors
    /// Why the last address that was tried cannot be connected to; nothing was sent then.
    pub async fn connect(
        &mut self,
        first: &[u8],
        failed: impl Fn(UpstreamError),
    ) -> Result<(UpstreamStream, usize), UpstreamError> {
        while let Some(address) = self.next() {
            match address.connect(first).await {
                Err(error) if self.has_next() => failed(error),
                last => return last,
            }
        }
        Err(UpstreamError::Connect)
    }

    /// The peer by which pingora connects to the next address. `failed` is told of every failure but the last.
    ///
    /// # Errors
    /// If no address is left whose name resolves.
    pub async fn peer(&mut self, failed: impl Fn(UpstreamError)) -> Result<HttpPeer, UpstreamError> {
        while let Some(address) = self.next() {
            match address.peer().await {
                Err(error) if self.has_next() => failed(error),
                last => return last,
            }
        }
        Err(UpstreamError::Connect)
    }

    /// What counts the stream at its address; to be kept as long as that lives.
    #[must_use]
    pub fn into_use(self) -> Option<InUse> {
        self.at
    }

    fn next(&mut self) -> Option<Arc<Address>> {
        if self.again == Again::Next {
            self.again = Again::Used;
            return self.at.as_ref().map(|at| Arc::clone(at.address()));
        }
        // Given back first: what failed is no use of an address.
        self.at = None;
        let index = self.upstream.choose(self.hash, self.tried)?;
        self.tried |= 1 << index;
        let address = &self.upstream.addresses[index];
        self.at = Some(InUse::new(address));
        Some(Arc::clone(address))
    }
}
