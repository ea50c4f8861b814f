//! The decision: may this request pass, now, under this policy and this key set?
//!
//! Pure. Nothing here names a socket, a file, a metric or a clock: time comes in as an argument and everything else as values, so
//! that the proxy, `keygate explain` and the tests ask the very same function. Entry: [`Gate::admit`].

pub mod blocks;
pub mod capability;
pub mod channel;
pub mod cors;
pub mod credential;
mod decide;
pub mod denial;
pub mod keys;
pub mod limit;
mod need_body;
pub mod origin;
mod page;
pub mod peer;
pub mod permit;
pub mod policy;
pub mod request;
mod spend;
mod standing;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod time;
mod witness;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use arc_swap::ArcSwap;

use self::{
    blocks::Blocks,
    denial::{Blame, Denial},
    keys::KeySet,
    limit::PeerTable,
    peer::PeerAddress,
    permit::{Permit, Refusal},
    policy::Policy,
    request::RequestHead,
    time::Timestamp,
};
pub use self::{
    need_body::NeedBody,
    standing::{Asking, Standing},
    witness::{Step, Witness},
};

/// Policy, keys and blocks of one moment: what a whole decision is made against.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts publications; higher is later.
    pub generation: u64,
    /// The policy.
    pub policy: Arc<Policy>,
    /// The keys; `None` until the first set is loaded.
    pub keys: Option<Arc<KeySet>>,
    /// Whom an incident shuts out.
    pub blocks: Arc<Blocks>,
    /// Until when the keys are known to be those of their manager. Shared by all snapshots: it is told far more often than they change.
    fresh_until: Arc<AtomicU64>,
}

impl Snapshot {
    /// The keys, if they may still be decided by: those of a gate that follows a manager are good for a while after it was heard last.
    ///
    /// # Errors
    /// That there are none, or that they are too old.
    pub fn fresh_keys(&self, now: Timestamp) -> Result<&KeySet, Denial> {
        let keys = self.keys.as_deref().ok_or(Denial::NotReady)?;
        if now.ticks_ns >= self.fresh_until.load(Ordering::Relaxed) {
            return Err(Denial::KeysStale);
        }
        Ok(keys)
    }

    /// Whether whoever may have sent a request is blocked: its peer, or one of two that a trusted proxy names.
    fn blocks_peer_of(&self, head: &RequestHead<'_>, now: Timestamp) -> bool {
        // Mostly there are no blocks at all, and then nobody need be looked up.
        let mut asking = std::iter::once(head.peer).chain(head.chain.claims());
        !self.blocks.is_empty() && asking.any(|peer| self.blocks.of_peer(peer, now.unix_ms).is_some())
    }
}

/// What a request that is not refused has come to.
#[derive(Debug)]
pub enum Admitted {
    /// It may pass.
    Permit(Permit),
    /// It may pass if its body names channels that its key holds.
    NeedBody(NeedBody),
}

/// Decides. One for the process, shared by every connection.
pub struct Gate {
    snapshot: ArcSwap<Snapshot>,
    peers: PeerTable,
}

