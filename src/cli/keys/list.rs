//! `keygate keys list`.

use std::{io::IsTerminal as _, process::ExitCode};

use axum::http::Method;
use serde_json::{Value, json};

use crate::cli::{
    connections::Table,
    exit,
    manager::{Form, Manager, escaped, print_value},
};

/// Options of `keygate keys list`.
#[derive(clap::Args)]
#[command(after_help = "Where the output is no terminal, the table is columns between tabs.")]
pub(super) struct List {
    /// Of this application only
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// `publishable` or `secret`
    #[arg(long)]
    kind: Option<String>,
    /// `live` or `test`
    #[arg(long)]
    environment: Option<String>,
    /// `active`, `disabled` or `revoked`
    #[arg(long)]
    state: Option<String>,
    /// With this in the id or the name
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// The most to list
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: usize,
    /// How to print them
    #[arg(short, long, value_enum, default_value_t = Form::Table)]
    output: Form,
    #[command(flatten)]
    manager: Manager,
}

/// Keys asked for at once.
const PAGE: usize = 500;

impl List {
    pub(super) fn run(self) -> Result<(), ExitCode> {
        let session = self.manager.meet(false)?;
        let said = [
            ("app", &self.app),
            ("kind", &self.kind),
            ("environment", &self.environment),
            ("state", &self.state),
            ("q", &self.search),
        ];
        let said =
            said.iter().filter_map(|(name, value)| Some(format!("&{name}={}", escaped(value.as_deref()?)))).collect::<String>();
        let (mut keys, mut cursor, mut more) = (Vec::new(), String::new(), false);
        while keys.len() < self.limit {
            let limit = PAGE.min(self.limit - keys.len());
            let mut page = session.ask(Method::GET, &format!("/v1/keys?limit={limit}{said}{cursor}"), None)?;
            if let Value::Array(items) = page["items"].take() {
                keys.extend(items);
            }
            more = page["next"].is_string();
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={}", escaped(next)),
                None => break,
            }
        }
        match self.output {
            Form::Json => print_value(&json!(keys), Form::Json),
            Form::Yaml => print_value(&json!({ "keys": keys }), Form::Yaml),
            Form::Table if keys.is_empty() => exit::note("no keys; `keygate keys create` makes one"),
            Form::Table => table(&keys).print(std::io::stdout().is_terminal()),
        }
        if more && self.output == Form::Table {
            exit::note(format_args!("the first {}; `--limit` shows more", keys.len()));
        }
        Ok(())
    }
}

fn table(keys: &[Value]) -> Table {
    let mut table =
        Table::new(&["ID", "APP", "KIND", "ENVIRONMENT", "STATE", "NAME", "CREATED", "EXPIRES", ">STREAMS", "WARNINGS"]);
    for key in keys {
        let text = |name: &str| key[name].as_str().unwrap_or("-").to_owned();
        let date = |name: &str| key[name].as_str().and_then(|moment| moment.get(..10)).unwrap_or("-").to_owned();
        let warnings = key["warnings"].as_array().map(Vec::as_slice).unwrap_or_default();
        let warnings: Vec<_> = warnings.iter().filter_map(Value::as_str).collect();
        table.row([
            text("id"),
            text("app"),
            text("kind"),
            text("environment"),
            text("standing"),
            text("name"),
            date("created_at"),
            date("expires_at"),
            key["connections"].to_string(),
            if warnings.is_empty() { "-".to_owned() } else { warnings.join(",") },
        ]);
    }
    table
}
