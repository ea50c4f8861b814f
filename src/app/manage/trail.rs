//! Whether the audit trail is whole, and still the one that somebody knows a record of.

use super::Manage;
use crate::{
    admin::{KnownRecord, Trouble},
    keystore::{AuditFilter, AuditFrom, AuditHead, StoreError},
};

impl Manage {
    /// The end of the trail, if it is whole and has the record that is `known`.
    pub(super) async fn whole_trail(&self, known: Option<KnownRecord>) -> Result<AuditHead, Trouble> {
        let read = self.stored.ask(move |store| {
            let head = store.verify_audit()?;
            let hash = match known {
                Some(KnownRecord { sequence, .. }) if (head.first..=head.sequence).contains(&sequence) => {
                    // Of a chain that was just found whole, the hash of a record stands for all records up to it.
                    let found = store.audit(&AuditFilter::default(), AuditFrom::After(sequence - 1), 1)?.pop();
                    let pruned = || StoreError::Corrupt(format!("record {sequence} of the audit trail went while it was read"));
                    Some(found.filter(|record| record.sequence == sequence).ok_or_else(pruned)?.hash)
                }
                Some(_) | None => None,
            };
            Ok((head, hash))
        });
        let (head, hash) = read.await?;
        if let Some(known) = known {
            leads_to(&head, hash, known).map_err(Trouble::TrailDiffers)?;
        }
        Ok(head)
    }
}

/// Whether a whole trail that ends at `head` and whose record of the known number has the hash `found` is the one that had `known`.
fn leads_to(head: &AuditHead, found: Option<[u8; 32]>, known: KnownRecord) -> Result<(), String> {
    let KnownRecord { sequence, hash } = known;
    match found {
        Some(found) if found == hash => Ok(()),
        Some(_) => Err(format!("record {sequence} of the audit trail has another hash: the trail up to it was written anew")),
        None if sequence > head.sequence => Err(format!(
            "the audit trail ends at record {}, and once had record {sequence}: it was cut short, or a copy was put in its place",
            head.sequence
        )),
        // The beginning of every trail.
        None if sequence == 0 && hash == [0; 32] => Ok(()),
        None => Err(format!(
            "the audit trail begins at record {}, what was before was pruned: expect a later record than {sequence}",
            head.first
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trail_has_what_is_known_of_it_or_it_is_another() {
        let head = AuditHead { first: 3, sequence: 5, hash: [5; 32] };
        let told = |sequence, hash, found: Option<u8>| {
            leads_to(&head, found.map(|byte| [byte; 32]), KnownRecord { sequence, hash: [hash; 32] }).err().unwrap_or_default()
        };
        assert_eq!((told(5, 5, Some(5)), told(3, 3, Some(3)), told(0, 0, None)), Default::default());
        assert!(told(4, 9, Some(4)).contains("record 4 of the audit trail has another hash"));
        assert!(told(6, 6, None).contains("ends at record 5"));
        assert!(told(2, 2, None).contains("begins at record 3"));
        assert!(told(0, 1, None).contains("begins at record 3"), "no trail begins so");
    }
}
