//! Wrong tokens and refused calls, by peer: how many may come, and who is told to wait.

use std::{net::IpAddr, time::Instant};

use crate::gate::{
    limit::{Pace, PeerTable, Quota},
    peer::PeerAddress,
};

/// A minute.
const A_MINUTE: u32 = 10;
/// Of which so many may come at once: a script with an old token is no attack.
const AT_ONCE: u32 = 30;
const NS_A_SECOND: u64 = 1_000_000_000;

/// How often each peer was wrong. A fixed number of peers are remembered, the latest ones.
pub(super) struct Guesses {
    peers: PeerTable,
    quota: Quota,
    since: Instant,
}

impl Guesses {
    /// Of nobody yet.
    ///
    /// # Errors
    /// If the numbers above are no quota.
    pub fn new() -> Result<Self, &'static str> {
        Ok(Self { peers: PeerTable::default(), quota: Quota::new(A_MINUTE, 60, AT_ONCE)?, since: Instant::now() })
    }

    /// Counts a wrong token, or a refused call.
    ///
    /// # Errors
    /// In how many seconds the next one is looked at.
    pub fn charge(&self, peer: IpAddr) -> Result<(), u32> {
        let (peer, now_ns) = (PeerAddress::from(peer).into(), u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX));
        match self.peers.peek(peer, &self.quota, now_ns) {
            Pace::Within { .. } => {
                self.peers.charge(peer, &self.quota, now_ns);
                Ok(())
            }
            Pace::Beyond { retry_after_ns } => Err(u32::try_from(retry_after_ns.div_ceil(NS_A_SECOND)).unwrap_or(u32::MAX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_may_be_wrong_so_often_and_another_is_not_told_to_wait_for_it() {
        let guesses = Guesses::new().unwrap();
        let answers: Vec<_> = (0..AT_ONCE + 5).map(|_| guesses.charge([10, 0, 0, 1].into())).collect();
        assert!(answers[..AT_ONCE as usize].iter().all(Result::is_ok));
        let Err(seconds) = answers[AT_ONCE as usize + 4] else { panic!("is not told to wait") };
        assert!((1..=60).contains(&seconds), "{seconds}");
        assert!(guesses.charge([10, 0, 0, 2].into()).is_ok());
    }
}
