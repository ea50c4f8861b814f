//! All keys for a gate that cannot go on from what it has, as fast as it reads them, and no slower than is good for the store: while they are
//! read, its log cannot be cut back.

use std::{
    io::{self, Write},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{
    runtime::Handle,
    sync::mpsc,
    time::{timeout, timeout_at},
};

use super::Lead;
use crate::{
    admin::Trouble,
    keystore::{Checkpoint, Says, Way, seal_parcel},
};

/// What is written at once, in bytes, and how much of that waits.
const PIECE: usize = 64 * 1024;
const PIECES: usize = 8;
/// How long one may wait for its turn: as long as a gate waits for an answer, and no longer.
const TURN: Duration = Duration::from_secs(8);
/// How long a reader may take for one piece.
const STALL: Duration = Duration::from_secs(30);
/// How long a snapshot may take, however small it is; for each second more, [`LEAST_BYTES`] must have come. Keys that fit into seven
/// megabytes need no fast way, and the largest snapshot there can be has a day and a half.
const AT_ALL: Duration = Duration::from_secs(60);
/// Half a megabit: who gives or reads keys more slowly keeps a gate from hearing of changes, or a store from cutting its log, and may want nothing
/// else.
const LEAST_BYTES: u64 = 64 * 1024;

/// How long a snapshot may have taken of which so many bytes were given.
pub fn span_of(bytes: u64) -> Duration {
    AT_ALL + Duration::from_secs(bytes / LEAST_BYTES)
}

impl Lead {
    /// All keys as a parcel for whoever said `nonce` and has come to `after`.
    pub(super) async fn whole(
        self: &Arc<Self>,
        nonce: &str,
        after: u64,
        actor: &str,
    ) -> Result<mpsc::Receiver<io::Result<Bytes>>, Trouble> {
        let turn = timeout(TURN, self.readers.place(actor)).await;
        let Ok(Some(turn)) = turn else { return Err(Trouble::Busy("too many gates read all keys at once".to_owned())) };
        let (sender, pieces) = mpsc::channel(PIECES);
        let (lead, store, heading) = (Arc::clone(self), Arc::clone(self.stored.store()), self.heading(Says::All, None, nonce));
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || {
            let sending = Sending { sender: sender.clone(), runtime, begun: Instant::now(), bytes: 0 };
            let mut into = io::BufWriter::with_capacity(PIECE, sending);
            let sealed = seal_parcel(&lead.signer, &heading, &mut into, |put| {
                let version = store.read_all(&mut |key| put(&key)).map_err(io::Error::other)?;
                // Asked for behind the keys: what they have is known by then, if it ever was.
                let from = store.record_hash(after).map_err(io::Error::other)?;
                let hash = store.record_hash(version.sequence).map_err(io::Error::other)?;
                let hash = hash.ok_or_else(|| io::Error::other("the keys changed while they were read"))?;
                Ok(Way { from, to: Checkpoint { version, hash } })
            });
            if let Err(error) = sealed.and_then(|_| into.flush()) {
                // Whoever reads it is gone, or learns that it is not whole.
                let _ = sender.try_send(Err(error));
            }
            drop(turn);
        });
        Ok(pieces)
    }
}

/// What is written goes to whoever reads the other end.
struct Sending {
    sender: mpsc::Sender<io::Result<Bytes>>,
    runtime: Handle,
    begun: Instant,
    bytes: u64,
}

impl Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let until = (self.begun + span_of(self.bytes)).min(Instant::now() + STALL);
        let sent = self.sender.send(Ok(Bytes::copy_from_slice(bytes)));
        match self.runtime.block_on(async { timeout_at(until.into(), sent).await }) {
            Ok(Ok(())) => {
                self.bytes += bytes.len() as u64;
                Ok(bytes.len())
            }
            Ok(Err(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
