//! Decision counters found without hashing labels: a route's are made when it is first seen, a reason's when it first happens.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use arc_swap::ArcSwap;
use prometheus::{IntCounter, IntCounterVec};

use crate::gate::{denial::Denial, request::Transport};

const REASONS: usize = Denial::ALL.len() + 1;
const TRANSPORTS: usize = Transport::ALL.len();

/// `keygate_auth_decisions_total{route, transport, outcome, reason}`.
pub struct DecisionCounters {
    family: IntCounterVec,
    routes: ArcSwap<HashMap<Arc<str>, Arc<Route>, ahash::RandomState>>,
    unrouted: Arc<str>,
}

type Route = [[OnceLock<IntCounter>; REASONS]; TRANSPORTS];

impl DecisionCounters {
    /// Counters in `family`, whose labels must be route, transport, outcome and reason.
    pub fn new(family: IntCounterVec) -> Self {
        Self { family, routes: ArcSwap::default(), unrouted: "".into() }
    }

    /// Counts one decision.
    pub fn count(&self, route: Option<&Arc<str>>, transport: Transport, denial: Option<Denial>) {
        let name = route.unwrap_or(&self.unrouted);
        let routes = self.routes.load();
        let Some(cells) = routes.get(name) else {
            self.add_route(name);
            return self.count(route, transport, denial);
        };
        let reason = denial.map_or(0, |denial| denial as usize + 1);
        let counter = cells[transport as usize][reason].get_or_init(|| {
            let (outcome, reason) = denial.map_or(("allow", "ok"), |denial| ("deny", denial.reason()));
            self.family.with_label_values(&[name, transport.name(), outcome, reason])
        });
        counter.inc();
    }

    fn add_route(&self, name: &Arc<str>) {
        self.routes.rcu(|routes| {
            let mut more = HashMap::clone(routes);
            more.entry(Arc::clone(name))
                .or_insert_with(|| Arc::new(std::array::from_fn(|_| std::array::from_fn(|_| OnceLock::new()))));
            more
        });
    }
}
