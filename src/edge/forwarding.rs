//! What becomes of the requests of one route: where they go, by environment, the path that is seen there, and headers of our own.

use std::{borrow::Cow, fmt, sync::Arc};

use http::HeaderValue;

use super::{
    exchange::RequestId,
    upstream::{Aim, Upstream, stable_hash},
};
use crate::{
    gate::{
        credential::Environment,
        permit::Permit,
        policy::Rewrite,
        request::{RequestHead, same_when_folded},
    },
    upstream::{Balance, HashOn, SetHeader},
};

/// What becomes of the requests of one route.
pub struct Forward {
    live: Option<Arc<Upstream>>,
    test: Option<Arc<Upstream>>,
    rewrite: Option<Rewrite>,
    headers: SetHeaders,
}

impl Forward {
    /// A route that goes to these upstreams.
    #[must_use]
    pub const fn new(
        live: Option<Arc<Upstream>>,
        test: Option<Arc<Upstream>>,
        rewrite: Option<Rewrite>,
        headers: SetHeaders,
    ) -> Self {
        Self { live, test, rewrite, headers }
    }

    /// Every upstream of the route.
    pub fn upstreams(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        self.live.iter().chain(&self.test)
    }

    /// The headers that are set.
    #[must_use]
    pub const fn headers(&self) -> &SetHeaders {
        &self.headers
    }

    /// The path that the backend sees in place of `path`; `None` only if `permit` is of another route.
    #[must_use]
    pub fn path<'p>(&self, permit: &Permit, path: &'p str) -> Option<Cow<'p, str>> {
        match &self.rewrite {
            None => Some(Cow::Borrowed(path)),
            Some(rewrite) => rewrite.apply(&permit.route().path, path).map(Cow::Owned),
        }
    }

    /// The request's way to its upstream: that of its key's environment. Where there is none, or no key, as on public routes and
    /// where refusals are only reported, it goes where live keys go, if any do. `None` only if nobody is let in.
    #[must_use]
    pub fn aim(&self, permit: &Permit, head: &RequestHead<'_>, id: &RequestId) -> Option<Aim> {
        let own = permit.key().and_then(|key| match key.environment {
            Environment::Live => self.live.as_ref(),
            Environment::Test => self.test.as_ref(),
        });
        let upstream = own.or(self.live.as_ref()).or(self.test.as_ref())?;
        let hash = match &upstream.spec().balance {
            Balance::RoundRobin | Balance::LeastConnections => 0,
            Balance::ConsistentHash(on) => hash_of(on, permit, head).unwrap_or_else(|| stable_hash(id.as_str().as_bytes())),
        };
        Some(Arc::clone(upstream).aim(hash))
    }
}

/// The hash of what a request has in common with others; `None` where it has nothing of the kind.
fn hash_of(on: &HashOn, permit: &Permit, head: &RequestHead<'_>) -> Option<u32> {
    match on {
        HashOn::Ip => head.peer.ip().map(|ip| stable_hash(ip.to_canonical().to_string().as_bytes())),
        HashOn::Key => permit.key().map(|key| stable_hash(key.id.as_bytes())),
        HashOn::Header(name) => head.values(name).next().map(stable_hash),
        HashOn::Query(name) => {
            let mut pairs = head.query?.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
            pairs.find(|(own, _)| *own == &**name).map(|(_, value)| stable_hash(value.as_bytes()))
        }
    }
}

/// Headers of the request to the backend. Their values may be secrets: they are marked as such for whoever prints a head, and print
/// as nothing here.
#[derive(Clone, Default)]
pub struct SetHeaders(Box<[(Box<str>, HeaderValue)]>);

impl SetHeaders {
    /// These names and values.
    ///
    /// # Errors
    /// If a value cannot be sent in a header; it is not repeated.
    pub fn new(headers: &[SetHeader]) -> Result<Self, String> {
        let marked = headers.iter().map(|SetHeader { name, value }| {
            let mut value = HeaderValue::from_str(value).map_err(|_| format!("the value of `{name}` cannot be sent"))?;
            value.set_sensitive(true);
            Ok((name.clone(), value))
        });
        marked.collect::<Result<_, String>>().map(Self)
    }

    /// Whether a client's header of this name gives way to one of these.
    #[must_use]
    pub fn replaces(&self, name: &str) -> bool {
        self.0.iter().any(|(own, _)| same_when_folded(own, name))
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }
}

impl fmt::Debug for SetHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}
