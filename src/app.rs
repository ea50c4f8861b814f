//! The composition root: the only room that knows every other. Start-up, change and end of a gate, each readable as a list.

mod blocks;
mod govern;
mod load;
mod logging;
mod machine;
mod reload;

use std::{
    io::{self, IsTerminal as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tracing::{error, info, warn};

pub use crate::edge::Clock;

pub use self::{
    blocks::kept_blocks,
    govern::Govern,
    load::{LoadError, Loaded, load},
    logging::{LogLevel, start_logging},
};
use crate::{
    admin::{ControlSocket, default_control_path, serve_control, serve_status},
    edge::{Bound, Edge, Entrance, bind, load_tls},
    gate::{Gate, blocks::Blocks},
    telemetry::{AccessFormat, AccessLog, AccessPolicy, KeySetLoaded, Reload, Telemetry},
};

/// A gate that listens.
pub struct Running {
    edge: Arc<Edge>,
    govern: Arc<Govern>,
    tasks: JoinSet<io::Result<()>>,
    drain_window: Duration,
    /// Where clients connect.
    pub listeners: Vec<SocketAddr>,
    /// Where health and metrics are.
    pub status: Option<SocketAddr>,
    /// The control socket.
    pub control: PathBuf,
}

/// How often streams are looked for whose time has come.
const SWEEP: Duration = Duration::from_millis(250);
/// How often the end looks whether it has come.
const DRAIN_LOOK: Duration = Duration::from_millis(20);

/// Starts a gate by the configuration at `path`, with the blocks that were kept: bind everything, then serve. Returns once it accepts.
///
/// # Errors
/// What stands in the way; nothing is left running then.
pub async fn start(path: &Path, loaded: Loaded, kept: Blocks, level: LogLevel) -> io::Result<Running> {
    machine::harden();
    let hangup = signal(SignalKind::hangup())?;
    let Loaded { config, keys, fingerprint } = loaded;
    let bound = bind_all(&config)?;
    let status = match config.status {
        Some(address) => Some(TcpListener::bind(address).await.map_err(|error| named(address, &error))?),
        None => None,
    };
    let control = config.control.clone().unwrap_or_else(default_control_path);
    let socket = ControlSocket::bind(&control)?;

    let access_log = AccessLog::new(access_policy(config.log.access), access_format(config.log.format), io::stdout());
    let telemetry = Arc::new(Telemetry::new(access_log).map_err(io::Error::other)?);
    let gate = Arc::new(Gate::new(config.policy.clone()));
    let policy = Arc::new(config.policy.clone());
    let settings = load::settings(&config, Arc::clone(&policy), machine::connections(), None).map_err(io::Error::other)?;
    let edge = Edge::new(Arc::clone(&gate), Arc::clone(&telemetry), Clock::start(), settings)
        .map_err(|_| io::Error::other("the system gives no randomness"))?;
    let keys = Arc::new(keys);
    if !kept.is_empty() {
        info!(blocks = kept.in_force(edge.clock().now().unix_ms).count(), "kept blocks are in force");
        gate.publish_blocks(&Arc::new(kept));
    }
    let generation = gate.publish(policy, Arc::clone(&keys));
    telemetry.key_set_loaded(&KeySetLoaded { generation, keys: keys.records() });
    telemetry.reloaded(&Reload { successful: true });

    let mut running = Running {
        listeners: bound.iter().map(Bound::address).collect(),
        status: status.as_ref().map(TcpListener::local_addr).transpose()?,
        control,
        drain_window: config.timeouts.drain,
        govern: Arc::new(Govern::new(Arc::clone(&edge), level, &config)),
        edge: Arc::clone(&edge),
        tasks: JoinSet::new(),
    };
    let tasks = &mut running.tasks;
    for listener in bound {
        tasks.spawn(listener.serve(Arc::clone(&edge)));
    }
    if let Some(status) = status {
        tasks.spawn(serve_status(status, running.govern.clone()));
    }
    tasks.spawn(serve_control(socket, running.govern.clone()));
    let requests = running.govern.reload_requests();
    tasks.spawn(reload::follow(path.to_owned(), config, fingerprint, edge.clone(), hangup, requests));
    tasks.spawn(sweep(edge));
    running.say_addresses();
    Ok(running)
}

impl Running {
    /// Serves until `stop` is ready, then drains: new streams are refused, nothing new is accepted, open streams are told to go,
    /// what is in flight is finished. Returns once nothing is left, or the window is over.
    pub async fn run_until(mut self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(ended) = self.tasks.join_next() => tell_ended(ended),
            }
        }
        info!("stopping: accepting nothing new");
        self.govern.begin_drain(self.drain_window);
        self.edge.drain().close();
        let deadline = Instant::now() + self.drain_window;
        while self.edge.connections() > 0 && Instant::now() < deadline {
            tokio::time::sleep(DRAIN_LOOK).await;
        }
        match self.edge.connections() {
            0 => info!("stopped: nothing was left open"),
            left => warn!(left, "stopped: the drain window is over; what was left open is cut"),
        }
        // Ended and waited for, so that the control socket's file goes and the log is written out.
        self.tasks.shutdown().await;
    }

    /// What governs this gate, for programs that run one inside.
    #[must_use]
    pub fn govern(&self) -> &Arc<Govern> {
        &self.govern
    }

    fn say_addresses(&self) {
        for address in &self.listeners {
            info!(%address, "gate listens");
        }
        if let Some(address) = self.status {
            info!(%address, "status listens");
        }
        info!(path = %self.control.display(), "control socket");
    }
}

fn bind_all(config: &crate::config::Config) -> io::Result<Vec<Bound>> {
    let mut bound = Vec::new();
    for listener in &config.listeners {
        let tls = match &listener.tls {
            Some(tls) => {
                Some(load_tls(&tls.certificate, &tls.key).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?)
            }
            None => None,
        };
        bound.push(bind(listener.address, Entrance { proxies: listener.proxy_protocol.clone(), tls })?);
    }
    Ok(bound)
}

fn named(address: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("listen on {address}: {error}"))
}

const fn access_policy(wanted: crate::config::AccessLog) -> AccessPolicy {
    match wanted {
        crate::config::AccessLog::Refused => AccessPolicy::Refused,
        crate::config::AccessLog::All => AccessPolicy::All,
        crate::config::AccessLog::Off => AccessPolicy::Off,
    }
}

fn access_format(wanted: crate::config::LogFormat) -> AccessFormat {
    match wanted {
        crate::config::LogFormat::Json => AccessFormat::Json,
        crate::config::LogFormat::Text => AccessFormat::Text { colour: io::stdout().is_terminal() },
    }
}

/// Streams outlive the request that opened them, and no change announces that time has passed.
async fn sweep(edge: Arc<Edge>) -> io::Result<()> {
    loop {
        tokio::time::sleep(SWEEP).await;
        edge.cut_overdue();
    }
}

/// A part of the gate that ends before it is told to is reported; the others go on.
fn tell_ended(ended: Result<io::Result<()>, tokio::task::JoinError>) {
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => error!(%error, "a listener ended"),
        Err(error) => error!(%error, "a part of the gate broke"),
    }
}
