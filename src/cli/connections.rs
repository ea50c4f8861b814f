//! `keygate connections`: what is open at a running gate, and ending it.

mod cut;
mod list;

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
    /// End some of them, or all. Whoever is cut may come back; `keygate block` keeps out
    Cut(cut::Cut),
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        match self.what {
            Some(What::List(list)) => list.run(),
            Some(What::Cut(cut)) => cut.run(),
            None => self.list.run(),
        }
    }
}
