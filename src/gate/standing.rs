//! What a stream stands on, and whether it still does after a change of policy, keys or blocks.
//!
//! A stream is not decided again: its credential is gone, and its limits were charged. It is asked instead whether all that let it
//! in still holds. Entry: [`Gate::still_stands`].

use std::sync::Arc;

use super::{
    Gate, Snapshot,
    capability::{Need, Place},
    channel::ChannelSource,
    credential::KeyDigest,
    denial::Denial,
    keys::KeyRecord,
    origin::Claimed,
    page::{FetchSite, Page},
    peer::PeerAddress,
    permit::Permit,
    policy::{Demand, Mode, Route},
    request::{RequestHead, Transport},
    time::Timestamp,
};

/// The key that a stream stands on: taken away, the stream ends.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The key, as it was when it was let in.
    pub key: Arc<KeyRecord>,
    /// The digest of the text that was presented, for one secret of a key can end before another.
    pub digest: KeyDigest,
    /// Whether that was good. What stands on a credential that was not, because its refusal was only reported, has nothing to lose but
    /// by a block of the key.
    pub good: bool,
    /// What the key must go on being allowed to do.
    pub needed: Need,
    /// Whether a refusal was only reported: then the stream needs its key alone.
    pub reported: bool,
}

/// What a stream asked for, kept so that it can be asked again.
#[derive(Clone, Debug)]
pub struct Asking {
    route: Arc<Route>,
    transport: Transport,
    host: Option<Box<str>>,
    path: Box<str>,
    /// `Origin`, as sent.
    origin: Option<Box<[u8]>>,
    fetch_site: Option<FetchSite>,
    secure: bool,
    browser_agent: bool,
    /// Why it would have been refused, where that was only reported.
    reported: Option<Denial>,
}

impl Asking {
    /// What `head` asked for and `permit` let in.
    #[must_use]
    pub fn of(head: &RequestHead<'_>, permit: &Permit) -> Self {
        let page = Page::of(head);
        Self {
            route: Arc::clone(permit.route()),
            transport: head.transport,
            host: head.host.map(Into::into),
            path: head.path.into(),
            origin: head.origin.and_then(|_| head.values("origin").next()).map(Into::into),
            fetch_site: page.fetch_site,
            secure: page.secure,
            browser_agent: page.browser_agent,
            reported: permit.reported(),
        }
    }

    /// The name of the route that let it in.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.route.name
    }

    /// Whether `key` may do what the stream asked for, on the route that it takes now; `before` is what it needed on its own.
    fn is_let_in(&self, route: &Route, key: &KeyRecord, before: &Need) -> Result<(), Denial> {
        // What was refused then, and let in as a report, may be right by now; of a limit or a channel only a new request can tell.
        if let Some(denial) = self.reported
            && !matches!(denial, Denial::NotCapable | Denial::WrongEnvironment | Denial::AddressRefused)
            && !matches!(denial, Denial::OriginRefused | Denial::OriginMissing | Denial::SecretInBrowser)
        {
            return Err(denial);
        }
        self.page_is_let_in(key)?;
        // Almost always nothing was changed of the route.
        let met = if *route == *self.route && self.reported.is_none() {
            before.is_met_by(&key.capabilities)
        } else {
            self.needs(route, before)?.is_met_by(&key.capabilities)
        };
        if met { Ok(()) } else { Err(Denial::NotCapable) }
    }

    /// What `route` needs of the stream. Where it names channels in another way than the route that let the stream in, or that looked
    /// for none, nobody knows which ones the stream would have named.
    fn needs(&self, route: &Route, before: &Need) -> Result<Need, Denial> {
        let mut need = route.needs(self.transport);
        if need.place == Place::Anywhere && route.names_channel(self.transport) {
            let by_path = route.channel == ChannelSource::Path;
            let named = matches!(before.place, Place::Channels(_));
            if !named || route.channel != self.route.channel || by_path && route.path != self.route.path {
                return Err(Denial::ChannelMissing);
            }
            need.place = before.place.clone();
        }
        Ok(need)
    }

    /// Whether `key` lets in the page that asked.
    fn page_is_let_in(&self, key: &KeyRecord) -> Result<(), Denial> {
        let origin = self.origin.as_deref().map(Claimed::parse);
        let page = Page {
            origin: origin.as_ref(),
            fetch_site: self.fetch_site,
            host: self.host.as_deref(),
            secure: self.secure,
            browser_agent: self.browser_agent,
        };
        page.keeps_secret(key)?;
        page.is_listed(key).map(drop)
    }
}

