//! Who manages keys, and which gates follow, by their tokens: as the store has them, so that nobody who guesses has the disk work.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use super::stored::StoredKeys;
use crate::{
    edge::Clock,
    gate::credential::AdminToken,
    keystore::{Operator, StoreError},
};

/// At the latest after so long, it is looked whether a token has expired: the clock may have been set.
const LOOK: Duration = Duration::from_secs(10);

/// All tokens, those that have ended as well.
pub struct Operators(watch::Sender<Arc<Vec<Operator>>>);

impl Operators {
    /// Those of a store.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn of(stored: &StoredKeys) -> Result<Self, StoreError> {
        let operators = Self(watch::Sender::default());
        operators.look(stored).await?;
        Ok(operators)
    }

    /// Reads them again: another process may have changed them.
    ///
    /// # Errors
    /// If the store cannot be read; then those go on that are known.
    pub async fn look(&self, stored: &StoredKeys) -> Result<(), StoreError> {
        let found = stored.ask(|store| store.operators()).await?;
        self.0.send_if_modified(|known| {
            let changed = **known != found;
            *known = Arc::new(found);
            changed
        });
        Ok(())
    }

    /// Whose token this is, if it is good at `now_ms`.
    pub fn whose(&self, token: &AdminToken, now_ms: i64) -> Option<Operator> {
        let all = Arc::clone(&self.0.borrow());
        let operator = all.iter().find(|operator| *operator.id == *token.id() && token.is(&operator.digest))?;
        is_good(operator, now_ms).then(|| operator.clone())
    }

    /// Ready when the token of `actor` (`operator:<id>`) is not good any more; of anybody else, never.
    pub async fn ended(&self, actor: &str, clock: Clock) {
        let Some(id) = actor.strip_prefix("operator:") else { return std::future::pending().await };
        let mut changes = self.0.subscribe();
        loop {
            let all = Arc::clone(&changes.borrow_and_update());
            let now_ms = clock.now().unix_ms;
            let Some(operator) = all.iter().find(|operator| *operator.id == *id && is_good(operator, now_ms)) else { return };
            let left = Duration::from_millis(operator.expires_at_ms.saturating_sub(now_ms).unsigned_abs());
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep(left.min(LOOK)) => {}
            }
        }
    }
}

const fn is_good(operator: &Operator, now_ms: i64) -> bool {
    !operator.revoked && operator.expires_at_ms > now_ms
}
