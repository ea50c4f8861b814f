//! Following the files: on SIGHUP, on request, and on change. What is wrong changes nothing and shows in log and metric.
//!
//! A gate that another process has replaced follows on for what it still serves. The files are then written for the other one, which
//! may listen elsewhere, be of a newer version, and writes the state file.

use std::{io, path::PathBuf, sync::Arc};

use tokio::{
    signal::unix::Signal,
    sync::{mpsc, oneshot},
};
use tracing::{error, info, warn};

use super::{
    blocks::Blocking,
    load::{self, Fingerprint, LoadError, Loaded, Stored},
    machine,
    manage::Manage,
    stored::{InForce, NotInForce, StoredKeys},
    upgrade::Replaced,
};
use crate::{
    config::{Config, restart_only_changes},
    edge::Edge,
    keystore::watch,
    telemetry::{KeySetLoaded, Reload},
};

/// A request to reload, and where its outcome goes: the generation in force, or what is wrong.
pub type Request = oneshot::Sender<Result<u64, String>>;

/// What is followed, and in force already.
pub struct Following {
    /// Where the configuration is.
    pub path: PathBuf,
    /// The configuration in force.
    pub config: Config,
    /// What was read for what is in force.
    pub fingerprint: Fingerprint,
    /// Whose policy and keys they are.
    pub edge: Arc<Edge>,
    /// Who knows what is blocked.
    pub blocking: Arc<Blocking>,
    /// The keys, where they are in a store, its own or a copy.
    pub stored: Option<Arc<StoredKeys>>,
    /// Who manages them, if this gate does.
    pub manage: Option<Arc<Manage>>,
    /// Whether another process has taken over.
    pub replaced: Arc<Replaced>,
    /// What was wrong with the last reading; while there is something, every look reads again. A file may have been caught half
    /// written, and what it says when it is whole may be what it said before.
    pub wrong: Option<String>,
}

/// Follows the files until the process ends. `hangup` is SIGHUP, which somebody must wait for before anybody can know that the gate
/// runs: unawaited it ends the process.
///
/// # Errors
/// None: an end that others of the gate's parts report as well.
pub async fn follow(mut following: Following, mut hangup: Signal, mut requests: mpsc::Receiver<Request>) -> io::Result<()> {
    let replaced = Arc::clone(&following.replaced);
    let mut was_replaced = false;
    let mut folders = load::folders(&following.path, &following.config, was_replaced);
    let mut changes = watch(&folders);
    // What changed between the first reading and the first watching is announced by nobody.
    following.look().await;
    loop {
        tokio::select! {
            _ = hangup.recv() => { let _ = following.reload().await; }
            request = requests.recv() => {
                let Some(request) = request else { return Ok(()) };
                // Whoever asked may have gone.
                let _ = request.send(following.reload().await);
            }
            () = replaced.wait(), if !was_replaced => {
                was_replaced = true;
                // The configuration of the other one may be one that this gate could not take before.
                following.look().await;
            }
            () = changes.next() => following.look().await,
        }
        let named = load::folders(&following.path, &following.config, was_replaced);
        if named != folders {
            (changes, folders) = (watch(&named), named);
            following.look().await;
        }
    }
}

impl Following {
    /// Reloads if the files do not say what is in force.
    async fn look(&mut self) {
        self.follow_blocks().await;
        let caught = self.follow_store().await;
        let (path, keys) = (self.path.clone(), self.config.keys.place.clone());
        let seen = blocking(move || load::look(&path, &keys).map_err(|error| error.to_string())).await;
        match caught.and(seen) {
            Ok(seen) if seen == self.fingerprint && self.wrong.is_none() => {
                if self.reads_source() {
                    self.edge.telemetry().key_set_unchanged();
                }
            }
            Ok(_) => {
                if let Err(error) = self.try_reload().await
                    && self.wrong.as_ref() != Some(&error)
                {
                    self.failed(error);
                }
            }
            // The same mistake is told once, not at every look.
            Err(error) if self.wrong.as_ref() == Some(&error) => {}
            Err(error) => self.failed(error),
        }
    }

    /// Reloads because somebody asked.
    async fn reload(&mut self) -> Result<u64, String> {
        let reloaded = self.try_reload().await;
        if let Err(error) = &reloaded {
            self.failed(error.clone());
        }
        reloaded
    }

