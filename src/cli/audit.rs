//! `keygate audit`: who did what to keys, and whether the record of it is whole.

use std::{process::ExitCode, time::Duration};

use axum::http::Method;
use serde_json::Value;

use super::{
    exit,
    form::{Form, print_value},
    manager::{Asking, Manager, Session, escaped, query},
};

/// The commands of `keygate audit`.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Show the latest records
    Tail(Tail),
    /// Read the whole trail, and find what was edited or is missing
    Verify(Verify),
    /// Write the whole trail as JSON lines
    Export(Export),
}

#[derive(clap::Args)]
pub struct Tail {
    /// So many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    lines: usize,
    /// Go on with what happens
    #[arg(short, long)]
    follow: bool,
    /// By this one: `operator:ID`, `key:ID`, `local:UID`
    #[arg(long)]
    actor: Option<String>,
    /// This, or all that begin so: `key.revoke`, `key.`
    #[arg(long)]
    action: Option<String>,
    /// On this: `key:ID`
    #[arg(long)]
    target: Option<String>,
    #[command(flatten)]
    asking: Asking,
}

#[derive(clap::Args)]
#[command(
    after_help = "Whoever can write to the store can write a whole new trail. To find that too, keep the number and the hash that this prints elsewhere, \
                        and give them later."
)]
pub struct Verify {
    /// The trail must have this record: its number and hash, as an earlier run printed them
    #[arg(long, value_name = "NUMBER:HASH")]
    expect: Option<String>,
    #[command(flatten)]
    asking: Asking,
}

#[derive(clap::Args)]
pub struct Export {
    #[command(flatten)]
    manager: Manager,
}

/// Records asked for at once.
const PAGE: usize = 500;
/// How often to ask for new ones.
const LOOK: Duration = Duration::from_millis(500);

impl Command {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let ran = match self {
            Self::Tail(tail) => tail.run(),
            Self::Verify(verify) => verify.run(),
            Self::Export(export) => export.run(),
        };
        exit::of(ran)
    }
}

impl Tail {
    fn run(self) -> Result<(), ExitCode> {
        let session = self.asking.manager.meet(false)?;
        let said = query(&[("actor", &self.actor), ("action", &self.action), ("target", &self.target)]);
        // One at the least: what is followed begins behind it.
        let last = latest(&session, self.lines.max(1), &said)?;
        last.iter().take(self.lines).rev().for_each(|record| self.print(record));
        let mut after = last.first().and_then(|record| record["sequence"].as_u64()).unwrap_or_default();
        if !self.follow {
            return Ok(());
        }
        loop {
            session.rest(LOOK);
            for record in page(&session, after, &said)? {
                after = record["sequence"].as_u64().unwrap_or(after);
                self.print(&record);
            }
        }
    }

    fn print(&self, record: &Value) {
        let text = |name: &str| record[name].as_str().unwrap_or_default();
        match self.asking.form() {
            Form::Json => say!("{record}"),
            Form::Yaml => print_value(record, Form::Yaml),
            Form::Table => {
                let nothing = record["detail"].as_object().is_some_and(serde_json::Map::is_empty);
                let detail = if nothing { String::new() } else { record["detail"].to_string() };
                say!(
                    "{:>6}  {}  {:<20} {:<20} {:<24} {detail}",
                    record["sequence"],
                    text("at"),
                    text("actor"),
                    text("action"),
                    text("target")
                );
            }
        }
    }
}

impl Verify {
    fn run(self) -> Result<(), ExitCode> {
        let session = self.asking.manager.meet(false)?;
        let expected = self.expect.as_deref().map(|expected| format!("?expect={}", escaped(expected))).unwrap_or_default();
        let head = session.ask(Method::GET, &format!("/v1/audit/verify{expected}"), None)?;
        match self.asking.form() {
            Form::Table => say!(
                "whole: records {} to {}\n{}:{}",
                head["first"],
                head["sequence"],
                head["sequence"],
                head["hash"].as_str().unwrap_or_default()
            ),
            form @ (Form::Json | Form::Yaml) => print_value(&head, form),
        }
        Ok(())
    }
}

impl Export {
    fn run(self) -> Result<(), ExitCode> {
        let session = self.manager.meet(false)?;
        let text = session.ask_for_text(Method::GET, "/v1/audit/export")?;
        text.lines().for_each(|line| say!("{line}"));
        Ok(())
    }
}

/// The latest records, at most so many, the last one first.
fn latest(session: &Session, lines: usize, said: &str) -> Result<Vec<Value>, ExitCode> {
    let (mut records, mut before) = (Vec::new(), String::new());
    while records.len() < lines {
        let limit = PAGE.min(lines - records.len());
        let mut page = session.ask(Method::GET, &format!("/v1/audit?order=desc&limit={limit}{before}{said}"), None)?;
        if let Value::Array(items) = page["items"].take() {
            records.extend(items);
        }
        let Some(next) = page["next"].as_str() else { break };
        before = format!("&after={next}");
    }
    Ok(records)
}

/// Records behind one, from the first.
fn page(session: &Session, after: u64, said: &str) -> Result<Vec<Value>, ExitCode> {
    let mut page = session.ask(Method::GET, &format!("/v1/audit?limit={PAGE}&after={after}{said}"), None)?;
    let items = page["items"].as_array_mut().map(std::mem::take);
    items.ok_or_else(|| exit::failed("the answer holds no records"))
}
