//! Following a gate that manages the keys of this one.
//!
//! The gate keeps a copy of the manager's keys on its disk, and what comes into force comes from there: so what it knew before a restart it
//! knows afterwards, a revocation above all. From the manager it takes what is signed, made for this asking and no older than what it
//! has; whatever else comes is told, and changes nothing. What it has is good for `max_stale` after the manager was heard last.

mod freshness;
mod outbox;
mod session;
mod snapshot;

use std::{io, sync::Arc, time::Duration};

use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::SetOnce;
use tracing::{error, info, warn};

use self::freshness::Freshness;
pub use self::outbox::Outbox;
use super::{
    load::{self, LoadError, Stored, Strange, compiler_of},
    stored::StoredKeys,
};
use crate::{
    config::{Config, Manager},
    edge::Edge,
    gate::{credential::hex, keys::KeySet},
    keystore::{Checkpoint, HttpClient, KeyStore as _, SqliteStore, StoreError, Version},
};

/// Between two attempts at the least and at the most.
const SOON: Duration = Duration::from_millis(100);
const LATE: Duration = Duration::from_secs(5);

/// What is told of why the manager is not followed, in characters.
const MAX_TOLD: usize = 500;

/// The copy that a gate keeps, as it was found.
pub struct Copy {
    /// Where it is.
    pub replica: Arc<SqliteStore>,
    /// Its keys.
    pub keys: KeySet,
    /// What they were read from.
    pub stored: Stored,
}

/// A gate that follows.
pub struct Follow {
    manager: Manager,
    client: Arc<HttpClient>,
    stored: Arc<StoredKeys>,
    replica: Arc<SqliteStore>,
    outbox: Arc<Outbox>,
    freshness: Freshness,
    random: SystemRandom,
    /// Whether the manager was heard, or cannot be.
    first: Arc<SetOnce<()>>,
}

/// Opens the copy that the gate of `config` keeps of the keys of `manager`; an empty one where there is none. One that is damaged, in
/// whatever of it is read, is put aside: the manager has all that was in it, and may not have gone back since.
///
/// # Errors
/// If it cannot be opened or made, or its keys make no set.
pub fn open(config: &Config, manager: &Manager) -> Result<Copy, LoadError> {
    match read(config, manager) {
        Err(LoadError::Damaged(what)) => {
            error!("{what}; it is put aside, and the keys are asked for anew");
            SqliteStore::put_aside(&manager.cache)?;
            read(config, manager)
        }
        read => read,
    }
}

fn read(config: &Config, manager: &Manager) -> Result<Copy, LoadError> {
    let replica = Arc::new(SqliteStore::open_replica(&manager.cache, manager.verify.as_bytes())?);
    // What it keeps besides keys is asked for later, when nothing can be put aside any more.
    replica.keepsakes("")?;
    let (keys, stored) = load::of_store(Arc::clone(&replica) as _, compiler_of(config), None, Strange::IsRefused)?;
    Ok(Copy { replica, keys, stored })
}

impl Follow {
    /// Follows `manager` for the gate of `edge`, whose keys are `stored` and come from `replica`. From now on these are good for as long as
    /// they are known to be what the manager has.
    ///
    /// # Errors
    /// If the manager's address or certificates cannot be used, or the copy cannot be read, or there is no randomness.
    pub fn new(manager: &Manager, stored: Arc<StoredKeys>, replica: Arc<SqliteStore>, edge: Arc<Edge>) -> Result<Self, String> {
        let client = HttpClient::new(&manager.url, Some(manager.token.reveal()), manager.ca.as_deref());
        let client = Arc::new(client.map_err(|error| format!("keys.url: {error}"))?);
        let freshness =
            Freshness::new(Arc::clone(&edge), Arc::clone(&replica), manager.max_stale).map_err(|error| error.to_string())?;
        let random = SystemRandom::new();
        let instance = word(&random)?;
        let outbox = Arc::new(Outbox::new(Arc::clone(&client), edge, Arc::clone(&stored), instance));
        Ok(Self { manager: manager.clone(), client, stored, replica, outbox, freshness, random, first: Arc::default() })
    }

    /// What this gate has to tell its manager.
    #[must_use]
    pub const fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// Set once the manager was heard, or could not be: whoever lets requests in before that lets them in by what it had before it started.
    #[must_use]
    pub fn first(&self) -> Arc<SetOnce<()>> {
        Arc::clone(&self.first)
    }

    /// Follows until the process ends.
    ///
    /// # Errors
    /// None: an end that others of the gate's parts report as well.
    pub async fn run(mut self) -> io::Result<()> {
        let (mut pause, mut told) = (SOON, None);
        loop {
            let heard = self.freshness.times_heard();
            let ended = self.session().await;
            if self.freshness.times_heard() > heard {
                (pause, told) = (SOON, None);
            }
            if ended.is_err() {
                let _ = self.first.set(());
            }
            match ended {
                // Asked for anew with what was read; at once, but not without end.
                Ok(()) => pause = SOON,
                // The same is told once, not at every attempt.
                Err(why) if told.as_ref() == Some(&why) => {}
                Err(why) => {
                    let shown = shown(&why, self.manager.token.reveal());
                    warn!(manager = %self.manager.url, "{shown}; the gate goes on with the keys that it has for {} s", self.freshness.left().as_secs());
                    told = Some(why);
                }
            }
            tokio::time::sleep(self.spread(pause)).await;
            pause = (pause * 2).min(LATE);
        }
    }

    /// How far the copy has come.
    async fn checkpoint(&self) -> Result<Checkpoint, String> {
        self.ask(SqliteStore::checkpoint).await
    }

    /// What the copy says to `work`.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&SqliteStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, String> {
        let replica = Arc::clone(&self.replica);
        let read = tokio::task::spawn_blocking(move || work(&replica)).await;
        read.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    /// Half of `pause` to all of it, so that the gates of a manager that was away do not come all at once.
    fn spread(&self, pause: Duration) -> Duration {
        let mut byte = [0];
        // Without randomness, they do.
        let _ = self.random.fill(&mut byte);
        pause.mul_f64(0.5 + f64::from(byte[0]) / 512.0)
    }

    /// Keys of this version are in force.
    fn tell_in_force(&self, version: Version) {
        info!(epoch = version.epoch, sequence = version.sequence, "the manager's keys are in force");
    }
}

/// `why` as it may stand in the log. Whoever answers in the manager's place has a word in it, and knows the token that it was shown.
fn shown(why: &str, token: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    why.replace(token, "…").chars().map(plain).take(MAX_TOLD).collect()
}

/// A word that nobody has said before.
fn word(random: &SystemRandom) -> Result<String, String> {
    let mut bytes = [0; 16];
    random.fill(&mut bytes).map_err(|_| "the system gives no randomness".to_owned())?;
    Ok(hex::text(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_writes_no_token_and_no_lines_into_the_log() {
        let detail = format!("the manager answers 500: \x1b[2Jkeygate_at_x1, said\nERROR {}", "x".repeat(16 * 1024));
        let told = shown(&detail, "keygate_at_x1");
        assert!(told.starts_with("the manager answers 500:  [2J…, said ERROR xxx"), "{told}");
        assert_eq!(told.chars().count(), MAX_TOLD);
    }
}
