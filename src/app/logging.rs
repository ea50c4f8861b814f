//! Diagnostics on standard error: as JSON or for people, at a level that can be changed while running.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, Registry, fmt, layer::SubscriberExt as _, reload, util::SubscriberInitExt as _};

use crate::config::LogFormat;

/// The level of diagnostics.
#[derive(Clone)]
pub struct LogLevel(Option<reload::Handle<EnvFilter, Registry>>);

/// Starts diagnostics. Where something else of the process already did, that stays and its level is not ours to set.
#[must_use]
pub fn start_logging(format: LogFormat) -> LogLevel {
    let (filter, handle) = reload::Layer::new(EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    let started = match format {
        LogFormat::Json => registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init(),
        LogFormat::Text => {
            let ansi = std::io::stderr().is_terminal();
            registry.with(fmt::layer().with_ansi(ansi).with_target(false).with_writer(std::io::stderr)).try_init()
        }
    };
    LogLevel(started.ok().map(|()| handle))
}

impl LogLevel {
    /// Sets the level: `error`, `warn`, `info`, or a directive of tracing's. Debug records are not compiled into release builds.
    ///
    /// # Errors
    /// What is wrong with the directive.
    pub fn set(&self, directive: &str) -> Result<(), String> {
        let filter = EnvFilter::builder().parse(directive).map_err(|error| format!("`{directive}` is no log level: {error}"))?;
        let handle = self.0.as_ref().ok_or("diagnostics are not this gate's")?;
        handle.reload(filter).map_err(|error| error.to_string())
    }
}
