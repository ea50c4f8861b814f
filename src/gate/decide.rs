//! One decision, step by step. Each step is a line of [`Asked::decide`] and a function below it.

use std::sync::Arc;

use super::{
    Snapshot, Standing, Step, Witness,
    capability::{Need, Operations},
    cors,
    credential::{KeyDigest, Kind, Location},
    denial::Denial,
    keys::{BrowserRule, KeyRecord, KeySet, KeyState},
    limit::{Lease, Pace, PeerTable},
    origin::{Claimed, Origin},
    permit::{Charge, Found, Permit, Refusal},
    policy::{Demand, Mode, Route},
    request::{RequestHead, Transport},
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
    charge: Option<Charge>,
    lease: Option<Lease<KeyState>>,
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
            charge: None,
            lease: None,
        }
    }

    /// The decision. A refusal of a request whose mode is to report becomes a permit that tells of it.
    #[inline] // so that the permit is written where it is wanted, and not moved there
    pub(super) fn verdict(mut self) -> Result<Permit, Refusal> {
        match self.decide() {
            Ok(()) => self.permit(None).map_err(Refusal::bare),
            Err(denial) if self.is_reported(denial) => self.permit(Some(denial)).map_err(|_| Refusal::bare(denial)),
            Err(denial) => Err(self.refusal(denial)),
        }
    }

    /// The order is a contract (`tests/decision`): cheap before costly, anonymous before identified, limits last, so that a
    /// request refused for any other reason spends no key's quota.
    #[inline]
    fn decide(&mut self) -> Result<(), Denial> {
        let keys = self.snapshot.keys.as_deref().ok_or(Denial::NotReady)?;
        self.peer_is_patient()?;
        let route = self.routed()?;
        if route.demand == Demand::Public {
            return self.open_to_all();
        }
        let key = self.authenticated(keys)?;
        self.environment_is_let_in(key)?;
        self.secret_stays_on_servers(key)?;
        self.origin_is_listed(key)?;
        self.capable(key, route)?;
        self.within_limits(key)
    }

    fn permit(self, reported: Option<Denial>) -> Result<Permit, Denial> {
        let standing = self.key.zip(self.good).map(|(key, (digest, _))| Standing {
            key: Arc::clone(key),
            digest,
            needed: self.needed,
            reported: reported.is_some(),
        });
        let found = Found {
            policy: Arc::clone(&self.snapshot.policy),
            route: self.route.ok_or(Denial::NoRoute)?,
            transport: self.head.transport,
            standing,
            location: self.location,
            generation: self.snapshot.generation,
            until_ms: self.good.map_or(i64::MAX, |(_, until_ms)| until_ms),
            origin_listed: self.origin_listed,
            browser_report: self.browser_report,
        };
        Ok(Permit { found, reported, charge: self.charge, lease: self.lease })
    }

    /// Whether a refusal is only to be told of. A key has a say once it is known to be whole: its mode must not bring it back to life.
    fn is_reported(&self, denial: Denial) -> bool {
        self.snapshot.policy.mode_of(self.route) == Mode::Report && denial.can_be_reported()
    }

    /// What a refusal tells besides its reason.
    fn refusal(&self, denial: Denial) -> Refusal {
        Refusal {
            denial,
            key: self.key.cloned(),
            route: self.route.map(|at| Arc::clone(&self.snapshot.policy.routes[at])),
            charge: self.charge,
            origin_listed: self.head.origin.as_ref().is_some_and(|origin| cors::lists(self.snapshot, origin)),
        }
    }

    fn peer_is_patient(&mut self) -> Result<(), Denial> {
        let Some(quota) = self.snapshot.policy.peer_refusals else { return Ok(()) };
        let pace = self.peers.peek(self.head.peer.into(), &quota, self.now.ticks_ns);
        if let Pace::Beyond { .. } = pace {
            self.charge = Some(Charge { name: "ip", quota, pace });
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
    fn open_to_all(&mut self) -> Result<(), Denial> {
        self.origin_listed = self.head.origin.as_ref().is_some_and(|origin| cors::lists(self.snapshot, origin));
        self.witness.passed(Step::Credential, || "none needed: the route is public".to_owned());
        Ok(())
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
                self.good = Some((digest, until_ms));
                self.witness.passed(Step::Key, || {
                    format!("`{}` of app `{}`: {} {}", key.id, key.app, key.kind.name(), key.environment.name())
                });
                Ok(key)
            }
            Err((denial, key)) => {
                self.key = key;
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

    fn secret_stays_on_servers(&mut self, key: &KeyRecord) -> Result<(), Denial> {
        if key.kind != Kind::Secret {
            return Ok(());
        }
        if self.location == Some(Location::Query) && !self.snapshot.policy.locations.secrets_in_query {
            return Err(Denial::SecretInQuery);
        }
        // Server clients may send an Origin or Sec-Fetch-Mode (undici does); Sec-Fetch-Site and a browser's name they do not.
        let browser = self.head.fetch_site.is_some() || self.head.origin.is_some() && self.head.browser_agent;
        if browser && key.browser == BrowserRule::Refuse {
            return Err(Denial::SecretInBrowser);
        }
        self.browser_report = browser;
        self.witness.passed(Step::Browser, || if browser { "a browser, reported" } else { "not a browser" }.to_owned());
        Ok(())
    }

    /// Also finds whether the answer may be read by the page that asked.
    fn origin_is_listed(&mut self, key: &KeyRecord) -> Result<(), Denial> {
        let Some(claimed) = &self.head.origin else {
            // A browser that sends no Origin still says where it is; `missing_origin` is for clients that are none.
            let native = key.missing_origin && self.head.fetch_site.is_none();
            if key.kind == Kind::Publishable && !native && !self.is_same_origin(key) {
                return Err(Denial::OriginMissing);
            }
            self.witness.passed(Step::Origin, || "none needed".to_owned());
            return Ok(());
        };
        let listed = claimed.is_listed(key.origins.iter());
        if !listed && (key.kind == Kind::Publishable || !key.origins.is_empty()) {
            return Err(Denial::OriginRefused);
        }
        self.origin_listed = listed;
        self.witness.passed(Step::Origin, || if listed { "listed" } else { "not asked of this secret key" }.to_owned());
        Ok(())
    }

    /// A browser sends no Origin with a plain `GET` to the page's own origin, but says so (Fetch Metadata, section 2.3).
    fn is_same_origin(&self, key: &KeyRecord) -> bool {
        self.head.fetch_site == Some(b"same-origin")
            && self
                .head
                .host
                .and_then(|host| Origin::of_host(host, self.head.secure))
                .is_some_and(|origin| Claimed::Origin(origin).is_listed(key.origins.iter()))
    }

    /// Also finds what the key must go on holding for as long as a stream lives.
    fn capable(&mut self, key: &KeyRecord, route: &Route) -> Result<(), Denial> {
        let needed = route.needs(self.head.transport);
        if !needed.is_met_by(&key.capabilities) {
            return Err(Denial::NotCapable);
        }
        self.witness.passed(Step::Operation, || match needed {
            Need { operations: Operations::NONE, admin: None, .. } => "a valid key is enough".to_owned(),
            _ => format!("{needed} is among {}", key.capabilities),
        });
        self.needed = needed;
        Ok(())
    }

    /// The place first: a stream that finds none spends no request, and the lease gives the place back if the rate refuses.
    fn within_limits(&mut self, key: &KeyRecord) -> Result<(), Denial> {
        let lease = match (self.head.transport, key.limits.connections) {
            (Transport::WebSocket | Transport::EventStream, max) => {
                Some(Lease::take(&key.usage, max.unwrap_or(u32::MAX)).ok_or(Denial::KeyConnections)?)
            }
            (Transport::Http, _) => None,
        };
        if let Some(quota) = key.limits.rate {
            let pace = key.usage.rate.charge(&quota, self.now.ticks_ns);
            self.charge = Some(Charge { name: "key", quota, pace });
            if let Pace::Beyond { .. } = pace {
                return Err(Denial::RateLimited);
            }
        }
        self.lease = lease;
        self.witness.passed(Step::Limits, || match self.charge {
            Some(Charge { quota, pace: Pace::Within { remaining }, .. }) => {
                format!("{} in {} s, {remaining} left now", quota.requests(), quota.window_s())
            }
            _ => "no rate limit".to_owned(),
        });
        Ok(())
    }
}
