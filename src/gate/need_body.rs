//! A request that passes if the channels in its body allow it: everything else has been asked, but for the limits.

use super::{
    Gate,
    channel::ChannelSource,
    decide::{holds, within_limits},
    denial::{Blame, Denial},
    permit::{Found, Permit, Refusal},
    policy::Mode,
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
        let judged = need.judge(body, now);
        self.conclude(need, judged, now)
    }

    /// Decides about a request whose body cannot be had, for this reason.
    ///
    /// # Errors
    /// The refusal, unless it is only reported.
    pub fn give_up(&self, need: NeedBody, denial: Denial, now: Timestamp) -> Result<Permit, Refusal> {
        self.conclude(need, Err((denial, None)), now)
    }

    fn conclude(&self, need: NeedBody, judged: super::decide::Within, now: Timestamp) -> Result<Permit, Refusal> {
        let NeedBody { found, peer, origin_known } = need;
        let (denial, charge) = match judged {
            Ok((lease, charge)) => return Ok(Permit { found, reported: None, charge, lease }),
            Err(refused) => refused,
        };
        if found.policy.mode_of(Some(found.route)) == Mode::Report && denial.can_be_reported() {
            return Ok(Permit { found, reported: Some(denial), charge, lease: None });
        }
        if denial.blame() == Blame::Request {
            self.charge_peer(&found.policy, peer, now);
        }
        let route = found.policy.routes[found.route].clone();
        let key = found.standing.map(|standing| standing.key);
        Err(Refusal { denial, key, route: Some(route), charge, origin_listed: origin_known })
    }
}

impl NeedBody {
    fn judge(&self, body: &[u8], now: Timestamp) -> super::decide::Within {
        let alone = |denial| (denial, None);
        let Some(standing) = &self.found.standing else { return Err(alone(Denial::MissingKey)) };
        let route = &self.found.policy.routes[self.found.route];
        let ChannelSource::Json(pointer) = &route.channel else { return Err(alone(Denial::ChannelMissing)) };
        let operations = standing.needed.operations;
        pointer.named_in(body, |channel| holds(&standing.key.capabilities, operations, channel)).map_err(alone)?;
        within_limits(&standing.key, self.found.transport, now)
    }
}