impl Gate {
    /// A gate that refuses everything as [`Denial::NotReady`] until [`Gate::publish`] is called with keys.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        let fresh_until = Arc::new(AtomicU64::new(u64::MAX));
        let first = Snapshot { generation: 0, policy: Arc::new(policy), keys: None, blocks: Arc::default(), fresh_until };
        Self { snapshot: ArcSwap::from_pointee(first), peers: PeerTable::default() }
    }

    /// Makes policy and keys the ones that every later decision uses, both at once, and returns their generation. Blocks stay.
    pub fn publish(&self, policy: Arc<Policy>, keys: Arc<KeySet>) -> u64 {
        let next = |old: &Arc<Snapshot>| Snapshot {
            generation: old.generation + 1,
            policy: Arc::clone(&policy),
            keys: Some(Arc::clone(&keys)),
            blocks: Arc::clone(&old.blocks),
            fresh_until: Arc::clone(&old.fresh_until),
        };
        self.snapshot.rcu(next).generation + 1
    }

    /// Makes `keys` the ones that every later decision uses, and returns their generation. Policy and blocks stay. Whoever makes a set
    /// of the one in force has to see to it that nobody else does meanwhile.
    pub fn publish_keys(&self, keys: &Arc<KeySet>) -> u64 {
        let next = |old: &Arc<Snapshot>| Snapshot {
            generation: old.generation + 1,
            policy: Arc::clone(&old.policy),
            keys: Some(Arc::clone(keys)),
            blocks: Arc::clone(&old.blocks),
            fresh_until: Arc::clone(&old.fresh_until),
        };
        self.snapshot.rcu(next).generation + 1
    }

    /// Makes `blocks` the ones that every later decision asks, and returns their generation. Policy and keys stay. Whoever makes a
    /// set of the one in force has to see to it that nobody else does meanwhile.
    pub fn publish_blocks(&self, blocks: &Arc<Blocks>) -> u64 {
        let next = |old: &Arc<Snapshot>| Snapshot {
            generation: old.generation + 1,
            policy: Arc::clone(&old.policy),
            keys: old.keys.clone(),
            blocks: Arc::clone(blocks),
            fresh_until: Arc::clone(&old.fresh_until),
        };
        self.snapshot.rcu(next).generation + 1
    }

    /// The keys may be decided by until the clock that decisions are told the time by shows so many ticks, whichever set they are of;
    /// `u64::MAX`, as at the beginning, is for keys that do not age. Live streams go on after that.
    pub fn keys_are_fresh_until(&self, ticks_ns: u64) {
        self.snapshot.load().fresh_until.store(ticks_ns, Ordering::Relaxed);
    }

    /// What decisions are made against now.
    #[must_use]
    pub fn snapshot(&self) -> arc_swap::Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    /// The table of peers, for its metrics.
    #[must_use]
    pub const fn peers(&self) -> &PeerTable {
        &self.peers
    }

    /// Decides whether a request may pass at `now`, and charges its key, or its peer if it is refused.
    ///
    /// # Errors
    /// The refusal, with what is known of who sent the request.
    pub fn admit(&self, head: &RequestHead<'_>, now: Timestamp) -> Result<Admitted, Refusal> {
        self.admit_before(head, now, &mut ())
    }

    /// [`Gate::admit`], telling `witness` of each step. For `explain`: there is no second way to decide.
    ///
    /// # Errors
    /// The refusal.
    pub fn admit_before(&self, head: &RequestHead<'_>, now: Timestamp, witness: &mut impl Witness) -> Result<Admitted, Refusal> {
        // One snapshot for the whole decision: keys and policy can never be from different moments.
        let snapshot = self.snapshot.load();
        let verdict = decide::Asked::new(&snapshot, &self.peers, head, now, witness).verdict();
        if verdict.as_ref().is_err_and(|refusal| refusal.denial.blame() == Blame::Request) {
            self.charge_peer(&snapshot.policy, head.peer, now);
        }
        verdict
    }

    /// Charges a peer with a refusal that was decided before there was a head to ask about.
    pub fn refuse_unread(&self, peer: PeerAddress, now: Timestamp) {
        self.charge_peer(&self.snapshot.load().policy, peer, now);
    }

    /// Whether requests of `peer` are blocked.
    #[must_use]
    pub fn blocks_peer(&self, peer: PeerAddress, now: Timestamp) -> bool {
        self.snapshot.load().blocks.of_peer(peer, now.unix_ms).is_some()
    }

    fn charge_peer(&self, policy: &Policy, peer: PeerAddress, now: Timestamp) {
        if let Some(quota) = &policy.peer_refusals {
            self.peers.charge(peer.into(), quota, now.ticks_ns);
        }
    }
}
