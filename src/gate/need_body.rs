//! A request that passes if the channels in its body allow it: everything else has been asked, but for the limits.

use std::sync::Arc;

use super::{
    Gate,
    channel::ChannelSource,
    decide::holds,
    denial::{Blame, Denial},
    limit::Charges,
    peer::{Chain, PeerAddress},
    permit::{Found, Permit, Refusal},
    policy::Mode,
    spend::{Within, within_limits},
    standing::Stands,
    time::Timestamp,
};

/// What the gate needs to go on: the body. Whoever holds this cannot forward anything; [`Gate::finish`] makes the permit.
#[derive(Debug)]
#[must_use = "the request is not decided yet"]
pub struct NeedBody {
    pub(super) found: Found,
    pub(super) peer: PeerAddress,
    pub(super) chain: Chain,
    pub(super) origin_known: bool,
}

impl Gate {
    /// Decides by the body at `now`, when it is there, and charges the key, or the peer if the request is refused.
    ///
    /// # Errors
    /// The refusal.
    pub fn finish(&self, mut need: NeedBody, body: &[u8], now: Timestamp) -> Result<Permit, Refusal> {
        match self.still(&mut need, now) {
            Ok(()) => {
                let judged = need.judge(body, now);
                self.conclude(need, judged, now)
            }
            Err(denial) => self.conclude(need, Err((denial, Charges::default())), now),
        }
    }

    /// Decides about a request whose body cannot be had, for this reason.
    ///
    /// # Errors
    /// The refusal, unless it is only reported.
    pub fn give_up(&self, mut need: NeedBody, denial: Denial, now: Timestamp) -> Result<Permit, Refusal> {
        let denial = self.still(&mut need, now).err().unwrap_or(denial);
        self.conclude(need, Err((denial, Charges::default())), now)
    }

    /// A body can take its time: what was taken from the key meanwhile, whom somebody blocked, and what has ended or grown too old by
    /// itself, counts. What goes on is the key as it is now, for what is in the body is asked of it.
    fn still(&self, need: &mut NeedBody, now: Timestamp) -> Result<(), Denial> {
        let snapshot = self.snapshot.load();
        snapshot.fresh_keys(now)?;
        let found = &mut need.found;
        if snapshot.generation == found.generation && now.unix_ms < found.until_ms {
            return Ok(());
        }
        if need.chain.claims().any(|claim| snapshot.blocks.of_peer(claim, now.unix_ms).is_some()) {
            return Err(Denial::PeerBlocked);
        }
        match snapshot.stands(found.standing.as_ref(), None, need.peer, now) {
            Ok(Stands { key, until_ms }) => {
                if let Some((standing, key)) = found.standing.as_mut().zip(key) {
                    standing.key = Arc::clone(key);
                }
                (found.generation, found.until_ms) = (snapshot.generation, until_ms);
                Ok(())
            }
            Err(denial) => {
                // What has fallen has no say in whether that is only reported, and lets nobody be called by its name.
                if let Some(standing) = &mut found.standing {
                    standing.good = matches!(denial, Denial::WrongEnvironment | Denial::AddressRefused | Denial::NotCapable);
                }
                Err(denial)
            }
        }
    }

    fn conclude(&self, need: NeedBody, judged: Within, now: Timestamp) -> Result<Permit, Refusal> {
        let NeedBody { mut found, peer, origin_known, .. } = need;
        let (denial, charges) = match judged {
            Ok((lease, charges)) => return Ok(Permit { found, reported: None, charges, lease }),
            Err(refused) => refused,
        };
        let whole = found.standing.as_ref().filter(|standing| standing.good);
        if found.policy.mode_of(Some(found.route), whole.map(|standing| &*standing.key)) == Mode::Report
            && denial.can_be_reported()
        {
            found.standing.iter_mut().for_each(|standing| standing.reported = true);
            return Ok(Permit { found, reported: Some(denial), charges, lease: None });
        }
        if denial.blame() == Blame::Request {
            self.charge_peer(&found.policy, peer, now);
        }
        let route = found.policy.routes[found.route].clone();
        let key = found.standing.map(|standing| standing.key);
        Err(Refusal { denial, key, route: Some(route), charges, origin_listed: origin_known })
    }
}

impl NeedBody {
    fn judge(&self, body: &[u8], now: Timestamp) -> Within {
        let alone = |denial| (denial, Charges::default());
        let Some(standing) = &self.found.standing else { return Err(alone(Denial::MissingKey)) };
        let route = &self.found.policy.routes[self.found.route];
        let ChannelSource::Json(pointer) = &route.channel else { return Err(alone(Denial::ChannelMissing)) };
        let operations = standing.needed.operations;
        pointer.named_in(body, |channel| holds(&standing.key.capabilities, operations, channel)).map_err(alone)?;
        within_limits(&standing.key, self.found.transport, now)
    }
}
