//! `keygate keys`: creating, listing, changing and ending keys, in a gate that runs, one elsewhere, or a store by itself.

mod create;
mod describe;
mod list;
mod moving;
mod restore;
mod show;
mod step;
mod update;

use std::process::ExitCode;

use super::exit;

/// The commands of `keygate keys`.
#[derive(clap::Subcommand)]
pub enum Command {
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
    /// Put a copy of the store in its place, while no gate uses it
    Restore(restore::Restore),
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let ran = match self {
            Self::Create(create) => create.run(),
            Self::List(list) => list.run(),
            Self::Show(show) => show.run(),
            Self::Update(update) => update.run(),
            Self::Rotate(rotate) => rotate.run(),
            Self::Revoke(revoke) => revoke.run(),
            Self::Disable(disable) => disable.run(),
            Self::Enable(enable) => enable.run(),
            Self::Import(import) => import.run(),
            Self::Export(export) => export.run(),
            Self::Backup(backup) => backup.run(),
            Self::Restore(restore) => restore.run(),
        };
        exit::of(ran)
    }
}
