//! Blocking in an incident: in force first, then cut, then kept, then answered. And what was kept, at the start.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard};
use tracing::{error, info};

use super::LoadError;
use crate::{
    admin::{Asker, BlockView, Blocked, Kept, Lifted, Wanted},
    config::{self, Config},
    edge::Edge,
    gate::blocks::{Block, Blocks, MAX_BLOCKS, Target},
    keystore::{read_state, write_state},
};

/// The blocks that a gate of `config` was told to keep; none where it keeps none, or has not kept any yet.
///
/// # Errors
/// Why they cannot be known. Somebody relies on them, so a gate must not start without.
pub fn kept_blocks(config: &Config) -> Result<Blocks, LoadError> {
    let Some(file) = &config.state else { return Ok(Blocks::default()) };
    let way_out = |error: std::io::Error| {
        let advice = "make it readable, or move it away and block anew what must be blocked";
        LoadError::Unreadable(std::io::Error::new(error.kind(), format!("{error}; {advice}")))
    };
    match read_state(file).map_err(way_out)? {
        Some(text) => Ok(config::parse_state(file, &text)?),
        None => Ok(Blocks::default()),
    }
}

/// Changes the blocks of one gate, one change at a time.
pub(super) struct Blocking {
    edge: Arc<Edge>,
    /// Where blocks are kept; `None` is nowhere.
    file: Option<PathBuf>,
    /// Held from the reading of the set in force until the next one is written down, so that the file is never older than an answer.
    turn: Mutex<Pen>,
}

/// Who may change blocks and write them down.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Pen {
    #[default]
    Ours,
    /// The process that takes over, or has.
    Theirs,
}

impl Blocking {
    pub fn new(edge: Arc<Edge>, file: Option<PathBuf>) -> Self {
        Self { edge, file, turn: Mutex::default() }
    }

    /// Blocks. Waits for the disk; not for a thread that others wait for.
    ///
    /// # Errors
    /// Why nothing was blocked.
    pub fn block(&self, wanted: Wanted, asker: Asker) -> Result<Blocked, String> {
        let Wanted { target, span, reason } = wanted;
        let known = self.known(&target)?;
        let _turn = self.turn()?;
        let now = self.edge.clock().now();
        let until_ms = span.map_or(i64::MAX, |span| now.unix_ms.saturating_add(millis(span)));
        let block = Block { target, since_ms: now.unix_ms, until_ms, reason: reason.into() };
        let view = BlockView::from(&block);
        let what = block.target.to_string();
        let next = self.edge.gate().snapshot().blocks.with(block, now.unix_ms);
        let next = next.map_err(|_| format!("there are {MAX_BLOCKS} blocks already; lift some, or block their network"))?;
        let (cut, kept) = self.put_in_force(next);
        info!(%what, until = view.until.as_deref(), reason = view.reason, uid = asker.uid, cut, kept = kept.kept, "blocked");
        Ok(Blocked { block: view, cut, known, kept })
    }

    /// Lifts a block.
    ///
    /// # Errors
    /// If just that is not blocked.
    pub fn unblock(&self, target: &Target, asker: Asker) -> Result<Lifted, String> {
        let _turn = self.turn()?;
        let now = self.edge.clock().now();
        let blocks = Arc::clone(&self.edge.gate().snapshot().blocks);
        let view = blocks.in_force(now.unix_ms).find(|block| block.target == *target).map(BlockView::from);
        let lifted = view.zip(blocks.without(target, now.unix_ms));
        let (block, next) = lifted.ok_or_else(|| not_blocked(&blocks, target, now.unix_ms))?;
        let (_, kept) = self.put_in_force(next);
        info!(what = %target, uid = asker.uid, kept = kept.kept, "block lifted");
        Ok(Lifted { block, kept })
    }

    /// All blocks in force, in the order of their targets.
    pub fn list(&self) -> Vec<BlockView> {
        let snapshot = self.edge.gate().snapshot();
        let mut blocks: Vec<_> = snapshot.blocks.in_force(self.edge.clock().now().unix_ms).collect();
        blocks.sort_by(|one, other| one.target.cmp(&other.target));
        blocks.into_iter().map(BlockView::from).collect()
    }

    /// How many there are in force, of keys and of networks.
    pub fn count(&self) -> (usize, usize) {
        let snapshot = self.edge.gate().snapshot();
        let now_ms = self.edge.clock().now().unix_ms;
        let all = snapshot.blocks.in_force(now_ms).count();
        let keys = snapshot.blocks.in_force(now_ms).filter(|block| matches!(block.target, Target::Key(_))).count();
        (keys, all - keys)
    }

    /// Changes nothing from now on. Returns what is blocked, as the text of a state file.
    pub fn freeze(&self) -> String {
        let mut turn = self.turn.lock();
        *turn = Pen::Theirs;
        config::state_text(&self.edge.gate().snapshot().blocks, self.edge.clock().now().unix_ms)
    }