    async fn try_reload(&mut self) -> Result<u64, String> {
        let (path, gate) = (self.path.clone(), Arc::clone(self.edge.gate()));
        let last_good = self.replaced.is().then(|| self.config.clone());
        let stored_keys = self.stored.clone();
        let store = stored_keys.as_ref().map(|stored| Arc::clone(stored.store()));
        // From the reading of the store until it is in force, nothing later comes into force that this would undo.
        let hold = match &stored_keys {
            Some(stored) => Some((stored, stored.hold().await)),
            None => None,
        };
        let loaded = blocking(move || {
            let snapshot = gate.snapshot();
            let before = snapshot.keys.as_deref();
            let loaded = match (load::load(&path, before, store.clone()), last_good) {
                (Err(LoadError::Wrong(problems)), Some(config)) => load::load_keys(&path, config, before, store).inspect(|_| {
                    warn!("the configuration is not for this process, its keys alone are in force:\n{problems}");
                }),
                (loaded, _) => loaded,
            };
            loaded.map_err(|error| error.to_string())
        });
        let Loaded { config, text, keys, fingerprint, stored } = loaded.await?;
        let fixed = restart_only_changes(&self.config, &config);
        if !fixed.is_empty() && !self.replaced.is() {
            return Err(format!(
                "{} changed, which takes a restart; nothing of the new configuration is in force",
                fixed.join(", ")
            ));
        }
        let (policy, keys) = (Arc::new(config.policy.clone()), Arc::new(keys));
        let before = self.edge.settings();
        let settings = load::settings(&config, Arc::clone(&policy), machine::connections(), Some(&before))?;
        // Known before it is in force, so that whatever the new policy lets in goes where the new configuration says.
        self.edge.apply(settings);
        if let Some(manage) = &self.manage {
            manage.rules_are(Arc::clone(&policy), &self.path, &config, text);
        }
        let (generation, cut) = self.edge.change(|gate| gate.publish(policy, Arc::clone(&keys)));
        if let (Some((keys, mut hold)), Some(Stored { version, compiler, .. })) = (hold, stored) {
            keys.put(&mut hold, InForce { version, compiler }, &cut);
        }
        if let Some(manage) = &self.manage {
            manage.keep_trail_for(config.audit_keep);
        }
        self.edge.telemetry().key_set_loaded(&KeySetLoaded { generation, keys: &keys });
        self.edge.telemetry().reloaded(&Reload { successful: true, from_source: self.reads_source() });
        info!(generation, keys = keys.len(), cut = cut.len(), "reloaded");
        (self.config, self.fingerprint, self.wrong) = (config, fingerprint, None);
        Ok(generation)
    }

    /// Whether what is read here is where the keys come from: a gate that follows reads its copy.
    fn reads_source(&self) -> bool {
        self.stored.is_none() || self.manage.is_some()
    }

    /// What the store has is in force here too, whoever wrote it. A store that was replaced is read whole.
    async fn follow_store(&mut self) -> Result<(), String> {
        if let Some(manage) = self.manage.clone() {
            manage.look_at_operators().await.map_err(|error| error.to_string())?;
        }
        let Some(stored) = self.stored.clone() else { return Ok(()) };
        match stored.catch_up().await {
            Ok(()) => Ok(()),
            Err(NotInForce::Store(error)) => Err(error.to_string()),
            Err(why @ (NotInForce::AnotherEpoch | NotInForce::TooFarBack | NotInForce::Clash)) => {
                warn!("{why}: reading all of it");
                self.try_reload().await.map(|_| ())
            }
        }
    }

    /// What the other process blocks is blocked here too.
    async fn follow_blocks(&self) {
        let Some(file) = self.config.state.clone().filter(|_| self.replaced.is()) else { return };
        let followed = Arc::clone(&self.blocking);
        if let Err(error) = blocking(move || followed.follow(&file)).await {
            error!(%error, "the state file cannot be followed, the last blocks go on");
        }
    }

    /// The last good state goes on.
    fn failed(&mut self, error: String) {
        self.edge.telemetry().reloaded(&Reload { successful: false, from_source: self.reads_source() });
        error!(path = %self.path.display(), "not reloaded, the last good configuration and keys go on:\n{error}");
        self.wrong = Some(error);
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(format!("reading broke off: {error}")))
}
