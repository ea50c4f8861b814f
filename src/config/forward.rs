//! Where the requests of each route go, by environment, and what becomes of their heads.
//!
//! Live and test keys never share a backend by accident: one that serves both must be said, by `shared: true`.

use std::{path::Path, sync::Arc};

use super::{
    fault::Place,
    raw,
    set_headers::set_headers,
    upstream::{self, Surroundings},
};
use crate::{
    gate::{
        credential::Environment,
        policy::{PathPattern, Rewrite},
    },
    upstream::{ForwardSpec, UpstreamSpec, UpstreamTimeouts},
};

/// What routes need to know of the top of the file.
pub(super) struct Forwarding<'f> {
    /// Whose keys are let in; `None` if nobody can tell.
    environments: Option<&'f [Environment]>,
    shared: bool,
    around: Surroundings<'f>,
    /// Of routes that say nothing; `None` after a fault.
    top: Option<ByEnvironment>,
}

#[derive(Clone)]
struct ByEnvironment {
    live: Option<Arc<UpstreamSpec>>,
    test: Option<Arc<UpstreamSpec>>,
}

impl<'f> Forwarding<'f> {
    /// Reads `upstream`, `upstreams` and `shared` at the top of a file.
    pub fn of(
        typed: &raw::Config,
        environments: Option<&'f [Environment]>,
        folder: &'f Path,
        timeouts: UpstreamTimeouts,
        root: &Place<'_>,
    ) -> Self {
        // What `shared` was meant to say, nobody knows once it is wrong.
        let shared = typed.shared.unwrap_or_default() || root.field("shared").is_faulty();
        let mut this = Self { environments, shared, around: Surroundings { folder, timeouts }, top: None };
        if typed.upstream.is_some() && typed.upstreams.is_none() && this.mixes() {
            root.field("environments").fault(
                "names both: live and test keys would reach the same backend; give each its own in `upstreams`, or, if that is \
                 meant, say `shared: true`",
            );
        }
        this.top = match (&typed.upstream, &typed.upstreams) {
            (None, None) if root.field("upstreams").is_faulty() => None,
            (None, None) => {
                root.field("upstream").missing("is required, or `upstreams` with one for each environment");
                None
            }
            (upstream, upstreams) => this.read(upstream.as_ref(), upstreams.as_ref(), "", root),
        };
        this
    }

    /// What becomes of the requests of a route with this name and path, if they can be told. `None` only after a fault.
    pub fn forward(
        &self,
        typed: &raw::Route,
        name: Option<&str>,
        path: Option<&PathPattern>,
        place: &Place<'_>,
    ) -> Option<ForwardSpec> {
        let upstreams = match (&typed.upstream, &typed.upstreams) {
            (None, None) => self.top.clone(),
            (upstream, upstreams) => {
                if upstream.is_some() && upstreams.is_none() && self.mixes() {
                    place.field("upstream").fault(
                        "would serve live and test keys alike; give each its own in `upstreams`, or, if that is meant, say \
                         `shared: true` at the top",
                    );
                }
                let prefix = format!("routes.{}.", name.unwrap_or_default());
                self.read(upstream.as_ref(), upstreams.as_ref(), &prefix, place)
            }
        };
        let rewrite = match (&typed.rewrite, path) {
            (Some(text), Some(path)) => Some(place.field("rewrite").take(Rewrite::new(text, path))),
            _ => None,
        };
        let headers = typed.set_headers.as_ref();
        let headers = headers.map(|map| set_headers(map, self.around.folder, &place.field("set_headers"))).unwrap_or_default();
        let ByEnvironment { live, test } = upstreams?;
        let rewrite = match rewrite {
            None => None,
            Some(rewrite) => Some(rewrite?),
        };
        Some(ForwardSpec { live, test, rewrite, headers })
    }

    /// What becomes of requests that no route takes, where those pass. `None` only after a fault.
    pub fn unrouted(&self) -> Option<ForwardSpec> {
        let ByEnvironment { live, test } = self.top.clone()?;
        Some(ForwardSpec { live, test, rewrite: None, headers: Vec::new() })
    }

    /// Whether one upstream would serve both environments and nobody said that it should.
    fn mixes(&self) -> bool {
        self.environments.is_some_and(|environments| environments.len() > 1) && !self.shared
    }

    /// Reads `upstream` or `upstreams` at `place`, of which one is there; what they are called begins with `prefix`.
    fn read(
        &self,
        upstream: Option<&raw::Upstream>,
        upstreams: Option<&raw::Upstreams>,
        prefix: &str,
        place: &Place<'_>,
    ) -> Option<ByEnvironment> {
        let Some(upstreams) = upstreams else {
            let upstream = upstream::upstream(upstream?, format!("{prefix}upstream"), &self.around, &place.field("upstream"))?;
            let of = |environment| self.lets_in(environment).then(|| Arc::clone(&upstream));
            return Some(ByEnvironment { live: of(Environment::Live), test: of(Environment::Test) });
        };
        if upstream.is_some() {
            place.field("upstreams").out_of_place("must not stand beside `upstream`: one of them is enough");
        }
        let place = place.field("upstreams");
        let both = [(Environment::Live, &upstreams.live), (Environment::Test, &upstreams.test)];
        let [live, test] = both.map(|(environment, typed)| {
            let name = environment.name();
            let Some(typed) = typed else {
                if self.environments.is_some() && self.lets_in(environment) {
                    place.field(name).missing("is required: `environments` lets such keys in");
                }
                return None;
            };
            if !self.lets_in(environment) {
                place.field(name).out_of_place("is for keys that `environments` does not let in");
            }
            upstream::upstream(typed, format!("{prefix}upstreams.{name}"), &self.around, &place.field(name))
        });
        if let (Some(live), Some(test)) = (&live, &test)
            && !self.shared
            && test.addresses.iter().any(|address| live.addresses.contains(address))
        {
            place
                .field("test")
                .fault("has an address of `live`; if live and test keys are meant to share it, say `shared: true`");
        }
        Some(ByEnvironment { live, test })
    }

    fn lets_in(&self, environment: Environment) -> bool {
        self.environments.is_none_or(|environments| environments.contains(&environment))
    }
}
