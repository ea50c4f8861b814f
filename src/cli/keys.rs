//! `keygate keys`: creating, listing, changing and ending keys, in a gate that runs, one elsewhere, or a store by itself.

mod create;
mod describe;
mod list;
mod moving;
mod show;
mod step;
mod update;

use std::process::ExitCode;

/// Options of `keygate keys`.
#[derive(clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Make a key; its secret is shown this once
    Create(create::Create),
    /// List keys
    List(list::List),
    /// Show a key
    Show(show::Show),
    /// Change what may be changed of a key
    Update(update::Update),
    /// Give a key a new secret; the old one works until its grace period ends
    Rotate(step::Rotate),
    /// End a key for good, at once, and cut what it has open
    Revoke(step::Revoke),
    /// Let a key work no longer, until it is enabled
    Disable(step::Disable),
    /// Let a disabled key work again
    Enable(step::Enable),
    /// Take over keys from a key file, a CSV file, or lines of text
    Import(moving::Import),
    /// Write all keys as a key file: what a gate needs to go on with, digests and no secrets
    Export(moving::Export),
    /// Copy the store, of one moment and whole, while gates use it
    Backup(moving::Backup),
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let ran = match self.what {
            What::Create(create) => create.run(),
            What::List(list) => list.run(),
            What::Show(show) => show.run(),
            What::Update(update) => update.run(),
            What::Rotate(rotate) => rotate.run(),
            What::Revoke(revoke) => revoke.run(),
            What::Disable(disable) => disable.run(),
            What::Enable(enable) => enable.run(),
            What::Import(import) => import.run(),
            What::Export(export) => export.run(),
            What::Backup(backup) => backup.run(),
        };
        ran.map_or_else(|code| code, |()| super::exit::OK)
    }
}
