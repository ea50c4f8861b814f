//! `keygate block`, `blocks` and `unblock`: shutting keys and addresses out of a running gate, over its control socket.

use std::{fmt::Display, process::ExitCode, time::Duration};

use axum::http::Method;
use serde_json::{Value, json};

use super::{
    Output,
    control::{Answering, read, span},
    exit,
};
use crate::admin::{BlockView, Blocked, Kept, Lifted};

/// What is blocked.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Target {
    /// A key, by its id (never by its text)
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    /// An address, or a network: `203.0.113.7`, `203.0.113.0/24`. An IPv6 address stands for its /64, unless it says `/128`
    #[arg(long, value_name = "CIDR")]
    ip: Option<String>,
    /// A client of a token. Tokens are not verified in this version, so that there is none to block
    #[arg(long, value_name = "ID")]
    client: Option<String>,
}

impl Target {
    /// What names the target in a request's body.
    fn body(&self) -> Result<Value, ExitCode> {
        if self.client.is_some() {
            return Err(exit::misused(
                "a client has an id by its token, and this version does not verify tokens: there is no client to block; \
                 block the key (--key) or the address (--ip)",
            ));
        }
        Ok(json!({ "key": self.key, "ip": self.ip }))
    }
}

/// Options of `keygate block`.
#[derive(clap::Args)]
#[command(
    after_help = "It is in force at once: new requests are refused, open streams are cut. Exit code 1 with \"kept\": false \
                        means that it is in force and would not outlive the process."
)]
pub struct Block {
    #[command(flatten)]
    target: Target,
    /// For how long: `10m`, `1h`, `7d`. Without it, until `keygate unblock`
    #[arg(long = "for", value_name = "TIME", value_parser = span)]
    span: Option<Duration>,
    /// Why, for the list and the log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    answering: Answering,
}

impl Block {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let mut body = match self.target.body() {
            Ok(body) => body,
            Err(code) => return code,
        };
        body["reason"] = self.reason.unwrap_or_default().into();
        if let Some(span) = self.span {
            body["for_ms"] = u64::try_from(span.as_millis()).unwrap_or(u64::MAX).into();
        }
        let blocked: Blocked = match self.answering.tell("/block", &body) {
            Ok(blocked) => blocked,
            Err(code) => return code,
        };
        if self.answering.output == Output::Text {
            let until = blocked.block.until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
            let streams = if blocked.cut == 1 { "1 stream was cut" } else { &format!("{} streams were cut", blocked.cut) };
            say!("blocked {}{until}; {streams}", name(&blocked.block));
        }
        if blocked.known == Some(false) {
            exit::warn("no key of the gate has this id now; should one come, it is blocked");
        }
        kept(&blocked.kept, "the block ends with the process")
    }
}

/// Options of `keygate unblock`.
#[derive(clap::Args)]
pub struct Unblock {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    answering: Answering,
}

impl Unblock {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let body = match self.target.body() {
            Ok(body) => body,
            Err(code) => return code,
        };
        let lifted: Lifted = match self.answering.tell("/unblock", &body) {
            Ok(lifted) => lifted,
            Err(code) => return code,
        };
        if self.answering.output == Output::Text {
            say!("no longer blocked: {}", name(&lifted.block));
        }
        if lifted.kept.error.is_none() { exit::OK } else { kept(&lifted.kept, "a restart brings the block back") }
    }
}

/// Options of `keygate blocks`.
#[derive(clap::Args)]
pub struct List {
    #[command(flatten)]
    answering: Answering,
}

impl List {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let answer = match self.answering.gate.call(Method::GET, "/blocks") {
            Ok(answer) => answer,
            Err(error) => return exit::failed(error),
        };
        if self.answering.output == Output::Json {
            say!("{answer}");
            return exit::OK;
        }
        let blocks: Vec<BlockView> = match read(&answer["blocks"]) {
            Ok(blocks) => blocks,
            Err(code) => return code,
        };
        if blocks.is_empty() {
            say!("nothing is blocked");
            return exit::OK;
        }
        say!("{:<32} {:<22} {:<22} REASON", "BLOCKED", "SINCE", "UNTIL");
        for block in &blocks {
            let until = block.until.as_deref().unwrap_or("lifted");
            say!("{:<32} {:<22} {until:<22} {}", name(block), block.since, block.reason);
        }
        exit::OK
    }
}

fn name(block: &BlockView) -> String {
    match (&block.key, &block.ip) {
        (Some(id), _) => format!("key `{id}`"),
        (None, ip) => ip.clone().unwrap_or_default(),
    }
}

/// Says what will not outlive the process. That nothing can be kept is how somebody set the gate up; that something could not be is
/// a failure.
fn kept(kept: &Kept, otherwise: impl Display) -> ExitCode {
    match &kept.error {
        Some(error) => exit::failed(format_args!("it is in force, but not kept, so that {otherwise}: {error}")),
        None if kept.kept => exit::OK,
        None => {
            exit::warn(format_args!("not kept: the configuration names no `state: {{ file: … }}`, so that {otherwise}"));
            exit::OK
        }
    }
}
