//! The composition root: the only room that knows every other. Start-up, change and end of a gate, each readable as a list.

mod blocks;
mod connections;
mod cut;
mod explain;
mod follow;
mod govern;
mod keeping;
mod lead;
mod load;
mod logging;
mod machine;
mod manage;
mod offline;
mod operators;
mod reload;
mod stored;
mod upgrade;
mod usage;

use std::{
    io::{self, IsTerminal as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tracing::{error, info, warn};

pub use crate::edge::Clock;

pub use self::{
    blocks::kept_blocks,
    explain::{Explanation, Line, NoHeader, Rule, Rulings, Tried, files},
    govern::Govern,
    load::{LoadError, Loaded, load},
    logging::{LogLevel, start_logging},
    offline::{backup, export_keys, import_keys, manage_offline, restore},
};
use self::{keeping::Keeping, reload::Following, stored::StoredKeys, upgrade::Sockets};
use crate::{
    admin::{Admin, ControlSocket, Managing, Predecessor, default_control_path, serve_admin, serve_control, serve_status},
    config::Config,
    downstream::ListenAddress,
    edge::{Edge, load_tls},
    gate::{Gate, blocks::Blocks},
    telemetry::{AccessFormat, AccessLog, KeySetLoaded, Reload, Telemetry},
};

/// A gate that listens.
pub struct Running {
    edge: Arc<Edge>,
    govern: Arc<Govern>,
    keeping: Keeping,
    tasks: JoinSet<io::Result<()>>,
    drain_window: Duration,
    /// Where clients connect.
    pub listeners: Vec<ListenAddress>,
    /// Where health and metrics are.
    pub status: Option<SocketAddr>,
    /// Where keys are managed.
    pub admin: Option<SocketAddr>,
    /// The control socket.
    pub control: PathBuf,
}

/// How often streams are looked for whose time has come.
const SWEEP: Duration = Duration::from_millis(250);

/// Starts a gate by the configuration at `path`, with the blocks that were kept: bind everything, then serve, in the place of
/// `predecessor` where there is one. Returns once it accepts.
///
/// # Errors
/// What stands in the way; nothing is left running then, and the predecessor goes on.
pub async fn start(
    path: &Path,
    loaded: Loaded,
    kept: Blocks,
    level: LogLevel,
    mut predecessor: Option<Predecessor>,
) -> io::Result<Running> {
    machine::harden();
    let hangup = signal(SignalKind::hangup())?;
    let (Loaded { config, text, keys, fingerprint, stored }, replica) = keeping::with_copy(loaded)?;
    let sockets = Sockets::of(&config, predecessor.as_mut())?;
    let control = control_path(&config);
    let socket = match predecessor {
        Some(_) => ControlSocket::bind_beside(&control)?,
        None => ControlSocket::bind(&control)?,
    };

    let access_log = AccessLog::new(config.log.access, access_format(config.log.format), io::stdout());
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
    let generation = gate.publish(Arc::clone(&policy), Arc::clone(&keys));
    telemetry.key_set_loaded(&KeySetLoaded { generation, keys: &keys });
    telemetry.reloaded(&Reload { successful: true, from_source: replica.is_none() });

    let stored = stored.map(|stored| Arc::new(StoredKeys::new(stored, Some(Arc::clone(&edge)))));
    let keeping = Keeping::new(stored, replica, &config, &edge).await?;
    let (stored, manage) = (keeping.stored.clone(), keeping.manage.clone());
    if let Some(manage) = &manage {
        manage.rules_are(policy, path, &config, text);
    }

    let mut running = Running {
        listeners: sockets.gate.iter().map(|bound| bound.address().clone()).collect(),
        status: sockets.status.as_ref().map(|listener| listener.local_addr()).transpose()?,
        admin: sockets.admin.as_ref().map(|listener| listener.local_addr()).transpose()?,
        keeping,
        control,
        drain_window: config.timeouts.drain,
        govern: Arc::new(Govern::new(Arc::clone(&edge), level, &config, sockets.offered)),
        edge: Arc::clone(&edge),
        tasks: JoinSet::new(),
    };
    let govern = Arc::clone(&running.govern);
    let tasks = &mut running.tasks;
    let replaced = Arc::clone(govern.replacement());
    running.keeping.begin(tasks, &config, &edge, Arc::clone(&replaced)).await;
    if let Some(predecessor) = predecessor {
        // Nothing is accepted before this, so that nothing is lost if it comes to nothing.
        if let Err(error) = take_over(predecessor, &socket, &govern, &config).await {
            // Its manager is not to wait for a gate that decides nothing.
            running.keeping.end(&edge).await;
            return Err(error);
        }
        info!("taken over from the gate that ran");
        if config.state.is_none() {
            warn!("without `state`, what is blocked from now on is not blocked for streams of the gate that ran");
        }
    }
    for listener in sockets.gate {
        tasks.spawn(listener.serve(Arc::clone(&edge)));
    }
    let manager = manage.clone().map(|manage| manage as Arc<dyn Managing>);
    if let (Some(listener), Some(said), Some(manager)) = (sockets.admin, &config.admin, manager.clone()) {
        let tls = said.tls.as_ref().map(|tls| load_tls(&tls.certificate, &tls.key).map_err(io::Error::other)).transpose()?;
        let admin = Admin { manager, gate: govern.clone(), hosts: said.hosts.iter().cloned().collect(), tls };
        let replaced = Arc::clone(&replaced);
        tasks.spawn(serve_admin(listener, admin, async move { replaced.wait().await }));
    }
    if let Some(status) = sockets.status {
        let replaced = Arc::clone(&replaced);
        tasks.spawn(serve_status(status, govern.clone(), async move { replaced.wait().await }));
    }
    tasks.spawn(serve_control(socket, govern.clone(), manager));
    let (path, blocking, wrong) = (path.to_owned(), Arc::clone(govern.blocking()), None);
    let following = Following { path, config, fingerprint, edge: Arc::clone(&edge), blocking, stored, manage, replaced, wrong };
    tasks.spawn(reload::follow(following, hangup, govern.reload_requests()));
    tasks.spawn(sweep(edge));
    running.say_addresses();
    Ok(running)
}

/// Takes over from the gate that runs, with what it blocks.
async fn take_over(mut predecessor: Predecessor, socket: &ControlSocket, govern: &Govern, config: &Config) -> io::Result<()> {
    let blocks = predecessor.blocks().await?;
    govern.blocking().take_on(&blocks, config).map_err(io::Error::other)?;
    upgrade::leave(predecessor.take_over(socket).await?);
    Ok(())
}

impl Running {
    /// Serves until `stop` is ready, then drains: new streams are refused, nothing new is accepted, open streams are told to go,
    /// what is in flight is finished. Returns once nothing is left, or the window is over; or, without any window, once nothing is
    /// left after another process has taken over.
    pub async fn run_until(mut self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let govern = Arc::clone(&self.govern);
        let seen_out = async {
            govern.replacement().wait().await;
            govern.nothing_is_left().await;
        };
        tokio::pin!(seen_out);
        loop {
            tokio::select! {
                () = &mut stop => break self.drain().await,
                () = &mut seen_out => break info!("stopped: nothing is left of what was open when another process took over"),
                Some(ended) = self.tasks.join_next() => tell_ended(ended),
            }
        }
        self.keeping.end(&self.edge).await;
        // Ended and waited for, so that the control socket's file goes and the log is written out.
        self.tasks.shutdown().await;
    }

    async fn drain(&self) {
        info!("stopping: accepting nothing new");
        self.govern.begin_drain(self.drain_window);
        self.edge.drain().close();
        match tokio::time::timeout(self.drain_window, self.govern.nothing_is_left()).await {
            Ok(()) => info!("stopped: nothing was left open"),
            Err(_) => {
                let left = self.edge.connections();
                warn!(left, "stopped: the drain window is over; what was left open is cut");
            }
        }
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
        if let Some(address) = self.admin {
            info!(%address, "admin listens");
        }
        info!(path = %self.control.display(), "control socket");
    }
}

/// The place of the control socket of a gate of `config`.
#[must_use]
pub fn control_path(config: &Config) -> PathBuf {
    config.control.clone().unwrap_or_else(default_control_path)
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
