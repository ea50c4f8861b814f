//! `keygate demo`: a backend, a gate in front of it, a page and two keys, on loopback, gone when it ends.
//!
//! The gate is started by the same way as `keygate serve`, from files in a private folder, so that what is tried here is real.

mod backend;
mod card;
mod files;
mod rooms;

use std::{io, net::Ipv4Addr, process::ExitCode};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use self::{
    card::Card,
    files::{Addresses, DemoFiles},
};
use super::{exit, serve::stop_signal};
use crate::{app, downstream::ListenAddress, gate::blocks::Blocks};

/// Options of `keygate demo`.
#[derive(clap::Args)]
pub struct Demo {
    /// The gate's port; the next free one if it is taken
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Print one JSON object instead of the card, for scripts
    #[arg(long)]
    json: bool,
}

impl Demo {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return exit::failed(format_args!("cannot start: {error}")),
        };
        let ended = runtime.block_on(self.serve());
        runtime.shutdown_background();
        match ended {
            Ok(()) => exit::OK,
            Err(error) => exit::failed(error),
        }
    }

    async fn serve(self) -> io::Result<()> {
        let (backend, page) = (listen(0).await?, listen(0).await?);
        let addresses = Addresses { gate: free_port(self.port).await?, backend: backend.local_addr()?, page: page.local_addr()? };
        let files = DemoFiles::write(&addresses, self.json)?;
        let loaded = app::load(&files.config, None, None).map_err(|problems| io::Error::other(problems.to_string()))?;
        let level = app::start_logging(loaded.config.log.format);
        level.set("warn").map_err(io::Error::other)?;
        // A terminal that is closed ends its demo; a gate that serves takes the same signal for a reload.
        let mut hangup = signal(SignalKind::hangup())?;
        let stop = stop_signal()?;
        let running = app::start(&files.config, loaded, Blocks::default(), level, None).await?;
        let gate =
            running.listeners.first().and_then(ListenAddress::tcp).ok_or_else(|| io::Error::other("the gate does not listen"))?;
        tokio::spawn(backend::serve(backend, backend::router()));
        tokio::spawn(backend::serve(page, backend::page(gate)));

        let card = Card { gate, page: addresses.page, status: running.status, control: &running.control, files: &files };
        if self.json {
            say!("{}", card.json());
        } else {
            say!("{card}");
        }
        running
            .run_until(async move {
                tokio::select! { () = stop => {}, _ = hangup.recv() => {} }
            })
            .await;
        Ok(())
    }
}

async fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

/// `wanted` if it is free, else 0: any.
async fn free_port(wanted: u16) -> io::Result<u16> {
    match listen(wanted).await {
        Ok(listener) => Ok(listener.local_addr()?.port()).map(|port| if wanted == 0 { 0 } else { port }),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(0),
        Err(error) => Err(error),
    }
}
