//! `keygate gates`: the gates that follow this one, and what they check its keys with.

use std::{io::IsTerminal as _, process::ExitCode};

use axum::http::Method;

use super::{
    connections::Table,
    exit,
    manager::{Form, Manager, print_value},
};

/// Options of `keygate gates`.
#[derive(clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// List the gates that take their keys from here, and how far each has come
    List(List),
    /// Print what goes as `keys.verify` into the configuration of a gate that is to follow
    VerifyKey(VerifyKey),
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
struct VerifyKey {
    #[command(flatten)]
    manager: Manager,
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let ran = match self.what {
            What::List(list) => list.run(),
            What::VerifyKey(key) => key.run(),
        };
        ran.map_or_else(|code| code, |()| exit::OK)
    }
}

impl List {
    fn run(self) -> Result<(), ExitCode> {
        let listed = self.manager.meet(false)?.ask(Method::GET, "/v1/gates?limit=1000", None)?;
        if self.output != Form::Table {
            print_value(&listed["items"], self.output);
            return Ok(());
        }
        let gates = listed["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        if gates.is_empty() {
            exit::note("no gate follows; docs/keys.md says how one does");
            return Ok(());
        }
        let mut table = Table::new(&["NAME", "CONNECTED", ">VERSION", ">HEARD (S AGO)", ">GOOD FOR (S)", "TOKEN"]);
        for gate in gates {
            let text = |name: &str| gate[name].as_str().unwrap_or("-").to_owned();
            let ms = |name: &str| gate[name].as_u64().unwrap_or_default();
            let left = ms("max_stale_ms").saturating_sub(ms("heard_ms_ago"));
            let connected = if gate["connected"] == true { "yes" } else { "no" };
            let version = gate["version"]["sequence"].to_string();
            let seconds = |ms: u64| (ms / 1000).to_string();
            table.row([text("name"), connected.to_owned(), version, seconds(ms("heard_ms_ago")), seconds(left), text("actor")]);
        }
        table.print(std::io::stdout().is_terminal());
        Ok(())
    }
}

impl VerifyKey {
    fn run(self) -> Result<(), ExitCode> {
        let said = self.manager.meet(false)?.ask(Method::GET, "/v1/snapshot/key", None)?;
        say!("{}", said["verify"].as_str().unwrap_or_default());
        Ok(())
    }
}
