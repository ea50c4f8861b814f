//! Streams of many kinds over many keys, held open through a gate: who is alive, who ended, when, and what each was told.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Semaphore, watch},
    time::{Instant as Deadline, timeout_at},
};

use super::{
    super::support::secret_key,
    member::{Kind, Member},
    times::Times,
    told::{Farewell, Told},
    upstream::Upstream,
};

/// Streams that open at a time.
const AT_ONCE: usize = 64;
/// A busy one sends once in this time for each member: that all of them together send some hundred messages a second however many they
/// are, and two processors are enough for the crowd, the backend and the gate.
const BEAT: Duration = Duration::from_micros(500);

/// A crowd.
pub struct Crowd {
    pub members: Vec<Arc<Member>>,
    pub upstream: Upstream,
    rounds: watch::Sender<u64>,
}

/// How the streams of some keys ended.
pub struct Ends {
    /// How long after the start the clients saw their ends.
    pub clients: Times,
    /// And the backend its.
    pub backend: Times,
    /// Streams that did not end on both sides.
    pub living: usize,
    /// What was wrong with what clients were told.
    pub mistold: Vec<String>,
    /// WebSockets on which something came that was no frame.
    pub broken: usize,
    /// WebSockets that a reset ended inside a frame, where more of it could have been written.
    pub cut_short: usize,
    /// Idle WebSockets whose backend got no Close.
    pub untold: usize,
}

impl Crowd {
    /// The id of a key.
    pub fn key_id(key: usize) -> String {
        format!("k{key:03}")
    }

    /// The text of a key.
    pub fn key_text(key: usize) -> String {
        format!("sk_live_{}", Self::key_id(key))
    }

    /// The entries of so many keys; those that `is_revoked` says are.
    pub fn keys(count: usize, is_revoked: impl Fn(usize) -> bool) -> Vec<String> {
        let entry =
            |key| secret_key(&Self::key_id(key), &Self::key_text(key), if is_revoked(key) { "state: revoked" } else { "" });
        (0..count).map(entry).collect()
    }

    /// So many members over so many keys, each of which has all of these kinds in turn.
    pub fn new(upstream: Upstream, size: usize, keys: usize, kinds: &[Kind]) -> Self {
        let beat = BEAT * u32::try_from(size).expect("not so many");
        let member = |seat| Arc::new(Member::new(seat, seat % keys, kinds[seat / keys % kinds.len()], beat));
        Self { members: (0..size).map(member).collect(), upstream, rounds: watch::Sender::new(0) }
    }

    /// Opens all streams at `address`. Ready once each is as its kind has it.
    pub async fn open(&self, address: SocketAddr) {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        for member in &self.members {
            let place = Arc::clone(&places).acquire_owned().await.expect("places");
            let (one, rounds) = (Arc::clone(member), self.rounds.subscribe());
            tokio::spawn(async move { one.live(address, &Self::key_text(one.key), rounds).await });
            let one = Arc::clone(member);
            tokio::spawn(async move {
                one.opened.wait().await;
                drop(place);
            });
        }
        for member in &self.members {
            member.opened.wait().await;
            assert!(member.told.get().is_none(), "it did not open, or not for long: {:?}", member.mistold(&NOTHING));
            self.upstream.begun(member.seat).await;
        }
    }

    /// Asks everybody for a sign of life, and returns how many of `among` gave none in time, or have ended on either side.
    pub async fn missing(&self, among: impl Fn(&Member) -> bool, patience: Duration) -> usize {
        let round = self.rounds.borrow().wrapping_add(1);
        self.rounds.send_replace(round);
        self.upstream.tick();
        let deadline = Deadline::now() + patience;
        let mut missing = 0;
        for member in self.members.iter().filter(|member| among(member)) {
            let mut answered = member.round.subscribe();
            let answered = timeout_at(deadline, answered.wait_for(|answered| *answered >= round));
            let heard = !member.is_heard() || matches!(answered.await, Ok(Ok(_)));
            let ended = member.told.initialized() || self.upstream.has_left(member.seat);
            missing += usize::from(!heard || ended);
        }
        missing
    }

    /// Waits, for `patience` at the most, until the streams of `among` have ended on both sides.
    pub async fn ends(&self, among: impl Fn(&Member) -> bool, since: Instant, patience: Duration, farewell: &Farewell) -> Ends {
        let deadline = Deadline::now() + patience;
        let (mut clients, mut backend) = (Vec::new(), Vec::new());
        let (mut living, mut untold, mut broken, mut cut_short) = (0, 0, 0, 0);
        let mut mistold = Vec::new();
        for member in self.members.iter().filter(|member| among(member)) {
            let told = timeout_at(deadline, member.told.wait()).await;
            let left = timeout_at(deadline, self.upstream.left(member.seat)).await.ok();
            living += usize::from(told.is_err() || left.is_none());
            clients.extend(told.map(|told| told.at));
            mistold.extend(member.mistold(farewell));
            broken += usize::from(member.told.get().is_some_and(Told::is_broken));
            cut_short += usize::from(member.kind != Kind::Blocked && member.told.get().is_some_and(Told::is_cut_short));
            untold += usize::from(member.kind == Kind::Idle && left.is_some_and(|left| left.close.is_none()));
            backend.extend(left.map(|left| left.at));
        }
        Ends {
            clients: Times::since(since, clients),
            backend: Times::since(since, backend),
            living,
            mistold,
            broken,
            cut_short,
            untold,
        }
    }
}

/// Of a member that ended before it should, only what was broken is of interest.
const NOTHING: Farewell = Farewell { close: (0, ""), status: 0 };
