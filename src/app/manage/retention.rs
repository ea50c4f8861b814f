//! How far the audit trail goes back.

use std::{io, sync::Arc, time::Duration};

use tracing::{info, warn};

use super::Manage;

/// How often it is looked for records that are older.
const EVERY: Duration = Duration::from_secs(60 * 60);

impl Manage {
    /// From now on the audit trail goes back so far; `None` is for ever.
    pub fn keep_trail_for(&self, keep: Option<Duration>) {
        self.trail_keep.send_if_modified(|known| std::mem::replace(known, keep) != keep);
    }

    /// Forgets what is older, now, once an hour, and when that changes, until the process ends.
    ///
    /// # Errors
    /// None: an end that others of the gate's parts report as well.
    pub async fn prune_trail(self: Arc<Self>) -> io::Result<()> {
        let mut keep = self.trail_keep.subscribe();
        loop {
            let span = *keep.borrow_and_update();
            if let Some(span) = span {
                self.forget_older_than(span).await;
            }
            // Its sender is this one's own.
            let _ = tokio::time::timeout(EVERY, keep.changed()).await;
        }
    }

    async fn forget_older_than(&self, span: Duration) {
        let now_ms = self.now_ms();
        let before_ms = now_ms.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX));
        match self.stored.ask(move |store| store.prune_audit(before_ms, "gate", now_ms)).await {
            Ok(0) => {}
            Ok(records) => info!(records, "the audit trail has forgotten what is older than `audit.keep`"),
            Err(error) => warn!(%error, "the audit trail could not be pruned; it is tried again"),
        }
    }
}
