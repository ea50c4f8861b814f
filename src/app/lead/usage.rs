//! What keys have done at the gates that follow, kept as if they had done it here. Each batch counts once, and misuses go into the audit
//! trail no faster than it may grow by one token.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde_json::json;

use super::{Lead, unknown};
use crate::{
    admin::{Caller, ToldMisuse, ToldUsage, Trouble},
    gate::{
        denial::Denial,
        limit::{Gcra, Pace, Quota},
    },
    keystore::Usage,
};

/// Misuses that are taken from one gate at once.
const MAX_MISUSES: usize = 100;
/// Records of misuses in a minute by one token, and at once: a fleet of fifty gates whose keys are misused in every way has fewer.
const A_MINUTE: u32 = 200;
const AT_ONCE: u32 = 2000;

/// How many misuses each token has had noted.
#[derive(Default)]
pub(super) struct Noted(Mutex<BTreeMap<Box<str>, Gcra>>);

impl Noted {
    /// Whether `actor` may have so many more noted; then they are counted.
    fn has_room(&self, actor: &str, count: usize, now_ns: u64) -> bool {
        let (Ok(quota), Ok(count)) = (Quota::new(A_MINUTE, 60, AT_ONCE), u32::try_from(count)) else { return false };
        let mut noted = self.0.lock();
        noted.retain(|_, state| state.full_at() > now_ns);
        if count == 0 {
            return true;
        }
        let state = noted.entry(actor.into()).or_default();
        let room = matches!(state.peek(&quota, now_ns), Pace::Within { remaining } if remaining + 1 >= count);
        if room {
            (0..count).for_each(|_| _ = state.charge(&quota, now_ns));
        }
        room
    }
}

impl Lead {
    /// Keeps what a gate tells; once, however often it tells the same.
    ///
    /// # Errors
    /// If the gate is not known, it is too much, or nothing was kept: it is to tell it again.
    pub(super) async fn take(&self, told: ToldUsage, by: &Caller) -> Result<(), Trouble> {
        let ToldUsage { instance, batch, keys, misuses } = told;
        if !self.gates.knows(&instance, &by.actor) {
            return Err(unknown(&instance));
        }
        let is_reason = |reason: &str| Denial::ALL.iter().any(|denial| denial.reason() == reason);
        // What names no key or no reason of ours would stand in the store for ever, and so would a use that is yet to come.
        let now_ms = self.edge.clock().now().unix_ms;
        let known = keys.into_iter().filter(|(id, _)| self.is_key(id)).map(|(id, told)| {
            let mut usage = Usage::from(told);
            usage.last_used_ms = usage.last_used_ms.min(now_ms);
            usage.refusals.retain(|reason, _| is_reason(reason));
            (id, usage)
        });
        let usage = known.collect();
        let misuses: Vec<_> =
            misuses.into_iter().filter(|one| self.is_key(&one.key) && is_reason(&one.reason)).take(MAX_MISUSES).collect();
        let Some(gate) = self.gates.takes(&instance, batch, &by.actor) else { return Ok(()) };
        let kept = if self.noted.has_room(&by.actor, misuses.len(), self.edge.clock().ticks_ns()) {
            self.stored.ask(move |store| store.add_usage(usage)).await.map_err(Trouble::from)
        } else {
            Err(Trouble::Busy("more misuses of keys than the audit trail takes by one token in a minute".to_owned()))
        };
        if kept.is_err() {
            self.gates.gives_back(&instance, batch);
        }
        kept?;
        for misuse in misuses {
            self.note_misuse(&gate, misuse, by).await?;
        }
        Ok(())
    }

    async fn note_misuse(&self, gate: &str, misuse: ToldMisuse, by: &Caller) -> Result<(), Trouble> {
        let ToldMisuse { key, reason, count, peer, origin } = misuse;
        let detail = json!({ "reason": reason, "count": count, "peer": peer, "origin": origin, "gate": gate });
        self.note("key.misuse", format!("key:{key}"), detail, by).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_has_no_more_noted_than_the_trail_may_grow_by() {
        const SECOND: u64 = 1_000_000_000;
        let noted = Noted::default();
        let at = |second: u64| (0..100).take_while(|_| noted.has_room("one", 100, (second + 1) * SECOND)).count();
        assert_eq!(at(0), 20, "so many at once");
        assert_eq!(at(60), 2, "and so many in the next minute");
        assert_eq!(at(60 * 60), 20);
        assert!(noted.has_room("other", 100, 60 * 60 * SECOND), "another token has room of its own");
        assert!(noted.has_room("one", 0, 60 * 60 * SECOND), "what is no misuse takes none");
        assert!(
            noted.has_room("new", 0, 30 * 60 * 60 * SECOND) && noted.0.lock().is_empty(),
            "nothing is kept of those long gone"
        );
    }
}
