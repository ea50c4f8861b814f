//! One decision, step by step. Each step is a line of [`Asked::decide`] and a function below it.

use std::{mem, sync::Arc};

use super::{
    Admitted, NeedBody, Snapshot, Standing, Step, Witness,
    capability::{Capabilities, Channel, Need, Operations, Place},
    channel::{ChannelSource, is_json},
    cors,
    credential::{KeyDigest, Kind, Location},
    denial::Denial,
    keys::{KeyRecord, KeySet, KeyState},
    limit::{Charge, Charges, Lease, LimitName, Pace, PeerTable},
    page::Page,
    permit::{Found, Permit, Refusal},
    policy::{Demand, Mode, Route},
    request::RequestHead,
    spend::spend,
    time::Timestamp,
};

/// A decision under way: what was asked, and what has been found so far, for a permit or a refusal to tell.
pub(super) struct Asked<'s, 'h, 'w, W> {
    snapshot: &'s Snapshot,
    peers: &'s PeerTable,
    head: &'h RequestHead<'h>,
    now: Timestamp,
    witness: &'w mut W,
    route: Option<usize>,
    /// Whose credential it is, good or not.
    key: Option<&'s Arc<KeyRecord>>,
    location: Option<Location>,
    /// The key's, once its credential was found good; and until when that is.
    good: Option<(KeyDigest, i64)>,
    needed: Need,
    origin_listed: bool,
    browser_report: bool,
    charges: Charges,
    lease: Option<Lease<KeyState>>,
}

/// What a request is found to lack, or that it lacks nothing.
enum Passed {
    Whole,
    /// All but the channels in its body.
    ButBody,
}

impl<'s, 'h, 'w, W: Witness> Asked<'s, 'h, 'w, W> {
    pub(super) fn new(
        snapshot: &'s Snapshot,
        peers: &'s PeerTable,
        head: &'h RequestHead<'h>,
        now: Timestamp,
        witness: &'w mut W,
    ) -> Self {
        Self {
            snapshot,
            peers,
            head,
            now,
            witness,
            route: None,
            key: None,
            location: None,
            good: None,
            needed: Need::NOTHING,
            origin_listed: false,
            browser_report: false,
            charges: Charges::default(),
            lease: None,
        }
    }

    /// The decision. A refusal of a request whose mode is to report becomes a permit that tells of it.
    #[inline] // so that the permit is written where it is wanted, and not moved there
    pub(super) fn verdict(&mut self) -> Result<Admitted, Refusal> {
        match self.decide() {
            Ok(Passed::Whole) => self.permit(None),
            Ok(Passed::ButBody) => {
                let (peer, chain, origin_known) = (self.head.peer, self.head.chain, self.origin_is_known());
                let found = self.found(None).map_err(Refusal::bare)?;
                Ok(Admitted::NeedBody(NeedBody { found, peer, chain, origin_known }))
            }
            Err(denial) => {
                let found = self.route;
                if denial == Denial::PeerLimited {
                    // Decided before there was a route, whose mode counts, and by which the request goes if that is to report.
                    self.route = self.snapshot.policy.route(self.head, cors::routed_method(self.head));
                }
                if self.is_reported(denial) {
                    return self.permit(Some(denial));
                }
                self.route = found;
                Err(self.refusal(denial))
            }
        }
    }

    /// The order is a contract (`tests/decision`): cheap before costly, anonymous before identified, limits last, so that a
    /// request refused for any other reason spends no key's quota.
    #[inline]
    fn decide(&mut self) -> Result<Passed, Denial> {
        self.peer_is_not_blocked()?;
        let keys = self.snapshot.fresh_keys(self.now)?;
        self.peer_is_patient()?;
        let route = self.routed()?;
        if route.demand == Demand::Public {
            self.open_to_all();
            return Ok(Passed::Whole);
        }
        let key = self.authenticated(keys)?;
        self.environment_is_let_in(key)?;
        self.address_is_allowed(key)?;
        self.secret_stays_on_servers(key)?;
        self.origin_is_listed(key)?;
        if let Passed::ButBody = self.capable(key, route)? {
            return Ok(Passed::ButBody);
        }
        self.limited(key)?;
        Ok(Passed::Whole)
    }

    #[inline] // as above
    fn permit(&mut self, reported: Option<Denial>) -> Result<Admitted, Refusal> {
        let found = self.found(reported).map_err(Refusal::bare)?;
        Ok(Admitted::Permit(Permit { found, reported, charges: self.charges, lease: self.lease.take() }))
    }

