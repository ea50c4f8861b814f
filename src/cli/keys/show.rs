//! `keygate keys show`.

use std::process::ExitCode;

use axum::http::Method;
use serde_json::Value;

use crate::cli::{
    form::{Form, print_fields, print_value},
    manager::{Asking, escaped},
};

/// Options of `keygate keys show`.
#[derive(clap::Args)]
pub struct Show {
    /// The key, by its id
    id: String,
    #[command(flatten)]
    asking: Asking,
}

impl Show {
    pub(super) fn run(self) -> Result<(), ExitCode> {
        let session = self.asking.manager.meet(false)?;
        let key = session.ask(Method::GET, &format!("/v1/keys/{}", escaped(&self.id)), None)?;
        print_key(&key, self.asking.form());
        Ok(())
    }
}

/// Prints a key, a field a line for people. How it stands tells them more than its state does.
pub(super) fn print_key(key: &Value, form: Form) {
    match form {
        Form::Table => print_fields(key, &["id", "app", "name", "kind", "environment", "standing"], &["state"]),
        Form::Json | Form::Yaml => print_value(key, form),
    }
}
