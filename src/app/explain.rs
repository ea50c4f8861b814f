//! What a gate would say to a request that somebody describes, step by step, and by which rule: for the command and for the management API.
//! The decision is the gate's own, with a witness, and of a gate that nothing else is asked of.

mod account;
mod described;
mod rules;

use std::sync::Arc;

use self::{
    account::{Decision, Steps, explained},
    rules::Subject,
};
pub use self::{
    account::{Explanation, Line, Tried, files},
    rules::{File, Files, Rule},
};
use crate::{
    admin::Described,
    gate::{
        Admitted, Gate,
        blocks::{Blocks, Target},
        denial::Denial,
        keys::{KeyRecord, KeySet},
        peer::{Found, Peer},
        permit::Refusal,
        policy::Policy,
        request::RequestHead,
        time::Timestamp,
    },
};

/// What a gate goes by, of one moment.
pub struct Rulings {
    /// Its policy.
    pub policy: Arc<Policy>,
    /// Its keys. Their limits are charged as by any request.
    pub keys: Arc<KeySet>,
    /// Whom an incident shuts out.
    pub blocks: Arc<Blocks>,
    /// Where all of that stands.
    pub files: Files,
}

impl Rulings {
    /// The key whose limits the request would be charged to, if it passed: the good one that it presents.
    #[must_use]
    pub fn charged(&self, request: &Described, now: Timestamp) -> Option<&KeyRecord> {
        let own = described::headers(request, &self.policy.locations).ok()?;
        let headers = described::borrowed(&own);
        let peer = Peer::resolve(request.peer, request.secure, &self.policy.trusted_proxies, &headers);
        let head = RequestHead::new(&request.method, &request.target, &headers, peer.address, peer.secure).ok()?;
        let presented = self.policy.locations.find(&head).ok()?;
        self.keys.authenticate(&presented.text, now.unix_ms).ok().map(|(record, ..)| &**record)
    }

    /// What they come to for the request at `now`, and how. Limits of addresses are those of a gate that begins.
    ///
    /// # Errors
    /// If the request names a key and the configuration takes keys in no header.
    pub fn explain(&self, request: &Described, now: Timestamp) -> Result<Explanation, NoHeader> {
        let policy = &*self.policy;
        let own = described::headers(request, &policy.locations)?;
        let headers = described::borrowed(&own);
        let gate = Gate::new(policy.clone());
        gate.publish(Arc::clone(&self.policy), Arc::clone(&self.keys));
        gate.publish_blocks(&self.blocks);

        let (mut steps, mut subject) = (Steps::default(), Subject::default());
        let (mut mismatches, mut broken) = (Vec::new(), None);
        let peer = Peer::resolve(request.peer, request.secure, &policy.trusted_proxies, &headers);
        steps.0.extend(who(&peer).map(|who| ("client", None, who)));
        let verdict = match RequestHead::new(&request.method, &request.target, &headers, peer.address, peer.secure) {
            Ok(mut head) => {
                head.sent_by(&peer);
                subject.location = policy.locations.find(&head).ok().map(|presented| presented.location);
                mismatches = policy.mismatches(&head).collect();
                gate.admit_before(&head, now, &mut steps).and_then(|admitted| match admitted {
                    Admitted::Permit(permit) => Ok(permit),
                    Admitted::NeedBody(need) => gate.finish(need, request.body.as_deref().unwrap_or_default().as_bytes(), now),
                })
            }
            Err(rule) => {
                broken = Some(rule);
                Err(Refusal::bare(Denial::BadRequest))
            }
        };
        let decision = Decision { verdict, policy, mismatches, broken };
        subject.block = met(&self.blocks, &decision, &peer, now.unix_ms);
        Ok(explained(decision, steps, &self.files, subject))
    }
}

/// A key that is to be in a header, where no header is for keys.
#[derive(Debug)]
pub struct NoHeader;

/// The block that refused, if one did.
fn met(blocks: &Blocks, decision: &Decision<'_>, peer: &Peer, now_ms: i64) -> Option<Target> {
    let block = match (decision.denial()?, &decision.verdict) {
        (Denial::PeerBlocked, _) => blocks.of_peer(peer.address, now_ms),
        (Denial::KeyBlocked, Err(Refusal { key: Some(key), .. })) => blocks.of_key(&key.id, now_ms),
        (_, Ok(_) | Err(_)) => None,
    };
    block.map(|block| block.target.clone())
}

/// Who the client is taken for, where headers have a say in it.
fn who(peer: &Peer) -> Option<String> {
    let Peer { address, secure, chain, .. } = peer;
    let by = |header: &str| format!("{address}, by {header} of the trusted proxy {}", chain.socket());
    let named = match chain.found() {
        Found::Socket => return None,
        Found::Unheard => return Some(format!("{address}, whose headers are not believed: it is not in trusted_proxies")),
        Found::Unnamed => format!("{address}, a trusted proxy that names nobody who can be read"),
        Found::Disagreed => format!("{address}, a trusted proxy whose X-Forwarded-For and Forwarded name different clients"),
        Found::XForwardedFor => by("X-Forwarded-For"),
        Found::Forwarded => by("Forwarded"),
    };
    Some(format!("{named}; {}", if *secure { "its connection is encrypted" } else { "its connection is in the clear" }))
}
