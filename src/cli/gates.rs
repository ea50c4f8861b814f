//! `keygate gates`: the gates that follow this one, and what they check its keys with.

use std::process::ExitCode;

use axum::http::Method;
use serde_json::{Value, json};

use super::{
    exit,
    form::{Column, Form, print_table, print_value, text},
    manager::{Asking, Manager, confirmed, escaped, is_attended},
};
use crate::config::SNAPSHOT_PATH;

/// The commands of `keygate gates`.
#[derive(clap::Subcommand)]
pub enum Command {
    /// List the gates that take their keys from here, and how far each has come
    List(List),
    /// Forget a gate that runs no more, which receipts would otherwise wait for until its `max_stale` has passed
    Forget(Forget),
    /// Print what goes as `keys.verify` into the configuration of a gate that is to follow
    VerifyKey(VerifyKey),
}

#[derive(clap::Args)]
pub struct List {
    #[command(flatten)]
    asking: Asking,
}

#[derive(clap::Args)]
#[command(
    after_help = "Only of a gate that is known to have ended: one that still runs, cut off, may let in keys that are revoked meanwhile. \
                  If it comes back, it is known again."
)]
pub struct Forget {
    /// The gate's process, as `keygate gates list` has it under INSTANCE
    instance: String,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    manager: Manager,
}

#[derive(clap::Args)]
pub struct VerifyKey {
    #[command(flatten)]
    manager: Manager,
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let ran = match self {
            Self::List(list) => list.run(),
            Self::Forget(forget) => forget.run(),
            Self::VerifyKey(key) => key.run(),
        };
        exit::of(ran)
    }
}

const LISTED: [Column; 7] = [
    ("NAME", |gate| text(gate, "name")),
    ("INSTANCE", |gate| text(gate, "instance")),
    ("STATE", |gate| state(gate).to_owned()),
    (">VERSION", |gate| gate["version"]["sequence"].to_string()),
    (">HEARD (S AGO)", |gate| seconds(ms(gate, "heard_ms_ago"))),
    (">GOOD FOR (S)", |gate| seconds(ms(gate, "max_stale_ms").saturating_sub(ms(gate, "heard_ms_ago")))),
    ("TOKEN", |gate| text(gate, "actor")),
];

impl List {
    fn run(self) -> Result<(), ExitCode> {
        let (gates, _) = self.asking.manager.meet(false)?.list("/v1/gates", "", usize::MAX)?;
        match self.asking.form() {
            form @ (Form::Json | Form::Yaml) => print_value(&json!(gates), form),
            Form::Table => print_table(&gates, &LISTED, "no gate follows; docs/keys.md says how one does"),
        }
        Ok(())
    }
}

impl Forget {
    fn run(self) -> Result<(), ExitCode> {
        let session = self.manager.meet(false)?;
        if !self.yes && is_attended() {
            let question = "If its process still runs, cut off, it may let in keys that are revoked meanwhile. It has ended?";
            confirmed(question, &self.instance)?;
        }
        session.ask(Method::POST, &format!("/v1/gates/{}/forget", escaped(&self.instance)), Some(&json!({})))?;
        say!("forgotten {}", self.instance);
        Ok(())
    }
}

/// Whether it follows now, may go on by what it had, or has keys of another history than this store's.
fn state(gate: &Value) -> &'static str {
    match (gate["diverged"] == true, gate["connected"] == true) {
        (true, _) => "diverged",
        (false, true) => "follows",
        (false, false) => "away",
    }
}

fn ms(gate: &Value, name: &str) -> u64 {
    gate[name].as_u64().unwrap_or_default()
}

fn seconds(ms: u64) -> String {
    (ms / 1000).to_string()
}

impl VerifyKey {
    fn run(self) -> Result<(), ExitCode> {
        let said = self.manager.meet(false)?.ask(Method::GET, &format!("{SNAPSHOT_PATH}/key"), None)?;
        say!("{}", said["verify"].as_str().unwrap_or_default());
        Ok(())
    }
}
