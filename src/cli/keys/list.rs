//! `keygate keys list`.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::{
    exit,
    form::{Column, Form, joined, print_table, print_value, text},
    manager::{Asking, query},
    words::{ENVIRONMENTS, KINDS, STATES},
};

/// Options of `keygate keys list`.
#[derive(clap::Args)]
#[command(after_help = "Where the output is no terminal, the table is columns between tabs.")]
pub struct List {
    /// Of this application only
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// Of this kind only
    #[arg(long, value_parser = KINDS)]
    kind: Option<String>,
    /// Of this environment only
    #[arg(long, value_parser = ENVIRONMENTS)]
    environment: Option<String>,
    /// In this state only
    #[arg(long, value_parser = STATES)]
    state: Option<String>,
    /// With this in the id or the name
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// The most to list
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: usize,
    #[command(flatten)]
    asking: Asking,
}

const COLUMNS: [Column; 10] = [
    ("ID", |key| text(key, "id")),
    ("APP", |key| text(key, "app")),
    ("KIND", |key| text(key, "kind")),
    ("ENVIRONMENT", |key| text(key, "environment")),
    ("STATE", |key| text(key, "standing")),
    ("NAME", |key| text(key, "name")),
    ("CREATED", |key| date(key, "created_at")),
    ("EXPIRES", |key| date(key, "expires_at")),
    (">STREAMS", |key| key["connections"].to_string()),
    ("WARNINGS", |key| joined(&key["warnings"], ",")),
];

impl List {
    pub(super) fn run(self) -> Result<(), ExitCode> {
        let said = query(&[
            ("app", &self.app),
            ("kind", &self.kind),
            ("environment", &self.environment),
            ("state", &self.state),
            ("q", &self.search),
        ]);
        let (keys, more) = self.asking.manager.meet(false)?.list("/v1/keys", &said, self.limit)?;
        match self.asking.form() {
            Form::Json => print_value(&json!(keys), Form::Json),
            Form::Yaml => print_value(&json!({ "keys": keys }), Form::Yaml),
            Form::Table => {
                print_table(&keys, &COLUMNS, "no keys; `keygate keys create` makes one");
                if more {
                    exit::note(format_args!("the first {}; `--limit` shows more", keys.len()));
                }
            }
        }
        Ok(())
    }
}

/// The day of a moment.
fn date(key: &Value, name: &str) -> String {
    key[name].as_str().and_then(|moment| moment.get(..10)).unwrap_or("-").to_owned()
}