    #[inline] // as above
    fn found(&mut self, reported: Option<Denial>) -> Result<Found, Denial> {
        let standing = self.key.map(|key| Standing {
            key: Arc::clone(key),
            digest: self.good.map_or(key.digest.digest, |(digest, _)| digest),
            good: self.good.is_some(),
            needed: mem::replace(&mut self.needed, Need::NOTHING),
            reported: reported.is_some(),
        });
        Ok(Found {
            policy: Arc::clone(&self.snapshot.policy),
            route: self.route.ok_or(Denial::NoRoute)?,
            transport: self.head.transport,
            standing,
            location: self.location,
            generation: self.snapshot.generation,
            until_ms: self.good.map_or(i64::MAX, |(_, until_ms)| until_ms),
            origin_listed: self.origin_listed,
            browser_report: self.browser_report,
        })
    }

    /// Whether a refusal is only to be told of. A key has a say once it is known to be whole: its mode must not bring it back to life.
    fn is_reported(&self, denial: Denial) -> bool {
        let whole = self.key.filter(|_| self.good.is_some());
        self.snapshot.policy.mode_of(self.route, whole.map(|key| &**key)) == Mode::Report && denial.can_be_reported()
    }

    /// What a refusal tells besides its reason.
    fn refusal(&self, denial: Denial) -> Refusal {
        Refusal {
            denial,
            key: self.key.cloned(),
            route: self.route.map(|at| Arc::clone(&self.snapshot.policy.routes[at])),
            charges: self.charges,
            origin_listed: self.origin_is_known(),
        }
    }

    /// Whether some key lists the origin, so that its page may read what has nothing to do with a key.
    fn origin_is_known(&self) -> bool {
        self.head.origin.as_ref().is_some_and(|origin| cors::lists(self.snapshot, origin))
    }

    fn peer_is_not_blocked(&mut self) -> Result<(), Denial> {
        if self.snapshot.blocks_peer_of(self.head, self.now) { Err(Denial::PeerBlocked) } else { Ok(()) }
    }

    fn key_is_not_blocked(&self, key: &KeyRecord) -> Result<(), Denial> {
        self.snapshot.blocks.of_key(&key.id, self.now.unix_ms).map_or(Ok(()), |_| Err(Denial::KeyBlocked))
    }

    fn peer_is_patient(&mut self) -> Result<(), Denial> {
        let Some(quota) = self.snapshot.policy.peer_refusals else { return Ok(()) };
        let pace = self.peers.peek(self.head.peer.into(), &quota, self.now.ticks_ns);
        if let Pace::Beyond { .. } = pace {
            self.charges = Charges::one(Charge::of_rate(LimitName::Ip, &quota, pace));
            return Err(Denial::PeerLimited);
        }
        self.witness.passed(Step::Peer, || format!("{} has refusals to spare", self.head.peer));
        Ok(())
    }

