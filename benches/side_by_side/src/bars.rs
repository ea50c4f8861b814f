//! The bars that keygate is held to beside its peers. They are reported, never asserted: a machine is not a test.

use serde::Serialize;

use crate::figures::{Results, Work};

const SUBJECT: &str = "keygate";

/// One comparison: keygate's figure as a multiple of a peer's, or as it is.
struct Bar {
    work: Work,
    against: Option<&'static str>,
    /// The most it may be; without, it is told and judged by nobody.
    most: Option<f64>,
}

#[derive(Serialize)]
pub struct Verdict {
    pub what: &'static str,
    pub figure: f64,
    /// What the figure is a multiple of; without, it stands for itself.
    pub of: Option<&'static str>,
    pub unit: &'static str,
    pub bar: Option<f64>,
    pub met: Option<bool>,
}

const BARS: [Bar; 16] = [
    times(Work::Accepted, 1.1, "bare-pingora"),
    times(Work::Accepted, 0.5, "envoy"),
    heading(Work::Accepted, "nginx"),
    times(Work::Refused, 0.5, "envoy"),
    heading(Work::Refused, "nginx"),
    times(Work::Handshake, 1.0, "nginx"),
    times(Work::Handshake, 1.0, "haproxy"),
    times(Work::SmallEcho, 1.0, "nginx"),
    times(Work::SmallEcho, 1.0, "haproxy"),
    times(Work::LargeEcho, 1.0, "nginx"),
    times(Work::LargeEcho, 1.0, "haproxy"),
    times(Work::Idle, 1.0, "haproxy"),
    flat(Work::Idle, 4.0),
    times(Work::IdleEvents, 1.0, "haproxy"),
    flat(Work::IdleEvents, 4.0),
    heading(Work::IdleTls, "haproxy"),
];

/// The bars whose peers ran.
pub fn verdicts(results: &Results) -> Vec<Verdict> {
    let verdict = |bar: &Bar| {
        let own = results.median(SUBJECT, bar.work)?;
        let (figure, unit) = match bar.against {
            Some(peer) => (own / results.median(peer, bar.work)?, "×"),
            None => (own, bar.work.unit()),
        };
        Some(Verdict {
            what: bar.work.title(),
            figure,
            of: bar.against,
            unit,
            bar: bar.most,
            met: bar.most.map(|most| figure <= most),
        })
    };
    BARS.iter().filter_map(verdict).collect()
}

const fn times(work: Work, most: f64, peer: &'static str) -> Bar {
    Bar { work, against: Some(peer), most: Some(most) }
}

/// No bar, but where the figure is meant to go.
const fn heading(work: Work, peer: &'static str) -> Bar {
    Bar { work, against: Some(peer), most: None }
}

const fn flat(work: Work, most: f64) -> Bar {
    Bar { work, against: None, most: Some(most) }
}
