//! `keygate connections`: what is open at a running gate.

mod list;
mod table;

use std::process::ExitCode;

/// Options of `keygate connections`: those of `list`, where no other command is said.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Command {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    list: list::List,
}

#[derive(clap::Subcommand)]
enum What {
    /// List them, or count them by what they have in common
    List(list::List),
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        match self.what {
            Some(What::List(list)) => list.run(),
            None => self.list.run(),
        }
    }
}
