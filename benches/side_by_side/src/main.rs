//! The side-by-side benchmark: other proxies and keygate, configured to do the same work, in one run.
//!
//! The figure is the CPU time of the proxy's own processes per unit of work, and their memory per idle socket: both
//! survive a noisy machine. Read downward from here:
//!
//! - `bench`    the rounds: each peer in turn, each kind of work; `rows` takes one figure
//! - `peers`    who takes part; their configs are in `peers/`
//! - `proxy`    one started peer: readiness, CPU, memory, end; `processes` reads /proc for it
//! - `load`     the work itself, over `client`, `events`, `websocket` and `wire`; `tls` is the certificate of the run
//! - `backend`  what stands behind every peer
//! - `figures`, `report`, `bars`   what comes out

mod backend;
mod bars;
mod bench;
mod client;
mod events;
mod figures;
mod load;
mod machine;
mod peers;
mod processes;
mod proxy;
mod report;
mod rows;
mod tls;
mod websocket;
mod wire;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Parser, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use crate::bench::Plan;
use crate::figures::Work;

/// Compare keygate with other proxies that do the same work.
#[derive(Parser)]
#[command(bin_name = "scripts/bench")]
struct Arguments {
    /// Small counts and one round: a smoke test, its figures are rough.
    #[arg(long)]
    quick: bool,

    /// Peers to run, by comma.
    #[arg(long, value_delimiter = ',', value_name = "PEER,…", value_parser = peers::NAMES)]
    only: Vec<String>,

    /// Kinds of work to measure, by comma; without, all.
    #[arg(long, value_delimiter = ',', value_name = "ROW,…", value_enum)]
    rows: Vec<Work>,

    /// Rounds, of which the median counts.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), value_name = "N")]
    rounds: Option<u32>,

    /// Send `Origin: https://app.example.com`, so that peers which check one have to.
    #[arg(long)]
    origin: bool,

    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    Table,
    Json,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok((report, failed)) => {
            print!("{report}");
            if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The report, and whether any row of it failed.
async fn run(arguments: &Arguments) -> Result<(String, bool)> {
    let plan = Plan::new(arguments.quick, arguments.rounds, arguments.origin)?.of(&arguments.rows);
    let peers = peers::chosen(&arguments.only);

    // Whichever way this ends, the peers still running are dropped on the way out, and a dropped peer is stopped.
    let results = tokio::select! {
        results = bench::run(&plan, &peers) => results?,
        () = interrupted() => bail!("interrupted"),
    };
    let report = match arguments.output {
        Output::Table => report::table(&plan, &results),
        Output::Json => format!("{:#}\n", report::json(&plan, &results)),
    };
    Ok((report, !results.failures().is_empty()))
}

async fn interrupted() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else {
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