    /// Takes changes again.
    pub fn thaw(&self) {
        *self.turn.lock() = Pen::Ours;
    }

    /// Takes on what the gate that is replaced has blocked (`theirs`, the text of a state file) besides what this one's file says.
    /// That one changes its blocks no more: where both have the same file, that says the same, or the file could not be written.
    ///
    /// # Errors
    /// If either cannot be read.
    pub fn take_on(&self, theirs: &str, config: &Config) -> Result<(), String> {
        let _turn = self.turn.lock();
        let now_ms = self.edge.clock().now().unix_ms;
        let kept = kept_blocks(config).map_err(|error| error.to_string())?;
        let source = Path::new("the running gate's blocks");
        let theirs = config::parse_state(source, theirs).map_err(|error| error.to_string())?;
        let both = theirs.in_force(now_ms).cloned().chain(kept.in_force(now_ms).cloned());
        let both = Blocks::new(both).map_err(|_| format!("the running gate's blocks and {} are too many", MAX_BLOCKS))?;
        if config::state_text(&both, now_ms) == config::state_text(&kept, now_ms) {
            self.publish(&Arc::new(both));
        } else {
            let _ = self.put_in_force(both);
        }
        Ok(())
    }

    /// Puts in force what the process that has taken over wrote to `file`.
    ///
    /// # Errors
    /// If it cannot be read; what is blocked stays blocked.
    pub fn follow(&self, file: &Path) -> Result<(), String> {
        let _turn = self.turn.lock();
        let text = read_state(file).map_err(|error| error.to_string())?;
        // Before it has blocked anything there is none.
        let Some(text) = text else { return Ok(()) };
        let blocks = config::parse_state(file, &text).map_err(|error| error.to_string())?;
        let now_ms = self.edge.clock().now().unix_ms;
        if config::state_text(&blocks, now_ms) != config::state_text(&self.edge.gate().snapshot().blocks, now_ms) {
            let cut = self.publish(&Arc::new(blocks));
            info!(file = %file.display(), cut, "blocks of the process that took over are in force");
        }
        Ok(())
    }

    /// The right to change blocks.
    ///
    /// # Errors
    /// If another process has it.
    fn turn(&self) -> Result<MutexGuard<'_, Pen>, String> {
        let turn = self.turn.lock();
        match *turn {
            Pen::Ours => Ok(turn),
            Pen::Theirs => {
                Err("another process is taking this gate over, or has: nothing was changed; ask again, there".to_owned())
            }
        }
    }

    /// Returns how many streams fell.
    fn publish(&self, blocks: &Arc<Blocks>) -> usize {
        self.edge.change(|gate| gate.publish_blocks(blocks)).1.len()
    }

    /// First here, then for the next start. Returns how many streams fell.
    fn put_in_force(&self, blocks: Blocks) -> (usize, Kept) {
        let blocks = Arc::new(blocks);
        let cut = self.publish(&blocks);
        let Some(file) = &self.file else { return (cut, Kept { kept: false, error: None }) };
        let written = write_state(file, &config::state_text(&blocks, self.edge.clock().now().unix_ms));
        let error = written.err().map(|error| {
            error!(%error, "the state file could not be written; what is blocked is in force, and a restart would not know it");
            format!("the state file could not be written: {error}")
        });
        (cut, Kept { kept: error.is_none(), error })
    }

    /// Of a key, whether the set has it.
    ///
    /// # Errors
    /// As [`is_known`].
    fn known(&self, target: &Target) -> Result<Option<bool>, String> {
        match target {
            Target::Key(id) => is_known(&self.edge, id).map(Some),
            Target::Network(_) => Ok(None),
        }
    }
}

/// Whether the key set has a key with this id.
///
/// # Errors
/// If it is the text of a key: that would be shown in lists and logs.
pub(super) fn is_known(edge: &Edge, id: &str) -> Result<bool, String> {
    let snapshot = edge.gate().snapshot();
    let Some(keys) = &snapshot.keys else { return Ok(false) };
    let known = keys.by_id(id).is_some();
    match keys.authenticate(id, edge.clock().now().unix_ms) {
        Ok((key, ..)) | Err((_, Some(key))) if !known => {
            Err(format!("that is the text of a key; a key is named by its id, which is `{}`", key.id))
        }
        _ => Ok(known),
    }
}

fn not_blocked(blocks: &Blocks, target: &Target, now_ms: i64) -> String {
    let wider = match target {
        Target::Key(_) => None,
        Target::Network(network) => blocks.of_peer(network.addr(), now_ms).filter(|block| block.target != *target),
    };
    match wider {
        Some(Block { target: wider, .. }) => format!("{target} has no block of its own; it is in {wider}, which is blocked"),
        None => format!("{target} is not blocked"),
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
