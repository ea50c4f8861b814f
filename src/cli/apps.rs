//! `keygate apps`: applications, which keys belong to.

use std::process::ExitCode;

use axum::http::Method;
use serde_json::json;

use super::{
    exit,
    form::{Column, Form, items, print_table, print_value, text},
    manager::Asking,
    words::ENVIRONMENTS,
};

/// The commands of `keygate apps`.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Make an application, with one publishable and one secret key
    Create(Create),
    /// List applications
    List(List),
}

#[derive(clap::Args)]
#[command(after_help = "The secret key is shown this once.")]
pub struct Create {
    /// Its id: 1 to 64 of A-Z, a-z, 0-9, `_` and `-`
    id: String,
    /// For people
    #[arg(long, default_value = "")]
    name: String,
    /// Of its first two keys
    #[arg(long, default_value = "live", value_parser = ENVIRONMENTS)]
    environment: String,
    /// A page that may use the publishable key: `https://app.example.com`. Can be said again. Without any, the key works without an
    /// `Origin`, for native apps
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    #[command(flatten)]
    asking: Asking,
}

#[derive(clap::Args)]
pub struct List {
    #[command(flatten)]
    asking: Asking,
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let ran = match self {
            Self::Create(create) => create.run(),
            Self::List(list) => list.run(),
        };
        exit::of(ran)
    }
}

const CREATED: [Column; 3] = [
    ("ID", |created| text(&created["key"], "id")),
    ("KIND", |created| text(&created["key"], "kind")),
    ("KEY", |created| text(created, "secret")),
];

const LISTED: [Column; 4] = [
    ("ID", |app| text(app, "id")),
    ("NAME", |app| text(app, "name")),
    (">KEYS", |app| app["keys"].to_string()),
    ("CREATED", |app| text(app, "created_at")),
];

impl Create {
    fn run(self) -> Result<(), ExitCode> {
        let session = self.asking.manager.meet(true)?;
        let wanted = json!({ "id": self.id, "name": self.name, "environment": self.environment, "origins": self.origins });
        let made = session.ask(Method::POST, "/v1/apps", Some(&wanted))?;
        match self.asking.form() {
            form @ (Form::Json | Form::Yaml) => print_value(&made, form),
            Form::Table => {
                print_table(items(&made["keys"]), &CREATED, "no keys were made");
                exit::note("The secret key is shown this once: keep it now where your servers find it.");
            }
        }
        Ok(())
    }
}

impl List {
    fn run(self) -> Result<(), ExitCode> {
        let (apps, _) = self.asking.manager.meet(false)?.list("/v1/apps", "", usize::MAX)?;
        match self.asking.form() {
            form @ (Form::Json | Form::Yaml) => print_value(&json!(apps), form),
            Form::Table => print_table(&apps, &LISTED, "no applications; `keygate apps create` makes one"),
        }
        Ok(())
    }
}