    fn routed(&mut self) -> Result<&'s Route, Denial> {
        let at = self.snapshot.policy.route(self.head, cors::routed_method(self.head)).ok_or(Denial::NoRoute)?;
        self.route = Some(at);
        let route = &self.snapshot.policy.routes[at];
        if route.demand == Demand::Unroutable {
            return Err(Denial::NoRoute);
        }
        self.witness.passed(Step::Route, || format!("`{}` ({})", route.name, route.path));
        Ok(route)
    }

    /// A public route asks for no key and looks at none; what stands where keys stand is stripped all the same.
    fn open_to_all(&mut self) {
        self.origin_listed = self.origin_is_known();
        self.witness.passed(Step::Credential, || "none needed: the route is public".to_owned());
    }

    fn authenticated(&mut self, keys: &'s KeySet) -> Result<&'s Arc<KeyRecord>, Denial> {
        let presented = self.snapshot.policy.locations.find(self.head)?;
        self.location = Some(presented.location);
        match presented.location {
            Location::Basic if !self.head.confidential => return Err(Denial::TlsRequired),
            Location::Cookie => return Err(Denial::KeyInCookie),
            Location::Header | Location::Bearer | Location::Query | Location::WebsocketProtocol | Location::Basic => {}
        }
        self.witness.passed(Step::Credential, || format!("found in {}", presented.location.name()));
        match keys.authenticate(&presented.text, self.now.unix_ms) {
            Ok((key, digest, until_ms)) => {
                self.key = Some(key);
                self.key_is_not_blocked(key)?;
                self.good = Some((digest, until_ms));
                self.witness.passed(Step::Key, || {
                    format!("`{}` of app `{}`: {} {}", key.id, key.app, key.kind.name(), key.environment.name())
                });
                Ok(key)
            }
            Err((denial, key)) => {
                self.key = key;
                // What is revoked may be let through as a report; what is blocked never is.
                key.map_or(Ok(()), |key| self.key_is_not_blocked(key))?;
                Err(denial)
            }
        }
    }

    fn environment_is_let_in(&mut self, key: &KeyRecord) -> Result<(), Denial> {
        if !self.snapshot.policy.environments.contains(&key.environment) {
            return Err(Denial::WrongEnvironment);
        }
        self.witness.passed(Step::Environment, || format!("{} keys are let in", key.environment.name()));
        Ok(())
    }

    fn address_is_allowed(&mut self, key: &KeyRecord) -> Result<(), Denial> {
        let Some(allowed) = key.ips() else { return Ok(()) };
        // Where two clients are named, it must be allowed to both.
        if !allowed.contains(self.head.peer) || self.head.chain.claims().any(|claim| !allowed.contains(claim)) {
            return Err(Denial::AddressRefused);
        }
        self.witness.passed(Step::Address, || format!("{} is among the key's `ips`", self.head.peer));
        Ok(())
    }

    fn secret_stays_on_servers(&mut self, key: &KeyRecord) -> Result<(), Denial> {
        if key.kind != Kind::Secret {
            return Ok(());
        }
        if self.location == Some(Location::Query) && !self.snapshot.policy.locations.secrets_in_query {
            return Err(Denial::SecretInQuery);
        }
        let browser = Page::of(self.head).keeps_secret(key)?;
        self.browser_report = browser;
        self.witness.passed(Step::Browser, || if browser { "a browser, reported" } else { "not a browser" }.to_owned());
        Ok(())
    }

    /// Also finds whether the answer may be read by the page that asked.
    fn origin_is_listed(&mut self, key: &KeyRecord) -> Result<(), Denial> {
        let listed = Page::of(self.head).is_listed(key)?;
        self.origin_listed = listed;
        self.witness.passed(Step::Origin, || {
            match (self.head.origin, listed) {
                (None, _) => "none needed",
                (Some(_), true) => "listed",
                (Some(_), false) => "not asked of this secret key",
            }
            .to_owned()
        });
        Ok(())
    }

    /// Also finds what the key must go on holding for as long as a stream lives.
    fn capable(&mut self, key: &KeyRecord, route: &Route) -> Result<Passed, Denial> {
        let needed = route.needs(self.head.transport);
        if !needed.is_met_by(&key.capabilities) {
            return Err(Denial::NotCapable);
        }
        self.needed = needed;
        if self.needed.place == Place::Anywhere && route.names_channel(self.head.transport) {
            if let ChannelSource::Json(_) = route.channel {
                is_json(self.head)?;
                return Ok(Passed::ButBody);
            }
            self.channels_are_held(key, route)?;
        }
        self.witness.passed(Step::Operation, || match &self.needed {
            Need { operations: Operations::NONE, admin: None, .. } => "a valid key is enough".to_owned(),
            needed => format!("{needed} is among {}", key.capabilities),
        });
        Ok(Passed::Whole)
    }

    /// Every channel that the head names must be held, and a stream must go on holding it.
    fn channels_are_held(&mut self, key: &KeyRecord, route: &Route) -> Result<(), Denial> {
        let operations = self.needed.operations;
        let mut names = Vec::new();
        route.channel.named_in_head(self.head, &route.path, |channel| {
            holds(&key.capabilities, operations, channel)?;
            if self.head.transport.is_stream() {
                names.push(channel.into());
            }
            Ok(())
        })?;
        if self.head.transport.is_stream() {
            self.needed.place = Place::Channels(names.into());
        }
        Ok(())
    }

    fn limited(&mut self, key: &Arc<KeyRecord>) -> Result<(), Denial> {
        self.lease = spend(key, self.head.transport, self.now, &mut self.charges)?;
        self.witness.passed(Step::Limits, || {
            let left = |charge: &Charge| format!("{}: {} of {} left", charge.limit.name(), charge.remaining, charge.quota);
            let told: Vec<_> = self.charges.iter().map(left).collect();
            if told.is_empty() { "none".to_owned() } else { told.join(", ") }
        });
        Ok(())
    }
}

/// Whether `held` has these operations on the channel of this name.
///
/// # Errors
/// [`Denial::ChannelInvalid`] for what names no channel, and [`Denial::NotCapable`].
pub(super) fn holds(held: &Capabilities, operations: Operations, channel: &str) -> Result<(), Denial> {
    let channel = Channel::parse(channel).map_err(|_| Denial::ChannelInvalid)?;
    if held.on(&channel).contains_all(operations) { Ok(()) } else { Err(Denial::NotCapable) }
}
