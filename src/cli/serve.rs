//! `keygate serve`: run a gate until it is told to stop.

use std::{io, process::ExitCode};

use tokio::signal::unix::{SignalKind, signal};

use super::{ConfigFile, exit};
use crate::app;

/// Options of `keygate serve`.
#[derive(clap::Args)]
pub struct Serve {
    #[command(flatten)]
    config: ConfigFile,
}

impl Serve {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let path = self.config.config;
        let loaded = match app::load(&path, None) {
            Ok(loaded) => loaded,
            Err(problems) => return exit::bad_config(problems),
        };
        let kept = match app::kept_blocks(&loaded.config) {
            Ok(kept) => kept,
            Err(problems) => return exit::bad_state(problems),
        };
        let level = app::start_logging(loaded.config.log.format);
        let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return exit::failed(format_args!("cannot start: {error}")),
        };
        let served = runtime.block_on(async {
            // Before anybody can know that the gate runs: a signal that nobody waits for ends the process.
            let stop = stop_signal()?;
            app::start(&path, loaded, kept, level).await?.run_until(stop).await;
            io::Result::Ok(())
        });
        // Tasks that are still there belong to connections that outlived the drain window.
        runtime.shutdown_background();
        match served {
            Ok(()) => exit::OK,
            Err(error) => exit::failed(error),
        }
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