/// What stands under a snapshot.
pub(super) struct Stands<'s> {
    /// The key as it is in this snapshot; `None` where there is none to stand on.
    pub key: Option<&'s Arc<KeyRecord>>,
    pub until_ms: i64,
}

impl Snapshot {
    /// [`Gate::still_stands`] under this snapshot.
    pub(super) fn stands(
        &self,
        standing: Option<&Standing>,
        asking: Option<&Asking>,
        peer: PeerAddress,
        now: Timestamp,
    ) -> Result<Stands<'_>, Denial> {
        const ON_NO_KEY: Stands<'_> = Stands { key: None, until_ms: i64::MAX };
        if self.blocks.of_peer(peer, now.unix_ms).is_some() {
            return Err(Denial::PeerBlocked);
        }
        if let Some(standing) = standing
            && self.blocks.of_key(&standing.key.id, now.unix_ms).is_some()
        {
            return Err(Denial::KeyBlocked);
        }
        let Some(standing) = standing.filter(|standing| standing.good) else {
            asking.map_or(Ok(()), |asking| self.is_open_to(asking))?;
            return Ok(ON_NO_KEY);
        };
        let keys = self.keys.as_deref().ok_or(Denial::NotReady)?;
        let (key, until_ms) = keys.still(&standing.key.id, &standing.digest, now.unix_ms)?;
        let stands = Stands { key: Some(key), until_ms };
        let route = asking.and_then(|asking| self.route_of(asking));
        if self.policy.mode_of(route, Some(key)) == Mode::Report {
            return Ok(stands);
        }
        if !self.policy.environments.contains(&key.environment) {
            return Err(Denial::WrongEnvironment);
        }
        if key.ips().is_some_and(|allowed| !allowed.contains(peer)) {
            return Err(Denial::AddressRefused);
        }
        let Some(asking) = asking else {
            let met = standing.reported || standing.needed.is_met_by(&key.capabilities);
            return if met { Ok(stands) } else { Err(Denial::NotCapable) };
        };
        let route = &self.policy.routes[route.ok_or(Denial::NoRoute)?];
        asking.is_let_in(route, key, &standing.needed).map(|()| stands)
    }

    /// The place of the route that a stream's request takes now. Streams are opened by `GET`.
    fn route_of(&self, asking: &Asking) -> Option<usize> {
        let takes = |route: &Arc<Route>| route.matches(asking.host.as_deref(), &asking.path, "GET");
        self.policy.routes.iter().position(takes)
    }

    /// Whether a stream may stay that stands on no key.
    fn is_open_to(&self, asking: &Asking) -> Result<(), Denial> {
        let route = self.route_of(asking);
        let is_public = route.is_some_and(|at| self.policy.routes[at].demand == Demand::Public);
        if is_public || self.policy.mode_of(route, None) == Mode::Report {
            return Ok(());
        }
        Err(asking.reported.unwrap_or(if route.is_none() { Denial::NoRoute } else { Denial::MissingKey }))
    }
}

impl Gate {
    /// Whether a stream of `peer` that was let in may stay, under the current keys, policy and blocks, and until when its credential
    /// is good, in Unix milliseconds (`i64::MAX`: until somebody changes it). `asking` is what it asked for; a plain exchange, whose
    /// route is not asked again, has none.
    ///
    /// # Errors
    /// Why it may not stay.
    pub fn still_stands(
        &self,
        standing: Option<&Standing>,
        asking: Option<&Asking>,
        peer: PeerAddress,
        now: Timestamp,
    ) -> Result<i64, Denial> {
        self.snapshot.load().stands(standing, asking, peer, now).map(|stands| stands.until_ms)
    }
}
