//! `keygate keys create`.

use std::process::ExitCode;

use axum::http::Method;
use serde_json::{Value, json};

use super::describe::About;
use crate::cli::{
    form::{Form, print_made},
    manager::Asking,
    words::{ENVIRONMENTS, KINDS},
};

/// Options of `keygate keys create`.
#[derive(clap::Args)]
#[command(
    after_help = "The secret of a key is shown this once and kept nowhere. Where the output is no terminal, it is all that is printed, unless \
                        `-o` says otherwise: `keygate keys create … > secret`."
)]
pub struct Create {
    /// The application that the key belongs to
    #[arg(long, value_name = "NAME")]
    app: String,
    /// `publishable` keys live in browsers and apps, `secret` keys on servers
    #[arg(long, value_parser = KINDS)]
    kind: String,
    /// Which half of the world the key belongs to
    #[arg(long, default_value = "live", value_parser = ENVIRONMENTS)]
    environment: String,
    /// What its text begins with, before the `_`: `acme` in `acme_sk_live_…`
    #[arg(long, value_name = "NAME")]
    prefix: Option<String>,
    #[command(flatten)]
    about: About,
    #[command(flatten)]
    asking: Asking,
}

impl Create {
    pub(super) fn run(self) -> Result<(), ExitCode> {
        let mut fields = self.about.fields()?;
        for (name, value) in [("app", self.app), ("kind", self.kind), ("environment", self.environment)] {
            fields.insert(name.to_owned(), json!(value));
        }
        if let Some(prefix) = self.prefix {
            fields.insert("prefix".to_owned(), json!(prefix));
        }
        let session = self.asking.manager.meet(true)?;
        let created = session.ask(Method::POST, "/v1/keys", Some(&Value::Object(fields)))?;
        print_new(&created, self.asking.output);
        Ok(())
    }
}

/// Prints a key with a new text.
pub(super) fn print_new(answer: &Value, output: Option<Form>) {
    let is_secret = answer["key"]["kind"] == "secret";
    let note = is_secret.then_some("The key is shown this once: keep it now where your servers find it.");
    print_made(answer, output, &answer["key"]["id"], ("key", &answer["secret"]), note);
}
