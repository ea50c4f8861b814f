//! Configuration: YAML as typed → config as used, with every mistake of a file reported in one run.
//!
//! Knows the gate, whose policy and keys it makes, and the words for upstreams, and nothing else: no sockets, no runtime, no stores. Text comes in with the name
//! of its file; the only files read here are those that a text names as the place of a secret. Entries: [`parse_config`] and
//! [`parse_keys`].
//!
//! ```text
//! text ─ yaml ─→ raw ─ compile, keys ─→ used       what is wrong on the way: fault → locate → error
//! ```

mod admin;
mod channel;
mod compile;
mod credentials;
mod defaults;
mod error;
mod fault;
mod forward;
mod keys;
mod limits;
mod lines;
mod listeners;
mod locate;
mod manager;
mod networks;
mod path;
mod raw;
mod rights;
mod routes;
mod schema;
mod secret_file;
mod secret_source;
mod set_headers;
mod state;
mod streams;
mod timeouts;
mod token;
mod upstream;
mod used;
mod warnings;
mod wording;
mod yaml;

pub use error::{More, Problem, Problems};
pub use keys::{KeyCompiler, NewKey, entry, managed_keys, new_key, rfc3339, updated};
pub use lines::{key_place, lines};
pub use raw::duration;
pub use schema::{key_schema, schema};
pub use state::{parse_state, state_text};
pub use used::{
    Admin, BearerToken, Config, ConnectionLimits, KeyPlace, KeySource, Listener, Log, LogFormat, Manager, SNAPSHOT_PATH,
    Timeouts, Tls, restart_only_changes,
};
pub use warnings::warnings;
pub use yaml::{MAX_CONFIG_BYTES, MAX_KEY_DOCUMENT_BYTES, MAX_KEYS_BYTES};

use std::{path::Path, sync::Arc};

use self::{
    fault::{Faults, Place},
    yaml::{Document, Source},
};
use crate::gate::{
    credential::Pepper,
    keys::{KeyLimits, KeySet},
};

/// Reads the configuration. `file` is shown in problems, and its folder is where relative paths start.
///
/// # Errors
/// Every problem of the text.
pub fn parse_config(file: &Path, text: &str) -> Result<Config, Problems> {
    read(file, text, |typed, root| compile::config(typed, folder(file), root))
}

/// Reads the keys. A key that says nothing of its limits has `defaults`; the usage of keys in `previous` goes on under the same id.
///
/// # Errors
/// Every problem of the text. None of them repeats a value of the file: it may be a key.
pub fn parse_keys(
    file: &Path,
    text: &str,
    defaults: &Arc<KeyLimits>,
    pepper: Option<&Arc<Pepper>>,
    previous: Option<&KeySet>,
) -> Result<KeySet, Problems> {
    let around = keys::Surroundings { folder: folder(file), defaults, pepper, previous };
    read(file, text, |typed, root| keys::key_set(typed, &around, root))
}

/// Both stages: what can be read of the text, then what that means.
fn read<T: Document, U>(file: &Path, text: &str, compile: impl FnOnce(&T, &Place<'_>) -> Option<U>) -> Result<U, Problems> {
    let source = Source { file, text };
    let (typed, faults): (T, Faults) = source.read()?;
    match compile(&typed, &Place::root(&faults)) {
        Some(used) if faults.is_empty() => Ok(used),
        _ => Err(source.problems(faults)),
    }
}

fn folder(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}
