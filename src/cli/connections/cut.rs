//! `keygate connections cut`: ends what is open, and waits until it has ended.

use std::{
    io::{IsTerminal as _, stderr, stdin},
    process::ExitCode,
    time::Duration,
};

use axum::http::Method;
use serde_json::json;

use super::list::{Transport, network};
use crate::{
    admin::{Severed, word},
    cli::{
        Output,
        control::{Answering, span},
        exit,
    },
};

/// Which connections.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The one with this id, as `keygate connections list` has it
    #[arg(long, value_name = "N")]
    id: Option<u64>,
    /// Those of a key, by its id (never by its text)
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    /// Those from an address or a network: `203.0.113.7`, `203.0.113.0/24`. An IPv6 address stands for its /64, unless it says `/128`
    #[arg(long, value_name = "CIDR", value_parser = network)]
    peer: Option<String>,
    /// All of them. Asks first at a terminal
    #[arg(long)]
    all: bool,
}

/// Options of `keygate connections cut`.
#[derive(clap::Args)]
#[command(
    after_help = "Who is cut is told to connect again and may: a WebSocket by Close 1012, an event stream by a last event with \
                        `retry`; of a plain request under way the connection ends. `keygate block` cuts and keeps out. Exit code 3 means that \
                        some were still there when the wait was over; they end within moments, or are reset."
)]
pub(super) struct Cut {
    #[command(flatten)]
    which: Which,
    /// Of those, only the ones of this kind
    #[arg(long, value_enum)]
    transport: Option<Transport>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// How long to wait for them to end, at most a minute
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = span)]
    wait: Duration,
    #[command(flatten)]
    answering: Answering,
}

impl Cut {
    /// Runs the command.
    pub(super) fn run(self) -> ExitCode {
        let key = match self.which.key.as_deref().map(|text| word("key", text)).transpose() {
            Ok(key) => key,
            Err(why) => return exit::misused(why),
        };
        if self.which.all && !self.yes {
            match self.agreed() {
                Ok(true) => {}
                Ok(false) => return exit::failed("nothing was cut"),
                Err(code) => return code,
            }
        }
        let body = json!({
            "id": self.which.id,
            "key": key,
            "peer": self.which.peer,
            "all": self.which.all,
            "transport": self.transport.map(Transport::name),
            "wait_ms": u64::try_from(self.wait.as_millis()).unwrap_or(u64::MAX),
        });
        let severed: Severed = match self.answering.tell("/connections/cut", &body) {
            Ok(severed) => severed,
            Err(code) => return code,
        };
        if self.answering.output == Output::Text {
            say!("{} cut, {} remaining", severed.cut, severed.remaining);
        }
        if severed.known == Some(false) {
            exit::warn("no key of the gate has this id now");
        }
        if severed.remaining == 0 { exit::OK } else { exit::SOME_REMAIN.into() }
    }

    /// Whether somebody at the terminal says yes.
    fn agreed(&self) -> Result<bool, ExitCode> {
        if !stdin().is_terminal() || !stderr().is_terminal() {
            return Err(exit::misused("--all cuts everybody, and there is nobody to ask here; say --yes if that is meant"));
        }
        let kind = self.transport.map(|kind| format!("&transport={}", kind.name())).unwrap_or_default();
        let list = self.answering.gate.call(Method::GET, &format!("/connections?limit=1{kind}")).map_err(exit::failed)?;
        anstream::eprint!("Cut all {} connections of this gate? [y/N] ", list["matching"]);
        let mut line = String::new();
        stdin().read_line(&mut line).map_err(exit::failed)?;
        Ok(matches!(line.trim(), "y" | "Y" | "yes"))
    }
}
