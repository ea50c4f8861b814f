//! A request that passes if the channels in its body allow it: everything else has been asked, but for the limits.

use super::{
    Gate,
    channel::ChannelSource,
    decide::holds,
    denial::{Blame, Denial},
    limit::Charges,
    permit::{Found, Permit, Refusal},
    policy::Mode,
    spend::{Within, within_limits},
    time::Timestamp,
};

/// What the gate needs to go on: the body. Whoever holds this cannot forward anything; [`Gate::finish`] makes the permit.
#[derive(Debug)]
#[must_use = "the request is not decided yet"]
pub struct NeedBody {
    pub(super) found: Found,
    pub(super) peer: std::net::IpAddr,
    pub(super) origin_known: bool,
}

impl Gate {
    /// Decides by the body, and charges the key, or the peer if the request is refused.
    ///
    /// # Errors
    /// The refusal.
    pub fn finish(&self, need: NeedBody, body: &[u8], now: Timestamp) -> Result<Permit, Refusal> {
        let judged = self.still(&need, now).and_then(|()| need.judge(body, now));
        self.conclude(need, judged, now)
    }

    /// Decides about a request whose body cannot be had, for this reason.
    ///
    /// # Errors
    /// The refusal, unless it is only reported.
    pub fn give_up(&self, need: NeedBody, denial: Denial, now: Timestamp) -> Result<Permit, Refusal> {
        let judged = self.still(&need, now).and(Err((denial, Charges::default())));
        self.conclude(need, judged, now)
    }

    /// A body can take its time: what was taken from the key meanwhile, and whom somebody blocked, counts.
    fn still(&self, need: &NeedBody, now: Timestamp) -> Result<(), (Denial, Charges)> {
        let found = &need.found;
        if self.snapshot.load().generation == found.generation {
            return Ok(());
        }
        let stands = self.still_stands(found.standing.as_ref(), need.peer, now);
        stands.map(drop).map_err(|denial| (denial, Charges::default()))
    }

    fn conclude(&self, need: NeedBody, judged: Within, now: Timestamp) -> Result<Permit, Refusal> {
        let NeedBody { found, peer, origin_known } = need;
        let (denial, charges) = match judged {
            Ok((lease, charges)) => return Ok(Permit { found, reported: None, charges, lease }),
            Err(refused) => refused,
        };
        if found.policy.mode_of(Some(found.route), found.standing.as_ref().map(|standing| &*standing.key)) == Mode::Report
            && denial.can_be_reported()
        {
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
