//! Reading all keys: into a file beside the copy first, then, once the last byte is there and the signature is right, into the copy.

use std::{collections::BTreeMap, io::BufReader, path::Path, sync::Arc, time::Duration};

use http_body_util::BodyExt as _;
use tempfile::NamedTempFile;
use tokio::{io::AsyncWriteExt as _, time::timeout};

use super::{
    Follow,
    session::{get, good},
    word,
};
use crate::{
    gate::credential::VerifyKey,
    keystore::{MAX_SNAPSHOT_BYTES, ParcelError, SqliteStore, StoreError, Version, open_parcel, verify_parcel},
};

/// How long the manager may be silent in the midst of a snapshot.
const SILENCE: Duration = Duration::from_secs(30);

impl Follow {
    /// Takes all keys of the manager in the place of those of the copy.
    pub(super) async fn take_snapshot(&mut self) -> Result<(), String> {
        let nonce = word(&self.random)?;
        let request = get(&format!("{}?nonce={nonce}", self.path()), "application/jsonl")?;
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
        let (replica, verify, before) = (Arc::clone(&self.replica), self.manager.verify, self.version());
        let taken = tokio::task::spawn_blocking(move || take(&replica, file, &verify, &nonce, before)).await;
        let version = taken.map_err(|error| error.to_string())??;
        self.stored.begin_anew().await.map_err(|error| error.to_string())?;
        self.tell_in_force(version);
        self.outbox.changed(BTreeMap::new(), version);
        Ok(())
    }
}

/// Takes the parcel in `file` into the copy, if it is whole, signed, made for this asking, and not older than `before`.
fn take(replica: &SqliteStore, file: NamedTempFile, verify: &VerifyKey, nonce: &str, before: Version) -> Result<Version, String> {
    let read = |file: &NamedTempFile| file.reopen().map(BufReader::new).map_err(ParcelError::Io);
    let (heading, version) = read(&file).and_then(|file| verify_parcel(file, verify)).map_err(|error| error.to_string())?;
    if heading.nonce != nonce || heading.after.is_some() {
        return Err("the keys were made for somebody else, or before they were asked for".to_owned());
    }
    if version < before {
        return Err(format!(
            "the manager has keys of version {}.{}, which are older than those of this gate, {}.{}: it was put back without being told \
             (`keygate keys restore`). Older keys are not taken: what was revoked since would be good again",
            version.epoch, version.sequence, before.epoch, before.sequence
        ));
    }
    let source = move |put: &mut dyn FnMut(&crate::gate::keys::Key) -> Result<(), StoreError>| {
        let mut opened = open_parcel(read(&file)?)?;
        while let Some(key) = opened.next_key()? {
            put(&key)?;
        }
        Ok(version)
    };
    replica.replace_all(source).map_err(|error| error.to_string())
}
