//! Reading all keys: into a file beside the copy first, then, once the last byte is there and the signature is right, into the copy.

use std::{io::BufReader, path::Path, sync::Arc, time::Duration};

use http_body_util::BodyExt as _;
use tempfile::NamedTempFile;
use tokio::{io::AsyncWriteExt as _, time::timeout};

use super::{
    Follow,
    session::{diverged, get, good},
    word,
};
use crate::{
    gate::credential::VerifyKey,
    keystore::{Checkpoint, MAX_SNAPSHOT_BYTES, ParcelError, SqliteStore, StoreError, Version, Way, open_parcel, verify_parcel},
};

/// How long the manager may be silent in the midst of a snapshot.
const SILENCE: Duration = Duration::from_secs(30);

impl Follow {
    /// Takes all keys of the manager in the place of those of the copy.
    pub(super) async fn take_snapshot(&mut self) -> Result<(), String> {
        let (nonce, at) = (word(&self.random)?, self.checkpoint().await?);
        let request = get(&format!("{}?nonce={nonce}&after={}", self.path(), at.version.sequence), "application/jsonl")?;
        let answer = good(self.client.send(request)).await?;
        let folder = self.manager.cache.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = NamedTempFile::with_prefix_in(".keygate-snapshot-", folder).map_err(|error| error.to_string())?;
        let mut into = tokio::fs::File::from_std(file.reopen().map_err(|error| error.to_string())?);
        let (mut body, mut size) = (answer.into_body(), 0);
        while let Some(frame) =
            timeout(SILENCE, body.frame()).await.map_err(|_| "the manager stopped in the midst of its keys".to_owned())?
        {
            let frame = frame.map_err(|error| format!("the manager's keys broke off: {error}"))?;
            let Ok(bytes) = frame.into_data() else { continue };
            size += bytes.len() as u64;
            if size > MAX_SNAPSHOT_BYTES {
                return Err("the manager sends more than all keys there can be".to_owned());
            }
            into.write_all(&bytes).await.map_err(|error| error.to_string())?;
        }
        into.flush().await.map_err(|error| error.to_string())?;
        let (replica, verify) = (Arc::clone(&self.replica), self.manager.verify);
        let taken = tokio::task::spawn_blocking(move || take(&replica, file, &verify, &nonce, at)).await;
        let version = taken.map_err(|error| error.to_string())??;
        self.stored.begin_anew().await.map_err(|error| error.to_string())?;
        self.tell_in_force(version);
        Ok(())
    }
}

/// Takes the parcel in `file` into the copy, which has come to `at`, if it is whole, signed, made for this asking, and leads on from there.
fn take(replica: &SqliteStore, file: NamedTempFile, verify: &VerifyKey, nonce: &str, at: Checkpoint) -> Result<Version, String> {
    let read = |file: &NamedTempFile| file.reopen().map(BufReader::new).map_err(ParcelError::Io);
    let verified = read(&file).and_then(|file| verify_parcel(file, verify));
    let (heading, Way { from, to }) = verified.map_err(|error| error.to_string())?;
    if heading.nonce != nonce || heading.after.is_some() {
        return Err("the keys were made for somebody else, or before they were asked for".to_owned());
    }
    // Of records that the manager has forgotten, nobody knows which way they went: the gate was away for longer than that, and decided nothing.
    let another_way = to.version.epoch == at.version.epoch && from.is_some_and(|from| from != at.hash);
    if to.version < at.version || another_way {
        return Err(diverged(&serde_json::json!(to.version).to_string(), at.version));
    }
    let source = move |put: &mut dyn FnMut(&crate::gate::keys::Key) -> Result<(), StoreError>| {
        let mut opened = open_parcel(read(&file)?)?;
        while let Some(key) = opened.next_key()? {
            put(&key)?;
        }
        Ok(())
    };
    match replica.replace_all(at, to, source) {
        Ok(true) => Ok(to.version),
        Ok(false) => Err("another process of this gate has changed the copy meanwhile".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
