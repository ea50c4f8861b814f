//! `keygate admin-token`: tokens of those who manage keys.

use std::{process::ExitCode, time::Duration};

use axum::http::Method;
use serde_json::json;

use super::{
    control::{from_now, span},
    exit,
    form::{Column, Form, print_made, print_table, print_value, text},
    manager::{Asking, Manager, escaped},
    words::ROLES,
};

/// The commands of `keygate admin-token`.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Make a token; it is shown this once. The first one makes the store
    Create(Create),
    /// List those who manage keys
    List(List),
    /// End a token
    Revoke(Revoke),
}

#[derive(clap::Args)]
#[command(
    after_help = "Where the output is no terminal, the token is all that is printed: `keygate admin-token create … > token`."
)]
pub struct Create {
    /// Whose it is, for people
    #[arg(long)]
    name: String,
    /// `viewer` sees, `operator` manages keys, `owner` manages tokens too; `gate` is for a gate that follows this one (`keys.url`)
    #[arg(long, default_value = "owner", value_parser = ROLES)]
    role: String,
    /// When it ends, from now: `90d`. Default: never
    #[arg(long, value_name = "TIME", value_parser = span)]
    expires_in: Option<Duration>,
    #[command(flatten)]
    asking: Asking,
}

#[derive(clap::Args)]
pub struct List {
    #[command(flatten)]
    asking: Asking,
}

#[derive(clap::Args)]
pub struct Revoke {
    /// The token, by its id
    id: String,
    #[command(flatten)]
    manager: Manager,
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let ran = match self {
            Self::Create(create) => create.run(),
            Self::List(list) => list.run(),
            Self::Revoke(revoke) => revoke.run(),
        };
        exit::of(ran)
    }
}

const LISTED: [Column; 6] = [
    ("ID", |operator| text(operator, "id")),
    ("NAME", |operator| text(operator, "name")),
    ("ROLE", |operator| text(operator, "role")),
    ("CREATED", |operator| text(operator, "created_at")),
    ("EXPIRES", |operator| text(operator, "expires_at")),
    ("STATE", |operator| if operator["revoked"] == true { "revoked".to_owned() } else { "active".to_owned() }),
];

impl Create {
    fn run(self) -> Result<(), ExitCode> {
        let session = self.asking.manager.meet(true)?;
        let wanted = json!({ "name": self.name, "role": self.role, "expires_at": self.expires_in.map(from_now) });
        let made = session.ask(Method::POST, "/v1/operators", Some(&wanted))?;
        let note = "The token is shown this once: keep it where you keep passwords.";
        print_made(&made, self.asking.output, &made["operator"]["id"], ("token", &made["token"]), Some(note));
        Ok(())
    }
}

impl List {
    fn run(self) -> Result<(), ExitCode> {
        let (operators, _) = self.asking.manager.meet(false)?.list("/v1/operators", "", usize::MAX)?;
        match self.asking.form() {
            form @ (Form::Json | Form::Yaml) => print_value(&json!(operators), form),
            Form::Table => print_table(&operators, &LISTED, "no tokens; `keygate admin-token create` makes one"),
        }
        Ok(())
    }
}

impl Revoke {
    fn run(self) -> Result<(), ExitCode> {
        let session = self.manager.meet(false)?;
        session.ask(Method::POST, &format!("/v1/operators/{}/revoke", escaped(&self.id)), Some(&json!({})))?;
        say!("revoked {}", self.id);
        Ok(())
    }
}
