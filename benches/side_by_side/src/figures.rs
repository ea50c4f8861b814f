//! What is measured, and the figures of all rounds.

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde::{Serialize, Serializer};

/// The kinds of work, in the order of the columns; for `--rows` by these names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Work {
    Accepted,
    Refused,
    Handshake,
    #[value(name = "echo-64")]
    SmallEcho,
    #[value(name = "echo-16k")]
    LargeEcho,
    Idle,
    #[value(name = "idle-sse")]
    IdleEvents,
    IdleTls,
}

/// One figure of each kind per round, by peer in the order they ran.
#[derive(Default)]
pub struct Results {
    peers: Vec<(&'static str, BTreeMap<Work, Vec<f64>>)>,
    failures: Vec<Failure>,
}

/// A row that a peer did not bring to its end, once.
#[derive(Serialize)]
pub struct Failure {
    pub peer: &'static str,
    #[serde(rename = "row", serialize_with = "by_field")]
    pub work: Work,
    pub why: String,
}

impl Work {
    pub const ALL: [Self; 8] = [
        Self::Accepted,
        Self::Refused,
        Self::Handshake,
        Self::SmallEcho,
        Self::LargeEcho,
        Self::Idle,
        Self::IdleEvents,
        Self::IdleTls,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Self::Accepted => "accepted request",
            Self::Refused => "refused request (401)",
            Self::Handshake => "handshake",
            Self::SmallEcho => "64-byte echo",
            Self::LargeEcho => "16 KB echo",
            Self::Idle => "idle WebSocket",
            Self::IdleEvents => "idle SSE",
            Self::IdleTls => "idle in TLS",
        }
    }

    pub fn field(self) -> &'static str {
        match self {
            Self::Accepted => "accepted_us",
            Self::Refused => "refused_us",
            Self::Handshake => "handshake_us",
            Self::SmallEcho => "echo_64_us",
            Self::LargeEcho => "echo_16k_us",
            Self::Idle => "idle_kb",
            Self::IdleEvents => "idle_sse_kb",
            Self::IdleTls => "idle_tls_kb",
        }
    }

    pub fn unit(self) -> &'static str {
        match self {
            Self::Idle | Self::IdleEvents | Self::IdleTls => "KB",
            _ => "µs",
        }
    }

    /// Whether the figure is memory rather than time.
    pub fn is_memory(self) -> bool {
        self.unit() == "KB"
    }
}

impl Results {
    pub fn add(&mut self, peer: &'static str, work: Work, figure: f64) {
        self.of(peer).entry(work).or_default().push(figure);
    }

    pub fn fail(&mut self, peer: &'static str, work: Work, why: String) {
        self.of(peer);
        self.failures.push(Failure { peer, work, why });
    }

    /// Every failure, in the order they came.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    pub fn failed(&self, peer: &str, work: Work) -> bool {
        self.failures.iter().any(|failure| failure.peer == peer && failure.work == work)
    }

    pub fn peers(&self) -> impl Iterator<Item = &'static str> {
        self.peers.iter().map(|(name, _)| *name)
    }

    /// The figures of every round; none for a peer that did not run.
    pub fn rounds(&self, peer: &str, work: Work) -> &[f64] {
        let peer = self.peers.iter().find(|(name, _)| *name == peer);
        peer.and_then(|(_, figures)| figures.get(&work)).map_or(&[], Vec::as_slice)
    }

    /// None for a peer that failed in any round: what it does when it does not fail is no figure of it.
    pub fn median(&self, peer: &str, work: Work) -> Option<f64> {
        if self.failed(peer, work) {
            return None;
        }
        let mut figures = self.rounds(peer, work).to_vec();
        figures.sort_by(f64::total_cmp);
        let upper = *figures.get(figures.len() / 2)?;
        let lower = figures[(figures.len() - 1) / 2];
        Some(f64::midpoint(lower, upper))
    }

    fn of(&mut self, peer: &'static str) -> &mut BTreeMap<Work, Vec<f64>> {
        let known = self.peers.iter().position(|(name, _)| *name == peer);
        let at = known.unwrap_or_else(|| {
            self.peers.push((peer, BTreeMap::new()));
            self.peers.len() - 1
        });
        &mut self.peers[at].1
    }
}

fn by_field<S: Serializer>(work: &Work, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(work.field())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_rounds() {
        let mut results = Results::default();
        for figure in [9.0, 1.0, 3.0] {
            results.add("nginx", Work::Idle, figure);
        }
        assert_eq!(results.median("nginx", Work::Idle), Some(3.0));
        results.add("nginx", Work::Idle, 5.0);
        assert_eq!(results.median("nginx", Work::Idle), Some(4.0));
        assert_eq!(results.median("envoy", Work::Idle), None);
    }

    #[test]
    fn a_row_that_failed_once_has_no_median() {
        let mut results = Results::default();
        results.add("nginx", Work::Idle, 9.0);
        results.add("nginx", Work::Refused, 1.0);
        results.fail("nginx", Work::Idle, "it hung".to_owned());
        assert_eq!(results.median("nginx", Work::Idle), None);
        assert_eq!(results.median("nginx", Work::Refused), Some(1.0));
    }
}
