//! Who sees to the keys of a gate: nobody but who writes their file; this process, which manages them; or a manager elsewhere, which it
//! follows.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use tokio::task::JoinSet;
use tracing::warn;

use super::{
    follow::{self, Follow, Outbox},
    load::Loaded,
    manage::Manage,
    stored::StoredKeys,
    upgrade::Replaced,
    usage,
};
use crate::{
    config::{Config, KeyPlace},
    edge::Edge,
    keystore::{SqliteStore, Version},
};

/// How long a gate that follows waits for the first word of its manager before it accepts.
const FIRST_WORD: Duration = Duration::from_secs(2);

/// The copy of a manager's keys that a gate keeps.
pub type Replica = Option<Arc<SqliteStore>>;

/// Who sees to the keys.
pub struct Keeping {
    /// The keys, where they are in a store, its own or a copy.
    pub stored: Option<Arc<StoredKeys>>,
    /// Who manages them, if this process does.
    pub manage: Option<Arc<Manage>>,
    follow: Option<Follow>,
    outbox: Option<Arc<Outbox>>,
}

/// What is loaded, with the keys of the copy where a manager elsewhere has them.
///
/// # Errors
/// If that cannot be opened.
pub fn with_copy(loaded: Loaded) -> io::Result<(Loaded, Replica)> {
    let KeyPlace::Manager(manager) = &loaded.config.keys.place else { return Ok((loaded, None)) };
    let copy = follow::open(&loaded.config, manager).map_err(|error| io::Error::other(error.to_string()))?;
    if copy.stored.version == Version::default() {
        warn!(manager = %manager.url, "no keys yet: every request is refused until the manager was heard");
    }
    Ok((Loaded { keys: copy.keys, stored: Some(copy.stored), ..loaded }, Some(copy.replica)))
}

impl Keeping {
    /// For the keys in `stored`, which are in force in the gate of `edge`.
    ///
    /// # Errors
    /// If their store cannot be read, or there is no following by what the configuration says.
    pub async fn new(stored: Option<Arc<StoredKeys>>, replica: Replica, config: &Config, edge: &Arc<Edge>) -> io::Result<Self> {
        let (mut manage, mut follow) = (None, None);
        match (&stored, replica, &config.keys.place) {
            (Some(stored), Some(replica), KeyPlace::Manager(manager)) => {
                let made = Follow::new(manager, Arc::clone(stored), replica, Arc::clone(edge));
                follow = Some(made.map_err(io::Error::other)?);
            }
            (Some(stored), _, _) => {
                let made = Manage::new(Arc::clone(stored), Some(Arc::clone(edge))).await;
                manage = Some(Arc::new(made.map_err(io::Error::other)?));
            }
            (None, _, _) => {}
        }
        let outbox = follow.as_ref().map(|follow| Arc::clone(follow.outbox()));
        Ok(Self { stored, manage, follow, outbox })
    }

    /// Has `tasks` see to them from now on. Ready when requests may be let in: what was revoked while a gate that follows was away is known
    /// then, if its manager is there.
    pub async fn begin(
        &mut self,
        tasks: &mut JoinSet<io::Result<()>>,
        config: &Config,
        edge: &Arc<Edge>,
        replaced: Arc<Replaced>,
    ) {
        if let Some(stored) = &self.stored {
            edge.telemetry().keep_usage();
            tasks.spawn(usage::keep_usage(Arc::clone(edge), Arc::clone(stored), self.outbox.clone()));
        }
        if let Some(manage) = &self.manage {
            manage.keep_trail_for(config.audit_keep);
            tasks.spawn(Arc::clone(manage).prune_trail());
            tasks.spawn(Arc::clone(manage).count_warnings());
            tasks.spawn(Arc::clone(manage).forget_gates());
            let manage = Arc::clone(manage);
            // Whoever takes over is to know the gates that follow, for its receipts.
            tasks.spawn(async move {
                replaced.wait().await;
                manage.send_gates_away();
                Ok(())
            });
        }
        if let (Some(follow), Some(outbox)) = (self.follow.take(), &self.outbox) {
            let first = follow.first();
            tasks.spawn(follow.run());
            tasks.spawn(Arc::clone(outbox).run());
            let _ = tokio::time::timeout(FIRST_WORD, first.wait()).await;
        }
    }

    /// The process ends: keeps and tells what there is still to be kept and told.
    pub async fn end(&self, edge: &Edge) {
        if let Some(stored) = &self.stored {
            usage::keep(edge, stored, self.outbox.as_deref(), &mut BTreeMap::new()).await;
        }
        if let Some(outbox) = &self.outbox {
            outbox.leave().await;
        }
    }
}
