//! `keygate admin-token`: tokens of those who manage keys.

use std::{io::IsTerminal as _, process::ExitCode, time::Duration};

use axum::http::Method;
use serde_json::{Value, json};

use super::{
    connections::Table,
    control::span,
    exit,
    manager::{Form, Manager, escaped, print_value},
};
use crate::config::rfc3339;

/// Options of `keygate admin-token`.
#[derive(clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
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
struct Create {
    /// Whose it is, for people
    #[arg(long)]
    name: String,
    /// `viewer` sees, `operator` manages keys, `owner` manages tokens too; `gate` is for a gate that follows this one (`keys.url`)
    #[arg(long, value_enum, default_value_t = Role::Owner)]
    role: Role,
    /// When it ends, from now: `90d`. Default: never
    #[arg(long, value_name = "TIME", value_parser = span)]
    expires_in: Option<Duration>,
    /// How to print it
    #[arg(short, long, value_enum)]
    output: Option<Form>,
    #[command(flatten)]
    manager: Manager,
}

#[derive(clap::Args)]
struct List {
    /// How to print them
    #[arg(short, long, value_enum, default_value_t = Form::Table)]
    output: Form,
    #[command(flatten)]
    manager: Manager,
}

#[derive(clap::Args)]
struct Revoke {
    /// The token, by its id
    id: String,
    #[command(flatten)]
    manager: Manager,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Role {
    Gate,
    Viewer,
    Operator,
    Owner,
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let ran = match self.what {
            What::Create(create) => create.run(),
            What::List(list) => list.run(),
            What::Revoke(revoke) => revoke.run(),
        };
        ran.map_or_else(|code| code, |()| exit::OK)
    }
}

impl Create {
    fn run(self) -> Result<(), ExitCode> {
        let role = match self.role {
            Role::Gate => "gate",
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Owner => "owner",
        };
        let ends = |span: Duration| {
            let now = chrono::Utc::now().timestamp_millis();
            rfc3339(now.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
        };
        let session = self.manager.meet(true)?;
        let wanted = json!({ "name": self.name, "role": role, "expires_at": self.expires_in.map(ends) });
        let made = session.ask(Method::POST, "/v1/operators", Some(&wanted))?;
        let token = made["token"].as_str().unwrap_or_default();
        match self.output {
            Some(form @ (Form::Json | Form::Yaml)) => print_value(&made, form),
            None if !std::io::stdout().is_terminal() => say!("{token}"),
            Some(Form::Table) | None => {
                say!("id     {}", made["operator"]["id"].as_str().unwrap_or_default());
                say!("token  {token}");
                exit::note("The token is shown this once: keep it where you keep passwords.");
            }
        }
        Ok(())
    }
}

impl List {
    fn run(self) -> Result<(), ExitCode> {
        let session = self.manager.meet(false)?;
        let listed = session.ask(Method::GET, "/v1/operators", None)?;
        let items = listed["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        if self.output != Form::Table {
            print_value(&listed["items"], self.output);
            return Ok(());
        }
        let mut table = Table::new(&["ID", "NAME", "ROLE", "CREATED", "EXPIRES", "STATE"]);
        for operator in items {
            let text = |name: &str| operator[name].as_str().unwrap_or("-").to_owned();
            let state = if operator["revoked"] == Value::Bool(true) { "revoked" } else { "active" };
            table.row([text("id"), text("name"), text("role"), text("created_at"), text("expires_at"), state.to_owned()]);
        }
        table.print(std::io::stdout().is_terminal());
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
