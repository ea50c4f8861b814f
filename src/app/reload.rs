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
    let mut following = Following { path, config, edge, fingerprint, wrong: None };
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
    /// Of what is in force.
    fingerprint: Fingerprint,
    /// What was wrong with the last reading; while there is something, every look reads again. A file may have been caught half
    /// written, and what it says when it is whole may be what it said before.
    wrong: Option<String>,
}

impl Following {
    /// Reloads if the files do not say what is in force.
    async fn look(&mut self) {
        let (path, keys) = (self.path.clone(), self.config.keys.file.clone());
        let seen = blocking(move || load::look(&path, &keys).map_err(|error| error.to_string())).await;
        match seen {
            Ok(seen) if seen == self.fingerprint && self.wrong.is_none() => self.edge.telemetry().key_set_unchanged(),
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
        let (policy, keys) = (Arc::new(config.policy.clone()), Arc::new(keys));
        let before = self.edge.settings();
        let settings = load::settings(&config, Arc::clone(&policy), machine::connections(), Some(&before))?;
        // Known before it is in force, so that whatever the new policy lets in goes where the new configuration says.
        self.edge.apply(settings);
        // In force from here: first for new requests, then for the streams that are open.
        let generation = self.edge.gate().publish(policy, Arc::clone(&keys));
        let cut = self.edge.cut_fallen();
        self.edge.telemetry().key_set_loaded(&KeySetLoaded { generation, keys: keys.records() });
        self.edge.telemetry().reloaded(&Reload { successful: true });
        info!(generation, keys = keys.records().len(), cut, "reloaded");
        (self.config, self.fingerprint, self.wrong) = (config, fingerprint, None);
        Ok(generation)
    }

    /// The last good state goes on.
    fn failed(&mut self, error: String) {
        self.edge.telemetry().reloaded(&Reload { successful: false });
        error!(path = %self.path.display(), "not reloaded, the last good configuration and keys go on:\n{error}");
        self.wrong = Some(error);
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(format!("reading broke off: {error}")))
}
