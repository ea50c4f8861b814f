//! `keygate keys rotate`, `revoke`, `disable` and `enable`.

use std::{process::ExitCode, time::Duration};

use axum::http::Method;
use serde_json::{Value, json};

use super::{create::print_new, show::print_key};
use crate::cli::{
    control::span,
    exit,
    form::{Form, items, print_value},
    manager::{Asking, Session, confirmed, escaped, is_attended},
};

/// Options of `keygate keys rotate`.
#[derive(clap::Args)]
#[command(
    after_help = "Streams that were opened with the old secret go on until the grace period ends, and are cut then. After a leak: `--grace 0s`."
)]
pub struct Rotate {
    /// The key, by its id
    id: String,
    /// How long the old secret works: `0s` to `30d`
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "24h")]
    grace: Duration,
    #[command(flatten)]
    asking: Asking,
}

/// Options of `keygate keys revoke`.
#[derive(clap::Args)]
#[command(
    after_help = "This cannot be undone. Exit code 3 means that it is revoked, and that not every stream was seen to end in time."
)]
pub struct Revoke {
    /// The key, by its id
    id: String,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// How long to wait for its streams to end
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "2s")]
    wait: Duration,
    #[command(flatten)]
    asking: Asking,
}

/// Options of `keygate keys disable`.
#[derive(clap::Args)]
pub struct Disable {
    #[command(flatten)]
    of: Plain,
}

/// Options of `keygate keys enable`.
#[derive(clap::Args)]
pub struct Enable {
    #[command(flatten)]
    of: Plain,
}

#[derive(clap::Args)]
struct Plain {
    /// The key, by its id
    id: String,
    #[command(flatten)]
    asking: Asking,
}

impl Rotate {
    pub(super) fn run(self) -> Result<(), ExitCode> {
        let session = self.asking.manager.meet(false)?;
        let grace = format!("{}ms", self.grace.as_millis());
        let rotated = take(&session, &self.id, "rotate", &json!({ "grace": grace }))?;
        print_new(&rotated, self.asking.output);
        if let Some(until) = rotated["key"]["grace"][0].as_str() {
            let id = &self.id;
            let still = match rotated["key"]["earlier_connections"].as_u64() {
                None | Some(0) => String::new(),
                Some(streams) => {
                    format!(" On this gate {streams} streams are on it: `keygate connections list --key {id} --earlier-secret`.")
                }
            };
            exit::note(format_args!("The old secret works until {until}.{still}"));
        }
        Ok(())
    }
}

impl Revoke {
    pub(super) fn run(self) -> Result<(), ExitCode> {
        let session = self.asking.manager.meet(false)?;
        if !self.yes && is_attended() {
            let key = session.ask(Method::GET, &format!("/v1/keys/{}", escaped(&self.id)), None)?;
            let text = |name: &str| key[name].as_str().unwrap_or_default();
            let (kind, app, name) = (text("kind"), text("app"), text("name"));
            let (id, streams) = (text("id"), key["connections"].as_u64().unwrap_or_default());
            confirmed(&format!("This ends {kind} key {id} ({app}, {name}) for good and cuts {streams} streams."), id)?;
        }
        let revoked = take(&session, &self.id, "revoke", &json!({ "wait": format!("{}ms", self.wait.as_millis()) }))?;
        let receipt = &revoked["receipt"];
        if self.asking.form() == Form::Table {
            let gates = items(&receipt["gates"]);
            let sum = |name: &str| gates.iter().filter_map(|gate| gate[name].as_u64()).sum::<u64>();
            let acknowledged = gates.iter().filter(|gate| gate["acknowledged"] == true).count();
            say!(
                "revoked {}: {acknowledged} of {} gates obey, {} streams cut, {} left, after {} ms",
                self.id,
                gates.len(),
                sum("cut"),
                sum("remaining"),
                receipt["took_ms"]
            );
        } else {
            print_value(&revoked, self.asking.form());
        }
        if receipt["complete"] == true { Ok(()) } else { Err(ExitCode::from(exit::SOME_REMAIN)) }
    }
}

impl Disable {
    pub(super) fn run(self) -> Result<(), ExitCode> {
        self.of.run("disable")
    }
}

impl Enable {
    pub(super) fn run(self) -> Result<(), ExitCode> {
        self.of.run("enable")
    }
}

impl Plain {
    fn run(self, step: &str) -> Result<(), ExitCode> {
        let session = self.asking.manager.meet(false)?;
        let taken = take(&session, &self.id, step, &json!({}))?;
        print_key(&taken["key"], self.asking.form());
        Ok(())
    }
}

fn take(session: &Session, id: &str, step: &str, said: &Value) -> Result<Value, ExitCode> {
    session.ask(Method::POST, &format!("/v1/keys/{}/{step}", escaped(id)), Some(said))
}
