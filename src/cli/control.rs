//! `keygate drain`, `reload` and `log-level`: what is said to a running gate over its control socket.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use axum::http::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::exit;
use crate::{
    admin::{self, default_control_path},
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
    fn socket(self) -> Result<PathBuf, String> {
        match (self.socket, self.config) {
            (Some(socket), _) => Ok(socket),
            (None, None) => Ok(default_control_path()),
            (None, Some(file)) => {
                let text = read_text(&file, MAX_CONFIG_BYTES).map_err(|error| error.to_string())?;
                let config = config::parse_config(&file, &text).map_err(|problems| problems.to_string())?;
                Ok(config.control.unwrap_or_else(default_control_path))
            }
        }
    }

    /// What the gate answers.
    pub(super) fn call(self, method: Method, target: &str) -> Result<Value, String> {
        self.exchange(method, target, None)
    }

    /// What the gate answers to a JSON body.
    pub(super) fn tell(self, method: Method, target: &str, body: &Value) -> Result<Value, String> {
        self.exchange(method, target, Some(body))
    }

    fn exchange(self, method: Method, target: &str, body: Option<&Value>) -> Result<Value, String> {
        let socket = self.socket()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        runtime.block_on(admin::call(&socket, method, target, body)).map_err(|error| error.to_string())
    }
}

/// Options of `keygate drain`.
#[derive(clap::Args)]
pub struct Drain {
    /// How long to wait for the streams to end: `25s`, `500ms`, `1m`
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = span)]
    wait: Duration,
    #[command(flatten)]
    gate: Gate,
}

impl Drain {
    /// Runs the command. Streams that are left after the wait are no failure: what stops the gate next will end them.
    pub fn run(self) -> ExitCode {
        match self.gate.call(Method::POST, &format!("/drain?wait_ms={}", self.wait.as_millis())) {
            Ok(answer) => {
                say!("draining, {} connections left", answer["remaining"]);
                exit::OK
            }
            Err(error) => exit::failed(error),
        }
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

/// A time, as the configuration writes it.
pub(super) fn span(text: &str) -> Result<Duration, &'static str> {
    config::duration(text).ok_or("a time is a number and ms, s, m, h or d: 25s")
}
