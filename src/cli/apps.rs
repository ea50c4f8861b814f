//! `keygate apps`: applications, which keys belong to.

use std::{io::IsTerminal as _, process::ExitCode};

use axum::http::Method;
use serde_json::{Value, json};

use super::{
    connections::Table,
    exit,
    manager::{Form, Manager, print_value},
};

/// Options of `keygate apps`.
#[derive(clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Make an application, with one publishable and one secret key
    Create(Create),
    /// List applications
    List(List),
}

#[derive(clap::Args)]
#[command(after_help = "The secret key is shown this once.")]
struct Create {
    /// Its id: 1 to 64 of A-Z, a-z, 0-9, `_` and `-`
    id: String,
    /// For people
    #[arg(long, default_value = "")]
    name: String,
    /// `live` or `test`: of its first two keys
    #[arg(long, default_value = "live")]
    environment: String,
    /// A page that may use the publishable key: `https://app.example.com`. Can be said again. Without any, the key works without an
    /// `Origin`, for native apps
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Form::Table)]
    output: Form,
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

impl Command {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let ran = match self.what {
            What::Create(create) => create.run(),
            What::List(list) => list.run(),
        };
        ran.map_or_else(|code| code, |()| exit::OK)
    }
}

impl Create {
    fn run(self) -> Result<(), ExitCode> {
        let session = self.manager.meet(true)?;
        let wanted = json!({ "id": self.id, "name": self.name, "environment": self.environment, "origins": self.origins });
        let made = session.ask(Method::POST, "/v1/apps", Some(&wanted))?;
        if self.output != Form::Table {
            print_value(&made, self.output);
            return Ok(());
        }
        let mut table = Table::new(&["ID", "KIND", "KEY"]);
        for created in made["keys"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            table.row([text(&created["key"]["id"]), text(&created["key"]["kind"]), text(&created["secret"])]);
        }
        table.print(std::io::stdout().is_terminal());
        exit::note("The secret key is shown this once: keep it now where your servers find it.");
        Ok(())
    }
}

impl List {
    fn run(self) -> Result<(), ExitCode> {
        let session = self.manager.meet(false)?;
        let listed = session.ask(Method::GET, "/v1/apps?limit=1000", None)?;
        if self.output != Form::Table {
            print_value(&listed["items"], self.output);
            return Ok(());
        }
        let items = listed["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        if items.is_empty() {
            exit::note("no applications; `keygate apps create` makes one");
            return Ok(());
        }
        let mut table = Table::new(&["ID", "NAME", ">KEYS", "CREATED"]);
        for app in items {
            let text = |name: &str| app[name].as_str().unwrap_or("-").to_owned();
            table.row([text("id"), text("name"), app["keys"].to_string(), text("created_at")]);
        }
        table.print(std::io::stdout().is_terminal());
        Ok(())
    }
}
