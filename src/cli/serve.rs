//! `keygate serve`: run a gate until it is told to stop.

use std::{io, path::Path, process::ExitCode, time::Duration};

use tokio::signal::unix::{SignalKind, signal};

use super::{ConfigFile, exit};
use crate::{
    admin::{MeetError, Predecessor},
    app,
};

/// How long a thread of the pool for blocking work stays with nothing to do. Files are looked at from time to time: were each look a
/// thread of its own, each would bring a heap of its own (`tests/faults/flat.rs`).
const BLOCKING_REST: Duration = Duration::from_secs(24 * 3600);

/// Options of `keygate serve`.
#[derive(clap::Args)]
pub struct Serve {
    #[command(flatten)]
    config: ConfigFile,
    /// Take the place of the gate that runs, without refusing a connection: it hands over its listening sockets and ends when what is
    /// open there has ended. `if-running` starts one where none runs
    #[arg(long, value_enum, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "always")]
    upgrade: Option<Upgrade>,
}

/// When to take the place of another gate.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Upgrade {
    /// It is an error if none runs
    Always,
    /// If one runs; else start
    IfRunning,
}

impl Serve {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let path = self.config.config;
        let loaded = match app::load(&path, None, None) {
            Ok(loaded) => loaded,
            Err(problems) => return exit::bad_config(problems),
        };
        let kept = match app::kept_blocks(&loaded.config) {
            Ok(kept) => kept,
            Err(problems) => return exit::bad_state(problems),
        };
        let level = app::start_logging(loaded.config.log.format);
        let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().thread_keep_alive(BLOCKING_REST).build() {
            Ok(runtime) => runtime,
            Err(error) => return exit::failed(format_args!("cannot start: {error}")),
        };
        let served = runtime.block_on(async {
            // Before anybody can know that the gate runs: a signal that nobody waits for ends the process.
            let stop = stop_signal().map_err(|error| error.to_string())?;
            let predecessor = match self.upgrade {
                Some(when) => meet(&app::control_path(&loaded.config), when).await?,
                None => None,
            };
            let running = app::start(&path, loaded, kept, level, predecessor).await.map_err(|error| error.to_string())?;
            running.run_until(stop).await;
            Ok::<_, String>(())
        });
        // Tasks that are still there belong to connections that outlived the drain window.
        runtime.shutdown_background();
        match served {
            Ok(()) => exit::OK,
            Err(error) => exit::failed(error),
        }
    }
}

/// The gate that runs; `None` where none does and none must.
async fn meet(control: &Path, when: Upgrade) -> Result<Option<Predecessor>, String> {
    match Predecessor::meet(control).await {
        Ok(predecessor) => Ok(Some(predecessor)),
        Err(MeetError::Nobody(_)) if when == Upgrade::IfRunning => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// Ready at the first SIGTERM or SIGINT. A second one ends the process at once.
///
/// # Errors
/// If signals cannot be received.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tokio::spawn(async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            tracing::warn!("told twice: exiting at once");
            std::process::exit(1);
        });
    })
}
