//! `keygate keys import`, `export` and `backup`: keys on their way between files and stores.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::{Value, json};

use super::super::import::{Defaults, from_csv, from_lines};
use crate::{
    app,
    cli::{
        exit,
        form::{Form, print_value},
        manager::{Asking, Manager},
        words::{ENVIRONMENTS, KINDS},
    },
    config::MAX_KEYS_BYTES,
    keystore::read_text,
};

/// Options of `keygate keys import`.
#[derive(clap::Args)]
#[command(
    after_help = "All keys are taken over, or none. Of a secret key only its digest is kept, and only its digest is sent. CSV has a first line \
                        with the names of its columns: `key` or `digest`, and where wanted `id`, `app`, `kind`, `environment`, `name`, `origins` \
                        (between spaces), `expires_at`, `state`."
)]
pub struct Import {
    /// A key file, a CSV file, or lines with the text of a key each; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What the file is. Default: by its ending; `yaml` for `-`
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The application of keys that say none
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// The kind of keys that say none, in themselves or beside
    #[arg(long, value_parser = KINDS)]
    kind: Option<String>,
    /// The environment of keys that say none, in themselves or beside
    #[arg(long, value_parser = ENVIRONMENTS)]
    environment: Option<String>,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A key file, as YAML or JSON
    Yaml,
    /// Comma-separated values
    Csv,
    /// The text of a key a line
    Text,
}

/// Options of `keygate keys export`.
#[derive(clap::Args)]
#[command(after_help = "They are printed as the YAML of a key file, or, with `-o json`, as the same in JSON.")]
pub struct Export {
    #[command(flatten)]
    asking: Asking,
}

/// Options of `keygate keys backup`.
#[derive(clap::Args)]
#[command(
    after_help = "The copy is a store by itself. To go back to it: stop the gate, `keygate keys restore --from FILE`, start the gate."
)]
pub struct Backup {
    /// The new file; there must be none yet
    #[arg(value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    manager: Manager,
}

impl Import {
    pub(super) fn run(self) -> Result<(), ExitCode> {
        let text = read(&self.file)?;
        let defaults =
            Defaults { app: self.app.as_deref(), kind: self.kind.as_deref(), environment: self.environment.as_deref() };
        let format = self.format.unwrap_or_else(|| match self.file.extension().and_then(|ending| ending.to_str()) {
            Some("csv") => Format::Csv,
            Some("txt") => Format::Text,
            _ => Format::Yaml,
        });
        let keys = match format {
            Format::Yaml => serde_yaml::from_str::<Value>(&text).map_err(|error| {
                let place = error.location().map(|at| format!(":{}:{}", at.line(), at.column())).unwrap_or_default();
                exit::failed(format_args!("{}{place}: is not YAML", self.file.display()))
            })?,
            Format::Csv => {
                from_csv(&text, &defaults).map_err(|why| exit::failed(format_args!("{}: {why}", self.file.display())))?
            }
            Format::Text => {
                from_lines(&text, &defaults).map_err(|why| exit::failed(format_args!("{}: {why}", self.file.display())))?
            }
        };
        let (_, config) = self.asking.manager.store_config()?;
        let imported = app::import_keys(&config, &self.file, &keys.to_string()).map_err(exit::failed)?;
        let imported = json!({ "imported": imported });
        match self.asking.form() {
            Form::Table => say!("imported {} keys", imported["imported"]),
            form @ (Form::Json | Form::Yaml) => print_value(&imported, form),
        }
        Ok(())
    }
}

impl Export {
    pub(super) fn run(self) -> Result<(), ExitCode> {
        let (_, config) = self.asking.manager.store_config()?;
        let keys = app::export_keys(&config).map_err(exit::failed)?;
        print_value(&json!({ "keys": keys }), if self.asking.output == Some(Form::Json) { Form::Json } else { Form::Yaml });
        Ok(())
    }
}

impl Backup {
    pub(super) fn run(self) -> Result<(), ExitCode> {
        let (store, _) = self.manager.store_config()?;
        app::backup(&store, &self.to).map_err(exit::failed)?;
        say!("copied {} to {}", store.display(), self.to.display());
        Ok(())
    }
}

fn read(file: &Path) -> Result<String, ExitCode> {
    if file != Path::new("-") {
        return read_text(file, MAX_KEYS_BYTES).map_err(exit::failed);
    }
    let mut text = String::new();
    std::io::stdin().lock().take(MAX_KEYS_BYTES + 1).read_to_string(&mut text).map_err(exit::failed)?;
    if text.len() as u64 > MAX_KEYS_BYTES { Err(exit::failed("standard input is larger than 64 MiB")) } else { Ok(text) }
}
