//! `keygate keys create`.

use std::process::ExitCode;

use axum::http::Method;
use serde_json::{Value, json};

use super::describe::About;
use crate::cli::{
    exit,
    manager::{Form, Manager, print_value},
};

/// Options of `keygate keys create`.
#[derive(clap::Args)]
#[command(
    after_help = "The secret of a key is shown this once and kept nowhere. Where the output is no terminal, it is all that is printed, unless \
                        `-o` says otherwise: `keygate keys create … > secret`."
)]
pub(super) struct Create {
    /// The application that the key belongs to
    #[arg(long, value_name = "NAME")]
    app: String,
    /// `publishable` keys live in browsers and apps, `secret` keys on servers
    #[arg(long, value_enum)]
    kind: Kind,
    /// Which half of the world the key belongs to
    #[arg(long, value_enum, default_value_t = Environment::Live)]
    environment: Environment,
    /// What its text begins with, before the `_`: `acme` in `acme_sk_live_…`
    #[arg(long, value_name = "NAME")]
    prefix: Option<String>,
    #[command(flatten)]
    about: About,
    /// How to print it
    #[arg(short, long, value_enum)]
    output: Option<Form>,
    #[command(flatten)]
    manager: Manager,
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(super) enum Kind {
    Publishable,
    Secret,
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(super) enum Environment {
    Live,
    Test,
}

impl Create {
    pub(super) fn run(self) -> Result<(), ExitCode> {
        let mut fields = self.about.fields()?;
        let kind = match self.kind {
            Kind::Publishable => "publishable",
            Kind::Secret => "secret",
        };
        let environment = match self.environment {
            Environment::Live => "live",
            Environment::Test => "test",
        };
        for (name, value) in [("app", &*self.app), ("kind", kind), ("environment", environment)] {
            fields.insert(name.to_owned(), json!(value));
        }
        if let Some(prefix) = self.prefix {
            fields.insert("prefix".to_owned(), json!(prefix));
        }
        let session = self.manager.meet(true)?;
        let created = session.ask(Method::POST, "/v1/keys", Some(&Value::Object(fields)))?;
        print_new(&created, self.output);
        Ok(())
    }
}

/// Prints a key with a new text.
pub(super) fn print_new(answer: &Value, output: Option<Form>) {
    use std::io::IsTerminal as _;
    let (id, secret) = (answer["key"]["id"].as_str().unwrap_or_default(), answer["secret"].as_str().unwrap_or_default());
    match output {
        Some(form @ (Form::Json | Form::Yaml)) => print_value(answer, form),
        None if !std::io::stdout().is_terminal() => say!("{secret}"),
        Some(Form::Table) | None => {
            say!("id      {id}");
            say!("key     {secret}");
            if answer["key"]["kind"] == "secret" {
                exit::note("The key is shown this once: keep it now where your servers find it.");
            }
        }
    }
}
