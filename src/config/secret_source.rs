//! `{env: NAME}` and `{file: path}` → the secret that stands there. No message repeats any of it.

use std::{env::VarError, path::Path};

use super::{fault::Place, raw, secret_file};

/// The secret from where it stands; a relative path starts at `folder`. Neither a name nor a path is repeated: somebody may have written the secret there.
pub(super) fn read(source: &raw::SecretSource, folder: &Path, place: &Place<'_>) -> Option<String> {
    match (&source.env, &source.file) {
        (Some(name), None) => place.field("env").take(std::env::var(&**name).map_err(|error| match error {
            VarError::NotPresent => "names an environment variable that is not set",
            VarError::NotUnicode(_) => "names an environment variable that is not text",
        })),
        (None, Some(path)) => {
            let place = place.field("file");
            let bytes =
                place.take(secret_file::read(&folder.join(&**path)).map_err(|error| format!("cannot be read: {error}")))?;
            place.take(String::from_utf8(bytes).map_err(|_| "holds something that is not text"))
        }
        (Some(_), Some(_)) => {
            place.field("file").out_of_place("must not stand beside `env`: one of them is enough");
            None
        }
        (None, None) => {
            place.missing("needs `env` or `file`");
            None
        }
    }
}
