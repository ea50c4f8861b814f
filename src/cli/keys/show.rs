//! `keygate keys show`.

use std::process::ExitCode;

use axum::http::Method;
use serde_json::Value;

use crate::cli::manager::{Form, Manager, escaped, print_value};

/// Options of `keygate keys show`.
#[derive(clap::Args)]
pub(super) struct Show {
    /// The key, by its id
    id: String,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Form::Table)]
    output: Form,
    #[command(flatten)]
    manager: Manager,
}

impl Show {
    pub(super) fn run(self) -> Result<(), ExitCode> {
        let session = self.manager.meet(false)?;
        let key = session.ask(Method::GET, &format!("/v1/keys/{}", escaped(&self.id)), None)?;
        print_key(&key, self.output);
        Ok(())
    }
}

/// Prints a key, a field a line.
pub(super) fn print_key(key: &Value, form: Form) {
    let (Form::Table, Value::Object(fields)) = (form, key) else { return print_value(key, form) };
    let first = ["id", "app", "name", "kind", "environment", "standing"];
    let rest = fields.keys().map(String::as_str).filter(|name| !first.contains(name) && *name != "state");
    let width = fields.keys().map(String::len).max().unwrap_or_default();
    for name in first.into_iter().chain(rest) {
        let value = match &fields[name] {
            Value::String(text) => text.clone(),
            Value::Null => "-".to_owned(),
            Value::Array(items) if items.is_empty() => "-".to_owned(),
            Value::Array(items) if items.iter().all(Value::is_string) => {
                items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
            }
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
        };
        say!("{name:<width$}  {value}");
    }
}
