//! `keygate drain`: has a running gate drain, and waits for what is open to end.

use std::{
    io::{IsTerminal as _, stderr},
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use axum::http::Method;
use serde_json::Value;

use super::{
    Output,
    control::{Answering, span},
    exit,
};
use crate::admin;

/// How often the progress is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// To the start of the line, and nothing behind it (ECMA-48: EL).
const ANEW: &str = "\r\x1b[K";

/// Options of `keygate drain`.
#[derive(clap::Args)]
#[command(
    after_help = "Returns as soon as nothing is left. Exit code 0 means that nothing is, 3 that something was when the wait \
                        was over: what stops the gate next will end it. Without --wait it is 0, and what is left is told."
)]
pub struct Drain {
    /// How long to wait for the streams to end: `25s`, `500ms`, `1m`
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = span)]
    wait: Duration,
    #[command(flatten)]
    answering: Answering,
}

impl Drain {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let watched = !self.wait.is_zero() && self.answering.output == Output::Text && stderr().is_terminal();
        let wait = self.wait;
        let answer = match self.answering.gate.converse(async move |socket| drained(socket, wait, watched).await) {
            Ok(answer) => answer,
            Err(error) => return exit::failed(error),
        };
        match self.answering.output {
            Output::Json => say!("{answer}"),
            Output::Text => say!("draining, {} connections left", answer["remaining"]),
        }
        if wait.is_zero() || answer["remaining"] == 0 { exit::OK } else { exit::SOME_REMAIN.into() }
    }
}

/// The gate's answer, when all has ended or the wait is over. Somebody who watches is told meanwhile what is left.
async fn drained(socket: &Path, wait: Duration, watched: bool) -> Result<Value, admin::ControlError> {
    let target = format!("/drain?wait_ms={}", wait.as_millis());
    let mut answer = std::pin::pin!(admin::call(socket, Method::POST, &target, None));
    let begin = Instant::now();
    loop {
        tokio::select! {
            answer = &mut answer => {
                if watched {
                    anstream::eprint!("{ANEW}");
                }
                return answer;
            }
            () = tokio::time::sleep(LOOK), if watched => {
                // One that cannot be had is no news: the answer that is waited for will say why.
                if let Ok(list) = admin::call(socket, Method::GET, "/connections?limit=1", None).await {
                    let left = wait.saturating_sub(begin.elapsed()).as_secs();
                    anstream::eprint!("{ANEW}draining, {} connections left; waiting {left}s more", list["total"]);
                }
            }
        }
    }
}
