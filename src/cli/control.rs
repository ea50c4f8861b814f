//! `keygate reload` and `log-level`: what is said to a running gate over its control socket.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use axum::http::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Output, exit};
use crate::{
    admin::{self, ControlError, default_control_path},
    config::{self, MAX_CONFIG_BYTES},
    keystore::read_text,
};

/// Which gate.
#[derive(clap::Args)]
pub(super) struct Gate {
    /// The gate's control socket; else the one that its configuration names, else the usual place
    #[arg(long, value_name = "PATH", env = "KEYGATE_SOCKET")]
    socket: Option<PathBuf>,
    /// The gate's configuration
    #[arg(short, long = "config", value_name = "FILE", env = "KEYGATE_CONFIG")]
    config: Option<PathBuf>,
}

impl Gate {
    fn socket(&self) -> Result<PathBuf, String> {
        match (&self.socket, &self.config) {
            (Some(socket), _) => Ok(socket.clone()),
            (None, None) => Ok(default_control_path()),
            (None, Some(file)) => {
                let text = read_text(file, MAX_CONFIG_BYTES).map_err(|error| error.to_string())?;
                let config = config::parse_config(file, &text).map_err(|problems| problems.to_string())?;
                Ok(config.control.unwrap_or_else(default_control_path))
            }
        }
    }

    /// What the gate answers.
    pub(super) fn call(&self, method: Method, target: &str) -> Result<Value, String> {
        self.converse(async |socket| admin::call(socket, method, target, None).await)
    }

    /// What the gate answers to a JSON body.
    pub(super) fn tell(&self, method: Method, target: &str, body: &Value) -> Result<Value, String> {
        self.converse(async |socket| admin::call(socket, method, target, Some(body)).await)
    }

    /// What comes of talking with the gate at its control socket.
    pub(super) fn converse(&self, talk: impl AsyncFnOnce(&Path) -> Result<Value, ControlError>) -> Result<Value, String> {
        let socket = self.socket()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        runtime.block_on(talk(&socket)).map_err(|error| error.to_string())
    }
}

/// Which gate, and how its answer is printed.
#[derive(clap::Args)]
pub(super) struct Answering {
    /// How to print the answer
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    #[command(flatten)]
    pub gate: Gate,
}

impl Answering {
    /// What the gate answers to a JSON body. Where it is for programs, it is printed as it is.
    ///
    /// # Errors
    /// How the command ends, which has been said.
    pub(super) fn tell<T: DeserializeOwned>(&self, target: &str, body: &Value) -> Result<T, ExitCode> {
        let answer = self.gate.tell(Method::POST, target, body).map_err(exit::failed)?;
        let read = read(&answer)?;
        if self.output == Output::Json {
            say!("{answer}");
        }
        Ok(read)
    }
}

/// Options of `keygate reload`.
#[derive(clap::Args)]
pub struct Reload {
    #[command(flatten)]
    gate: Gate,
}

impl Reload {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        match self.gate.call(Method::POST, "/reload") {
            Ok(answer) => {
                say!("reloaded, generation {}", answer["generation"]);
                exit::OK
            }
            Err(error) => exit::failed(error),
        }
    }
}

/// Options of `keygate log-level`.
#[derive(clap::Args)]
pub struct Level {
    /// `error`, `warn` or `info`
    level: String,
    #[command(flatten)]
    gate: Gate,
}

impl Level {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let plain = !self.level.is_empty()
            && self.level.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':' | b'=' | b','));
        if !plain {
            return exit::failed("a log level is `error`, `warn` or `info`");
        }
        match self.gate.call(Method::PUT, &format!("/log-level?level={}", self.level)) {
            Ok(_) => {
                say!("log level {}", self.level);
                exit::OK
            }
            Err(error) => exit::failed(error),
        }
    }
}

/// What an answer of the gate says.
///
/// # Errors
/// How the command ends that cannot read it.
pub(super) fn read<T: DeserializeOwned>(answer: &Value) -> Result<T, ExitCode> {
    T::deserialize(answer).map_err(|error| exit::failed(format_args!("the gate's answer cannot be read: {error}")))
}

/// The moment that is so long from now, as the management API has it.
pub(super) fn from_now(span: Duration) -> String {
    let now = chrono::Utc::now().timestamp_millis();
    config::rfc3339(now.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
}

/// A time, as the configuration writes it.
pub(super) fn span(text: &str) -> Result<Duration, &'static str> {
    config::duration(text).ok_or("a time is a number and ms, s, m, h or d: 25s")
}
