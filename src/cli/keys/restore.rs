//! `keygate keys restore`: a copy of the store back in its place.

use std::{path::PathBuf, process::ExitCode};

use serde_json::json;

use crate::{
    app,
    cli::{
        exit,
        form::{Form, print_value},
        manager::{Asking, confirmed, is_attended},
    },
    gate::keys::State,
    keystore::WentOn,
};

/// Options of `keygate keys restore`.
#[derive(clap::Args)]
#[command(
    after_help = "The gate must be stopped. What has ended since the copy was made stays ended, as far as the store that is there can be read: a \
                  key that was revoked is revoked, and of a key that was changed, whether it works, by which secret and until when is as it was. \
                  Keys that were made since are gone. The store that is there is kept beside it, under another name."
)]
pub struct Restore {
    /// The copy, as `keygate keys backup` made it
    #[arg(long, value_name = "COPY")]
    from: PathBuf,
    /// Do not ask; needed where nobody can be asked
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    asking: Asking,
}

impl Restore {
    pub(super) fn run(self) -> Result<(), ExitCode> {
        let (store, _) = self.asking.manager.store_config()?;
        match (self.yes, is_attended()) {
            (true, _) => {}
            (false, true) => {
                let (copy, store) = (self.from.display(), store.display());
                let question =
                    format!("This puts {copy} in the place of {store}: what was changed since is lost, but for what has ended.");
                confirmed(&question, "restore")?;
            }
            (false, false) => return Err(exit::misused("this replaces the store, and nobody can be asked: say `--yes`")),
        }
        let restored = app::restore(&store, &self.from).map_err(exit::failed)?;
        let WentOn { keys, operators, lost, unread } = &restored.went_on;
        let revoked = keys.iter().filter(|key| key.life.state == State::Revoked).count();
        if self.asking.form() == Form::Table {
            say!("restored {} from {}", store.display(), self.from.display());
            if let Some(replaced) = &restored.replaced {
                let changed = keys.len() - revoked;
                say!("as they were: {revoked} revoked keys, {changed} changed ones, {} revoked operators", operators.len());
                say!("made since, and gone: {lost} keys");
                say!("the store that was there is {}", replaced.display());
            }
        } else {
            let ids = keys.iter().map(|key| &key.id).collect::<Vec<_>>();
            let told = json!({
                "epoch": restored.version.epoch,
                "replaced": restored.replaced,
                "kept": { "keys": ids, "revoked": revoked, "operators": operators },
                "lost_keys": lost,
                "unread": unread,
            });
            print_value(&told, self.asking.form());
        }
        match (unread, &restored.replaced) {
            (Some(why), _) => exit::warn(format_args!(
                "not all that was revoked since the copy could be read, so revoke again what must not work: {why}"
            )),
            (None, None) => {
                exit::warn(
                    "there was no store, so nothing tells what was revoked since the copy: revoke again what must not work",
                );
            }
            (None, Some(_)) => {}
        }
        Ok(())
    }
}
