use super::*;
use crate::gate::{keys::PreviousDigest, keys::State, testing};

fn set(records: Vec<KeyRecord>) -> Result<KeySet, Vec<KeySetError>> {
    let mut builder = KeySetBuilder::default();
    for record in records {
        builder.add(record, None);
    }
    builder.build()
}

fn denied(set: &KeySet, text: &str, now_ms: i64) -> Denial {
    set.authenticate(text, now_ms).expect_err("authenticated").0
}

#[test]
fn a_key_is_found_by_its_text_and_by_nothing_else() {
    let set = set(vec![testing::secret("a", "text-a"), testing::secret("b", "text-b")]).unwrap();
    assert_eq!(&*set.authenticate("text-b", 0).unwrap().0.id, "b");
    for text in ["a", "text-c", "", "TEXT-A"] {
        assert_eq!(denied(&set, text, 0), Denial::UnknownKey);
    }
}

#[test]
fn state_and_expiry_are_checked_against_the_time_given() {
    let with = |state, expires_at_ms| KeyRecord { state, expires_at_ms, ..testing::secret("a", "t") };
    let active = set(vec![with(State::Active, 1000)]).unwrap();
    assert_eq!(active.authenticate("t", 999).unwrap().2, 1000);
    assert_eq!(denied(&active, "t", 1000), Denial::KeyExpired);
    assert_eq!(denied(&set(vec![with(State::Disabled, 1000)]).unwrap(), "t", 0), Denial::KeyDisabled);
    assert_eq!(denied(&set(vec![with(State::Revoked, 1000)]).unwrap(), "t", 0), Denial::KeyRevoked);
}

#[test]
fn an_earlier_secret_works_until_its_grace_ends_and_never_past_the_key() {
    let earlier = |until_ms| PreviousDigest { digest: testing::digest("old"), until_ms };
    let rotated =
        |until_ms| KeyRecord { rare: testing::rotated([earlier(until_ms)]), expires_at_ms: 5000, ..testing::secret("a", "new") };
    let short = set(vec![rotated(1000)]).unwrap();
    assert_eq!(short.authenticate("old", 999).unwrap().2, 1000);
    assert_eq!(denied(&short, "old", 1000), Denial::KeyExpired);
    assert!(short.authenticate("new", 1000).is_ok());
    let long = set(vec![rotated(9000)]).unwrap();
    assert_eq!(long.authenticate("old", 0).unwrap().2, 5000);
    let digest = Digester::Sha256.digest("old");
    assert!(short.still("a", &digest, 999).is_ok() && short.still("a", &digest, 1000).is_err());
}

#[test]
fn two_keys_never_share_an_id_or_a_text() {
    let errors = set(vec![testing::secret("a", "1"), testing::secret("a", "2"), testing::secret("c", "1")]).unwrap_err();
    assert_eq!(errors, [KeySetError::DuplicateId("a".into()), KeySetError::DuplicateKey("c".into(), "a".into())]);
}

#[test]
fn mistyped_keys_are_told_without_a_lookup_unless_imported_keys_look_so() {
    let mistyped = "sk_live_00000000000000000000000000000000000000000000000000";
    let plain = set(vec![testing::secret("a", mistyped)]).unwrap();
    assert_eq!(denied(&plain, mistyped, 0), Denial::MalformedKey);
    let mut builder = KeySetBuilder::default();
    builder.add(testing::secret("a", mistyped), Some(mistyped));
    assert!(builder.build().unwrap().authenticate(mistyped, 0).is_ok());
}

#[test]
fn a_removed_key_no_longer_stands() {
    let digest = Digester::Sha256.digest("t");
    let with = set(vec![testing::secret("a", "t")]).unwrap();
    assert!(with.still("a", &digest, 0).is_ok());
    assert_eq!(set(vec![]).unwrap().still("a", &digest, 0).unwrap_err(), Denial::UnknownKey);
    assert_eq!(set(vec![testing::secret("a", "other")]).unwrap().still("a", &digest, 0).unwrap_err(), Denial::UnknownKey);
}
