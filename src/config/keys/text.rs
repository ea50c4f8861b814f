//! The text of a key, or what stands for it: `key`, `digest` or `secret`. No message here repeats any of it.

use std::sync::Arc;

use super::Surroundings;
use crate::{
    config::{fault::Place, raw, secret_source},
    gate::credential::{Digester, Environment, KeyShape, Kind, MAX_KEY_BYTES, NoDigest, Pepper, StoredDigest, shape},
};

const NO_SECRETS: &str = "must not be the text of a secret key: keep its digest, `digest: sha256$<hex>`, whose hex \
                          `printf %s \"$KEY\" | sha256sum` makes, or say where it stands, `secret: {env: NAME}` or `secret: {file: path}`";

/// What is known of the text of a key.
pub(super) struct Known {
    /// Its digest.
    pub digest: StoredDigest,
    /// The text itself, where it is known.
    pub text: Option<String>,
}

/// What is known of the text of a key. `None` only after a fault.
pub(super) fn of_key(
    typed: &raw::Key,
    kind: Option<Kind>,
    environment: Option<Environment>,
    around: &Surroundings<'_>,
    place: &Place<'_>,
) -> Option<Known> {
    if !stands_once(typed, kind, place) {
        return None;
    }
    if let Some(text) = &typed.digest {
        let digest = digest(text, around.pepper, &place.field("digest"))?;
        return Some(Known { digest, text: None });
    }
    let (text, place) = match (&typed.key, &typed.secret) {
        (Some(text), _) => (text.to_string(), place.field("key")),
        (None, Some(source)) => (secret_source::read(source, around.folder, &place.field("secret"))?, place.field("secret")),
        (None, None) => return None,
    };
    place.take(check(&text, kind, environment))?;
    let digester = around.pepper.map_or(Digester::Sha256, |pepper| Digester::Hmac(pepper));
    Some(Known { digest: digester.kept(&text), text: Some(text) })
}

/// Reads a digest as it stands in the file.
pub(super) fn digest(text: &str, pepper: Option<&Arc<Pepper>>, place: &Place<'_>) -> Option<StoredDigest> {
    let ours = pepper.map(|pepper| pepper.id());
    let theirs = match StoredDigest::parse(text) {
        Ok(digest) => match digest.pepper {
            Some(theirs) if ours != Some(theirs) => format!("`{theirs}`"),
            Some(_) | None => return Some(digest),
        },
        // What is no id may be anything, and is not told.
        Err(NoDigest::PepperId) => "something that is no id".to_owned(),
        Err(error @ NoDigest::Form) => {
            place.fault(format!("is no digest: {error}"));
            return None;
        }
    };
    place.fault(match ours {
        Some(ours) => format!("was made with the pepper {theirs}; the one of this gate is `{ours}`"),
        None => format!("was made with the pepper {theirs}; the configuration names none (`keys.pepper.file`)"),
    });
    None
}

/// Whether a key has exactly one of `key`, `digest` and `secret`, and one that goes with its kind.
fn stands_once(typed: &raw::Key, kind: Option<Kind>, place: &Place<'_>) -> bool {
    let fields = [("key", typed.key.is_some()), ("digest", typed.digest.is_some()), ("secret", typed.secret.is_some())];
    let mut given = fields.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name);
    let (first, second) = (given.next(), given.next());
    match (first, second, kind) {
        (None, _, _) if fields.iter().any(|(name, _)| place.field(name).is_faulty()) => {}
        (None, _, Some(Kind::Publishable)) => place.fault("needs its `key`, or a `digest` of it"),
        (None, _, Some(Kind::Secret)) => {
            place.fault("needs a `digest` of its text, or a `secret` that says where the text stands")
        }
        (None, _, None) => place.fault("needs a `key`, a `digest` or a `secret`"),
        (Some("key"), _, Some(Kind::Secret)) => place.field("key").fault(NO_SECRETS),
        (Some(first), Some(second), _) => {
            place.field(second).out_of_place(format!("must not stand beside `{first}`: one of them is enough"));
        }
        (Some("secret"), None, Some(Kind::Publishable)) => {
            place.field("secret").out_of_place("is for secret keys: the text of a publishable key stands in `key`");
        }
        (Some(_), None, _) => return true,
    }
    false
}

/// Whether `text` can be sent as a key, and is what the other fields say of it.
fn check(text: &str, kind: Option<Kind>, environment: Option<Environment>) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > MAX_KEY_BYTES || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("must be 1 to 256 visible ASCII characters: no other could be sent in a header");
    }
    match shape(text) {
        KeyShape::Generated { kind: Kind::Secret, .. } if kind == Some(Kind::Publishable) => Err(NO_SECRETS),
        KeyShape::Generated { kind: Kind::Publishable, .. } if kind == Some(Kind::Secret) => {
            Err("is a publishable key by its prefix, but `kind` is `secret`")
        }
        KeyShape::Generated { environment: own, .. } if environment.is_some_and(|said| said != own) => {
            Err("is a key of the other environment by its prefix")
        }
        KeyShape::WrongChecksum if kind == Some(Kind::Publishable) => {
            Err("has a wrong checksum: a character of it was changed, most likely in copying")
        }
        // A secret with a wrong checksum may have been imported from elsewhere.
        KeyShape::Generated { .. } | KeyShape::WrongChecksum | KeyShape::Foreign => Ok(()),
    }
}
