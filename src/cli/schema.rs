//! `keygate schema`: the JSON Schema of the configuration or of the key file.

use std::process::ExitCode;

use super::exit;
use crate::config;

/// Options of `keygate schema`.
#[derive(clap::Args)]
pub struct Schema {
    /// The key file's schema instead of the configuration's
    #[arg(long)]
    keys: bool,
}

impl Schema {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let schema = if self.keys { config::key_schema() } else { config::schema() };
        say!("{schema:#}");
        exit::OK
    }
}
