//! Reading all keys: into a file beside the copy first, then, once the last byte is there and the signature is right, into the copy.

use std::{
    fmt,
    fs::File,
    io::{self, BufReader, Seek as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Body;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    time::{Instant, timeout_at},
};

use super::{
    Follow,
    session::{diverged, get, good},
    word,
};
use crate::{
    app::lead::span_of,
    config::SNAPSHOT_PATH,
    gate::credential::VerifyKey,
    keystore::{
        Checkpoint, MAX_SNAPSHOT_BYTES, ParcelError, Says, SqliteStore, StoreError, Version, Way, open_parcel, verify_parcel,
    },
};

/// How long the manager may be silent in the midst of a snapshot.
const SILENCE: Duration = Duration::from_secs(30);

impl Follow {
    /// Takes all keys of the manager in the place of those of the copy.
    pub(super) async fn take_snapshot(&mut self) -> Result<(), String> {
        let (nonce, at, floor) = (word(&self.random)?, self.checkpoint().await?, self.ask(SqliteStore::floor).await?);
        let request = get(&format!("{SNAPSHOT_PATH}?nonce={nonce}&after={}", floor.version.sequence), "application/jsonl")?;
        let answer = good(self.client.send(request)).await?;
        let folder = self.manager.cache.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = nameless_in(folder).map_err(|error| error.to_string())?;
        let mut into = tokio::fs::File::from_std(file.try_clone().map_err(|error| error.to_string())?);
        receive(answer.into_body(), &mut into).await?;
        into.flush().await.map_err(|error| error.to_string())?;
        let (replica, verify) = (Arc::clone(&self.replica), self.manager.verify);
        let taken = tokio::task::spawn_blocking(move || take(&replica, file, &verify, &nonce, at, floor)).await;
        let version = taken.map_err(|error| error.to_string())??;
        self.stored.begin_anew().await.map_err(|error| error.to_string())?;
        self.tell_in_force(version);
        Ok(())
    }
}

/// A file on the disk of `folder` that goes with this process, however that ends: nobody would clear up gigabytes that a killed one left.
fn nameless_in(folder: &Path) -> io::Result<File> {
    tempfile::tempfile_in(folder)
}

/// `file` from its beginning. Its place is shared with all that were read so before.
fn anew(file: &File) -> io::Result<BufReader<File>> {
    let mut file = file.try_clone()?;
    file.rewind()?;
    Ok(BufReader::new(file))
}

/// Writes `body` to `into`, as long as it comes: with no silence of more than [`SILENCE`], and as fast as [`span_of`] tells.
async fn receive<B>(mut body: B, into: &mut (impl AsyncWrite + Unpin)) -> Result<(), String>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: fmt::Display,
{
    let (begun, mut size) = (Instant::now(), 0);
    loop {
        let over = begun + span_of(size);
        let silent = Instant::now() + SILENCE;
        let Ok(frame) = timeout_at(over.min(silent), body.frame()).await else {
            return Err(if over < silent {
                format!("the manager gives its keys too slowly: {size} bytes in {} s", begun.elapsed().as_secs())
            } else {
                "the manager stopped in the midst of its keys".to_owned()
            });
        };
        let Some(frame) = frame else { return Ok(()) };
        let frame = frame.map_err(|error| format!("the manager's keys broke off: {error}"))?;
        let Ok(bytes) = frame.into_data() else { continue };
        size += bytes.len() as u64;
        if size > MAX_SNAPSHOT_BYTES {
            return Err("the manager sends more than all keys there can be".to_owned());
        }
        into.write_all(&bytes).await.map_err(|error| error.to_string())?;
    }
}

/// Takes the parcel in `file` into the copy, which has come to `at`, if it is whole, signed, made for this asking, and leads on from `floor`.
fn take(
    replica: &SqliteStore,
    file: File,
    verify: &VerifyKey,
    nonce: &str,
    at: Checkpoint,
    floor: Checkpoint,
) -> Result<Version, String> {
    let verified = anew(&file).map_err(ParcelError::Io).and_then(|file| verify_parcel(file, verify));
    let (heading, Way { from, to }) = verified.map_err(|error| error.to_string())?;
    if heading.nonce != nonce || heading.says != Says::All {
        return Err("the keys were made for somebody else, or before they were asked for".to_owned());
    }
    // Of records that the manager has forgotten, nobody knows which way they went: the gate was away for longer than that, and decided nothing.
    // Unless it had been told before.
    let told = replica.has_diverged().map_err(|error| error.to_string())?;
    let another_way = to.version.epoch == floor.version.epoch && from.map_or(told, |from| from != floor.hash);
    if to.version < floor.version || another_way {
        // Who asks for changes is told so by the manager; who has nothing yet asks for none.
        replica.note_diverged(floor).map_err(|error| error.to_string())?;
        return Err(diverged(to.version, floor.version));
    }
    let source = move |put: &mut dyn FnMut(&crate::gate::keys::Key) -> Result<(), StoreError>| {
        let mut opened = open_parcel(anew(&file).map_err(ParcelError::Io)?)?;
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

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    use super::*;

    /// What comes of `count` pieces of so many bytes, one `every` so often; and after how long, by a clock that only waits.
    async fn given(count: usize, bytes: usize, every: Duration) -> (Result<usize, String>, Duration) {
        let piece = Bytes::from(vec![b'x'; bytes]);
        let frames = stream::unfold(count, |left| {
            let piece = piece.clone();
            async move {
                tokio::time::sleep(every).await;
                (left > 0).then(|| (Ok::<_, io::Error>(Frame::data(piece)), left - 1))
            }
        });
        let (begun, mut into) = (Instant::now(), Vec::new());
        let received = receive(StreamBody::new(Box::pin(frames)), &mut into).await;
        (received.map(|()| into.len()), begun.elapsed())
    }

    const fn secs(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[tokio::test(start_paused = true)]
    async fn a_snapshot_that_drips_comes_to_an_end() {
        let (told, took) = given(1_000_000, 1, secs(29)).await;
        assert_eq!((told, took), (Err("the manager gives its keys too slowly: 2 bytes in 60 s".to_owned()), span_of(2)));
        // Nor does what is almost enough go on for ever.
        let (told, took) = given(1_000_000, 60 * 1024, secs(1)).await;
        assert!(told.is_err_and(|told| told.contains("too slowly")));
        assert!(took < secs(1000), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_snapshot_may_take_its_time() {
        assert_eq!(given(300, 64 * 1024, secs(1)).await, (Ok(300 * 64 * 1024), secs(301)));
        assert_eq!(given(59, 1, secs(1)).await.0, Ok(59), "a small one from a manager that is busy");
    }

    #[test]
    fn what_is_being_read_has_no_name_and_is_read_from_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = nameless_in(folder.path()).unwrap();
        io::Write::write_all(&mut file, b"all of it").unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        for _ in 0..2 {
            assert_eq!(io::read_to_string(anew(&file).unwrap()).unwrap(), "all of it");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_manager_that_stops_is_left() {
        let (told, took) = given(1, 1, secs(31)).await;
        assert_eq!((told, took), (Err("the manager stopped in the midst of its keys".to_owned()), SILENCE));
    }
}
