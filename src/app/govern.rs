//! The running gate as the admin room sees it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tracing::info;

use super::{LogLevel, blocks::Blocking, reload::Request};
use crate::{
    admin::{Asker, BlockView, Blocked, Connection, Connections, Governed, Lifted, Wanted},
    config::Config,
    edge::{Edge, LiveStream},
    gate::blocks::Target,
};

/// How often a wait for the last stream looks.
const LOOK: Duration = Duration::from_millis(20);

/// Governs one gate.
pub struct Govern {
    edge: Arc<Edge>,
    level: LogLevel,
    drain_window: Duration,
    blocking: Arc<Blocking>,
    reloads: mpsc::Sender<Request>,
    requests: Mutex<Option<mpsc::Receiver<Request>>>,
}

impl Govern {
    /// Governs the gate of `edge`, which was started by `config`.
    #[must_use]
    pub fn new(edge: Arc<Edge>, level: LogLevel, config: &Config) -> Self {
        let (reloads, requests) = mpsc::channel(8);
        let blocking = Arc::new(Blocking::new(Arc::clone(&edge), config.state.clone()));
        let drain_window = config.timeouts.drain;
        Self { edge, level, drain_window, blocking, reloads, requests: Mutex::new(Some(requests)) }
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

    fn view(&self, stream: &LiveStream) -> Connection {
        use std::sync::atomic::Ordering::Relaxed;
        let age_ms = self.edge.clock().now().unix_ms.saturating_sub(stream.opened_ms);
        let key = stream.standing.as_ref().map(|standing| &standing.key);
        Connection {
            key_id: key.map(|key| key.id.to_string()),
            app: key.map(|key| key.app.to_string()),
            transport: stream.transport.name().to_owned(),
            peer: stream.peer.to_string(),
            age_seconds: age_ms / 1000,
            received_bytes: stream.received.load(Relaxed),
            sent_bytes: stream.sent.load(Relaxed),
        }
    }
}

#[async_trait]
impl Governed for Govern {
    fn ready(&self) -> Result<(), &'static str> {
        if self.edge.drain().is_draining() {
            return Err("draining");
        }
        if self.edge.gate().snapshot().keys.is_none() {
            return Err("the key set is not loaded");
        }
        Ok(())
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

    fn connections(&self, limit: usize) -> Connections {
        let mut connections = Vec::new();
        self.edge.registry().for_each(|stream| {
            if connections.len() < limit {
                connections.push(self.view(stream));
            }
        });
        Connections { clients: self.edge.connections(), total: self.edge.registry().len(), connections }
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

    fn set_log_level(&self, directive: &str) -> Result<(), String> {
        self.level.set(directive)
    }
}

/// Runs work that waits for the disk on a thread of its own, to its end, also if whoever asked has gone meanwhile.
async fn to_the_end<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(format!("it broke off: {error}")))
}
