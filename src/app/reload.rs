//! Following the files: on SIGHUP, on request, and on change. What is wrong changes nothing and shows in log and metric.

use std::{io, path::PathBuf, sync::Arc};

use tokio::{
    signal::unix::Signal,
    sync::{mpsc, oneshot},
};
use tracing::{error, info};

use super::{
    load::{self, Fingerprint, Loaded},
    machine,
};
use crate::{
    config::{Config, restart_only_changes},
    edge::Edge,
    keystore::watch,
    telemetry::{KeySetLoaded, Reload},
};

/// A request to reload, and where its outcome goes: the generation in force, or what is wrong.
pub type Request = oneshot::Sender<Result<u64, String>>;

/// Follows the configuration at `path` until the process ends. In force is `config`, and what was read for it has this fingerprint.
/// `hangup` is SIGHUP, which somebody must wait for before anybody can know that the gate runs: unawaited it ends the process.
///
/// # Errors
/// None: an end that others of the gate's parts report as well.
pub async fn follow(
    path: PathBuf,
    config: Config,
    fingerprint: Fingerprint,
    edge: Arc<Edge>,
    mut hangup: Signal,
    mut requests: mpsc::Receiver<Request>,
) -> io::Result<()> {
    let mut folders = load::folders(&path, &config);
    let mut changes = watch(&folders);
    let mut following = Following { path, config, edge, fingerprint };
    // What changed between the first reading and the first watching is announced by nobody.
    following.look().await;
    loop {
        tokio::select! {
            _ = hangup.recv() => { let _ = following.reload(None).await; }
            request = requests.recv() => {
                let Some(request) = request else { return Ok(()) };
                // Whoever asked may have gone.
                let _ = request.send(following.reload(None).await);
            }
            () = changes.next() => following.look().await,
        }
        let named = load::folders(&following.path, &following.config);
        if named != folders {
            (changes, folders) = (watch(&named), named);
        }
    }
}

struct Following {
    path: PathBuf,
    config: Config,
    edge: Arc<Edge>,
    fingerprint: Fingerprint,
}

impl Following {
    /// Reloads if the files say something else than what was read last, good or bad.
    async fn look(&mut self) {
        let (path, keys) = (self.path.clone(), self.config.keys.file.clone());
        let seen = blocking(move || load::look(&path, &keys).map_err(|error| error.to_string())).await;
        match seen {
            Ok(seen) if seen == self.fingerprint => self.edge.telemetry().key_set_unchanged(),
            Ok(seen) => drop(self.reload(Some(seen)).await),
            Err(error) => self.failed(&error, Some(Fingerprint::default())),
        }
    }

    async fn reload(&mut self, seen: Option<Fingerprint>) -> Result<u64, String> {
        match self.try_reload().await {
            Ok(generation) => Ok(generation),
            Err(error) => {
                self.failed(&error, seen);
                Err(error)
            }
        }
    }

    async fn try_reload(&mut self) -> Result<u64, String> {
        let (path, gate) = (self.path.clone(), Arc::clone(self.edge.gate()));
        let loaded = blocking(move || {
            let snapshot = gate.snapshot();
            load::load(&path, snapshot.keys.as_deref()).map_err(|error| error.to_string())
        });
        let Loaded { config, keys, fingerprint } = loaded.await?;
        let fixed = restart_only_changes(&self.config, &config);
        if !fixed.is_empty() {
            return Err(format!(
                "{} changed, which takes a restart; nothing of the new configuration is in force",
                fixed.join(", ")
            ));
        }
        let settings = load::settings(&config, machine::connections())?;
        let (policy, keys) = (Arc::new(config.policy.clone()), Arc::new(keys));
        // In force from here: first for new requests, then for the streams that are open.
        let generation = self.edge.gate().publish(policy, Arc::clone(&keys));
        self.edge.apply(settings);
        let cut = self.edge.cut_fallen();
        self.edge.telemetry().key_set_loaded(&KeySetLoaded { generation, keys: keys.records() });
        self.edge.telemetry().reloaded(&Reload { successful: true });
        info!(generation, keys = keys.records().len(), cut, "reloaded");
        (self.config, self.fingerprint) = (config, fingerprint);
        Ok(generation)
    }

    /// The last good state goes on. The same mistake is told once, not at every look.
    fn failed(&mut self, error: &str, seen: Option<Fingerprint>) {
        if seen.is_some() && seen == Some(self.fingerprint) {
            return;
        }
        self.fingerprint = seen.unwrap_or(self.fingerprint);
        self.edge.telemetry().reloaded(&Reload { successful: false });
        error!(path = %self.path.display(), "not reloaded, the last good configuration and keys go on:\n{error}");
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(format!("reading broke off: {error}")))
}
