//! `keygate check`: every mistake of a configuration and its keys, in one run.

use std::process::ExitCode;

use serde_json::json;

use super::{ConfigFile, Output, exit};
use crate::{
    app,
    config::{self, KeyPlace},
    gate::credential::Kind,
};

/// Options of `keygate check`.
#[derive(clap::Args)]
pub struct Check {
    #[command(flatten)]
    config: ConfigFile,
    /// How to print what was found
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl Check {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let path = self.config.config;
        let loaded = match app::load(&path, None, None) {
            Ok(loaded) => loaded,
            Err(problems) if self.output == Output::Json => {
                let lines: Vec<_> = problems.to_string().lines().map(str::to_owned).collect();
                say!("{}", json!({ "valid": false, "problems": lines }));
                return ExitCode::from(exit::CONFIG);
            }
            Err(problems) => return exit::bad_config(problems),
        };
        let warnings = config::warnings(&loaded.config, &loaded.keys);
        let publishable = loaded.keys.records().filter(|key| key.kind == Kind::Publishable).count();
        let (routes, secret) = (loaded.config.policy.routes.len(), loaded.keys.len() - publishable);
        if self.output == Output::Json {
            let found = json!({ "valid": true, "routes": routes, "publishable_keys": publishable, "secret_keys": secret, "warnings": warnings });
            say!("{found}");
            return exit::OK;
        }
        for warning in &warnings {
            exit::warn(warning);
        }
        if let KeyPlace::Manager(manager) = &loaded.config.keys.place {
            say!("{}: valid: {routes} routes; the keys come from {}", path.display(), manager.url);
            return exit::OK;
        }
        say!("{}: valid: {routes} routes, {publishable} publishable and {secret} secret keys", path.display());
        exit::OK
    }
}
