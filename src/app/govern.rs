//! The running gate as the admin room sees it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tracing::info;

use super::{LogLevel, blocks::Blocking, connections, cut, reload::Request, upgrade::Replaced};
use crate::{
    admin::{
        Asker, BlockView, Blocked, Connections, Cut, Governed, Grouping, Groups, Lifted, Listing, Offered, Role, Severed, Wanted,
    },
    config::Config,
    edge::Edge,
    gate::{blocks::Target, denial::Denial},
};

/// How often a wait for the last stream or connection looks.
const LOOK: Duration = Duration::from_millis(20);

/// Governs one gate.
pub struct Govern {
    edge: Arc<Edge>,
    level: LogLevel,
    drain_window: Duration,
    blocking: Arc<Blocking>,
    reloads: mpsc::Sender<Request>,
    requests: Mutex<Option<mpsc::Receiver<Request>>>,
    listening: Vec<Offered>,
    replaced: Arc<Replaced>,
}

impl Govern {
    /// Governs the gate of `edge`, which was started by `config` and accepts on these sockets.
    #[must_use]
    pub fn new(edge: Arc<Edge>, level: LogLevel, config: &Config, listening: Vec<Offered>) -> Self {
        let (reloads, requests) = mpsc::channel(8);
        let blocking = Arc::new(Blocking::new(Arc::clone(&edge), config.state.clone()));
        let drain_window = config.timeouts.drain;
        let replaced = Arc::new(Replaced::new(Arc::clone(&edge), drain_window));
        Self { edge, level, drain_window, blocking, reloads, requests: Mutex::new(Some(requests)), listening, replaced }
    }

    /// Who changes blocks.
    pub(super) const fn blocking(&self) -> &Arc<Blocking> {
        &self.blocking
    }

    /// Whether another process has taken over.
    pub(super) const fn replacement(&self) -> &Arc<Replaced> {
        &self.replaced
    }

    /// Ready once no client is connected, and none can be accepted any more.
    pub(super) async fn nothing_is_left(&self) {
        while self.accepts() || self.edge.connections() > 0 {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Whether a client may still be accepted on one of the sockets.
    pub(super) fn accepts(&self) -> bool {
        self.listening.iter().any(|offered| offered.role == Role::Gate && offered.socket.strong_count() > 0)
    }

    /// Requests to reload, for the one that serves them. A second taker gets none.
    #[must_use]
    pub fn reload_requests(&self) -> mpsc::Receiver<Request> {
        self.requests.lock().take().unwrap_or_else(|| mpsc::channel(1).1)
    }

    /// Begins to drain, once: from now on new streams are refused and the open ones are told to go, within `window` at the most.
    pub fn begin_drain(&self, window: Duration) {
        if !self.edge.drain().begin() {
            return;
        }
        self.edge.telemetry().draining();
        info!(streams = self.edge.registry().len(), "draining");
        let edge = Arc::clone(&self.edge);
        tokio::spawn(async move { edge.tell_streams_to_go(window).await });
    }
}

#[async_trait]
impl Governed for Govern {
    fn ready(&self) -> Result<(), &'static str> {
        if self.edge.drain().is_draining() {
            return Err("draining");
        }
        match self.edge.gate().snapshot().fresh_keys(self.edge.clock().now()) {
            Ok(_) => Ok(()),
            Err(Denial::KeysStale) => Err("the key set is too old: the manager was not heard for too long"),
            Err(_) => Err("the key set is not loaded"),
        }
    }

    fn metrics(&self) -> Result<Vec<u8>, String> {
        let (keys, networks) = self.blocking.count();
        self.edge.telemetry().blocks(keys, networks);
        self.edge.telemetry().render(self.edge.gate().peers().occupancy()).map_err(|error| error.to_string())
    }

    async fn reload(&self) -> Result<u64, String> {
        let (reply, outcome) = oneshot::channel();
        let gone = || "the gate is ending".to_owned();
        self.reloads.send(reply).await.map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }

    async fn drain(&self, wait: Duration) -> usize {
        let window = if wait.is_zero() { self.drain_window } else { wait.min(self.drain_window) };
        self.begin_drain(window);
        let deadline = Instant::now() + wait;
        while !self.edge.registry().is_empty() && Instant::now() < deadline {
            tokio::time::sleep(LOOK).await;
        }
        self.edge.registry().len()
    }

    fn connections(&self, wanted: &Listing) -> Result<Connections, String> {
        connections::listed(&self.edge, wanted)
    }

    fn grouped_connections(&self, wanted: &Grouping) -> Result<Groups, String> {
        connections::grouped(&self.edge, wanted)
    }

    async fn cut(&self, wanted: Cut, asker: Asker) -> Result<Severed, String> {
        cut::cut(&self.edge, wanted, asker).await
    }

    async fn block(&self, wanted: Wanted, asker: Asker) -> Result<Blocked, String> {
        let blocking = Arc::clone(&self.blocking);
        to_the_end(move || blocking.block(wanted, asker)).await
    }

    async fn unblock(&self, target: Target, asker: Asker) -> Result<Lifted, String> {
        let blocking = Arc::clone(&self.blocking);
        to_the_end(move || blocking.unblock(&target, asker)).await
    }

    fn blocks(&self) -> Vec<BlockView> {
        self.blocking.list()
    }

    fn offer(&self) -> Result<Vec<Offered>, String> {
        if self.replaced.is() {
            return Err("another process has taken over already".to_owned());
        }
        if !self.accepts() {
            return Err("it is stopping".to_owned());
        }
        Ok(self.listening.clone())
    }

    async fn freeze_blocks(&self) -> Result<String, String> {
        let blocking = Arc::clone(&self.blocking);
        // Line breaks of the text are between its words only.
        to_the_end(move || Ok(blocking.freeze().trim_end().replace('\n', " "))).await
    }

    fn thaw_blocks(&self) {
        self.blocking.thaw();
    }

    fn replaced(&self) {
        self.replaced.begin();
    }

    fn set_log_level(&self, directive: &str) -> Result<(), String> {
        self.level.set(directive)
    }
}

/// Runs work that waits for the disk on a thread of its own, to its end, also if whoever asked has gone meanwhile.
async fn to_the_end<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(format!("it broke off: {error}")))
}
