//! Counters found without hashing labels: a route's are made when it is first seen, a reason's or status's when it first happens.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use arc_swap::ArcSwap;
use prometheus::{IntCounter, IntCounterVec};

use super::Outcome;
use crate::gate::{denial::Denial, request::Transport};

const REASONS: usize = Denial::ALL.len();
/// Allowed, and refused and reported for each reason.
const OUTCOMES: usize = 1 + 2 * REASONS;
const TRANSPORTS: usize = Transport::ALL.len();
/// Statuses are three digits (RFC 9110 section 15), and 0 is an exchange without an answer.
const STATUSES: usize = 1000;
const STATUS_PAGE: usize = 100;

/// `keygate_auth_decisions_total{route, transport, outcome, reason}` and `keygate_http_requests_total{route, code}`.
pub struct RouteCounters {
    decisions: IntCounterVec,
    answers: IntCounterVec,
    routes: ArcSwap<HashMap<Arc<str>, Arc<Route>, ahash::RandomState>>,
}

struct Route {
    decisions: [[OnceLock<IntCounter>; OUTCOMES]; TRANSPORTS],
    /// By hundreds, since a route answers with few of them.
    answers: [OnceLock<Box<[OnceLock<IntCounter>; STATUS_PAGE]>>; STATUSES / STATUS_PAGE],
}

/// Longer arrays have no default.
impl Default for Route {
    fn default() -> Self {
        Self { decisions: [const { [const { OnceLock::new() }; OUTCOMES] }; TRANSPORTS], answers: Default::default() }
    }
}

impl RouteCounters {
    /// Counters in these families, whose labels must be route, transport, outcome and reason; and route and code.
    pub fn new(decisions: IntCounterVec, answers: IntCounterVec) -> Self {
        Self { decisions, answers, routes: ArcSwap::default() }
    }

    /// Counts one decision.
    pub fn decided(&self, route: &str, transport: Transport, outcome: Outcome) {
        self.with(route, |cells| {
            let (place, reason) = match outcome {
                Outcome::Allow => (0, "ok"),
                Outcome::Deny(denial) => (1 + denial as usize, denial.reason()),
                Outcome::Report(denial) => (1 + REASONS + denial as usize, denial.reason()),
            };
            let make = || self.decisions.with_label_values(&[route, transport.name(), outcome.name(), reason]);
            cells.decisions[transport as usize][place].get_or_init(make).inc();
        });
    }

    /// Counts one answer.
    pub fn answered(&self, route: &str, status: u16) {
        self.with(route, |cells| {
            let status = usize::from(status) % STATUSES;
            let page = cells.answers[status / STATUS_PAGE].get_or_init(|| Box::new([const { OnceLock::new() }; STATUS_PAGE]));
            let make = || self.answers.with_label_values(&[route, &format!("{status:03}")]);
            page[status % STATUS_PAGE].get_or_init(make).inc();
        });
    }

    fn with(&self, route: &str, count: impl FnOnce(&Route)) {
        if let Some(cells) = self.routes.load().get(route) {
            return count(cells);
        }
        let name: Arc<str> = route.into();
        self.routes.rcu(|routes| {
            let mut more = HashMap::clone(routes);
            more.entry(Arc::clone(&name)).or_default();
            more
        });
        if let Some(cells) = self.routes.load().get(route) {
            count(cells);
        }
    }
}

/// One counter for each value of a closed enum.
pub struct ByEnum<const N: usize>([IntCounter; N]);

impl<const N: usize> ByEnum<N> {
    /// Counters in `family` with the labels that `labels` gives for each place in the enum's order.
    pub fn new<const L: usize>(family: &IntCounterVec, labels: [[&str; L]; N]) -> Self {
        Self(labels.map(|labels| family.with_label_values(&labels)))
    }

    /// Counts the value at `place`.
    pub fn count(&self, place: usize) {
        if let Some(counter) = self.0.get(place) {
            counter.inc();
        }
    }
}
