use super::*;
use crate::gate::{
    credential::{Kind, StoredDigest, compose},
    keys::{PreviousDigest, RareFields, State},
    testing,
};

fn set(records: Vec<KeyRecord>) -> Result<KeySet, Vec<KeySetError>> {
    let mut builder = KeySetBuilder::default();
    for record in records {
        builder.add(record);
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
fn mistyped_keys_are_told_and_imported_ones_that_look_so_are_good() {
    let mistyped = "sk_live_00000000000000000000000000000000000000000000000000";
    assert_eq!(denied(&set(vec![testing::secret("a", "other")]).unwrap(), mistyped, 0), Denial::MalformedKey);
    let imported = set(vec![testing::secret("a", mistyped)]).unwrap();
    assert!(imported.authenticate(mistyped, 0).is_ok());
    assert_eq!(denied(&imported, &mistyped.replace("00", "01"), 0), Denial::MalformedKey);
}

#[test]
fn a_removed_key_no_longer_stands() {
    let digest = Digester::Sha256.digest("t");
    let with = set(vec![testing::secret("a", "t")]).unwrap();
    assert!(with.still("a", &digest, 0).is_ok());
    assert_eq!(set(vec![]).unwrap().still("a", &digest, 0).unwrap_err(), Denial::UnknownKey);
    assert_eq!(set(vec![testing::secret("a", "other")]).unwrap().still("a", &digest, 0).unwrap_err(), Denial::UnknownKey);
}

/// A generated key, its id, and its text in Ably's spelling for the app of [`testing::secret`].
fn generated(vendor: Option<&str>, kind: Kind, seed: u8) -> (String, String, String) {
    let text = compose(vendor, kind, Environment::Live, (0..44).map(|n| n * 5 + seed)).unwrap();
    let body = &text[text.len() - 50..];
    let (id, spelled) = (body[..12].to_owned(), format!("app.{}:{}", &body[..12], &body[12..44]));
    (text, id, spelled)
}

#[test]
fn a_generated_key_may_be_spelled_as_ably_does() {
    let pepper = Arc::new(Pepper::new(&[7; 32]).unwrap());
    for (vendor, peppered) in [(None, false), (Some("acme"), false), (None, true), (Some("acme"), true)] {
        let (text, id, spelled) = generated(vendor, Kind::Secret, 1);
        let rare = RareFields { prefix: vendor.map(Into::into), ..RareFields::default() };
        let digester = if peppered { Digester::Hmac(&pepper) } else { Digester::Sha256 };
        let digest = StoredDigest::parse(&digester.stored(&text)).unwrap();
        let mut builder = KeySetBuilder::new(Some(Arc::clone(&pepper)));
        builder.add(KeyRecord { rare: rare.into(), digest, ..testing::secret(&id, "") });
        let set = builder.build().unwrap();
        let (record, digest, _) = set.authenticate(&spelled, 0).unwrap();
        assert_eq!(*record.id, *id);
        assert!(digest == digester.digest(&text), "a stream stands on the key's own text");
        assert!(set.still(&id, &digest, 0).is_ok());

        let wrong = format!("{}{}", &spelled[..spelled.len() - 1], if spelled.ends_with('0') { '1' } else { '0' });
        for text in [wrong, spelled.replacen("app.", "other.", 1), spelled.replacen(&id, "000000000000", 1)] {
            assert!(matches!(set.authenticate(&text, 0), Err((Denial::UnknownKey, None))));
        }
    }
}

#[test]
fn a_spelled_key_is_found_among_many() {
    let keys: Vec<_> = (0..28).map(|seed| generated(None, Kind::Secret, seed)).collect();
    let set = set(keys.iter().map(|(text, id, _)| testing::secret(id, text)).collect()).unwrap();
    for (_, id, spelled) in &keys {
        assert_eq!(*set.authenticate(spelled, 0).unwrap().0.id, **id);
    }
}

#[test]
fn a_spelled_key_is_held_to_what_its_record_says() {
    let (text, id, spelled) = generated(None, Kind::Publishable, 2);
    let key = || KeyRecord { kind: Kind::Publishable, ..testing::secret(&id, &text) };
    assert!(set(vec![key()]).unwrap().authenticate(&spelled, 0).is_ok());
    assert_eq!(denied(&set(vec![KeyRecord { state: State::Revoked, ..key() }]).unwrap(), &spelled, 0), Denial::KeyRevoked);
    assert_eq!(denied(&set(vec![KeyRecord { kind: Kind::Secret, ..key() }]).unwrap(), &spelled, 0), Denial::UnknownKey);
    let earlier = PreviousDigest { digest: testing::digest(&text), until_ms: 1000 };
    let rotated = KeyRecord { rare: testing::rotated([earlier]), digest: testing::digest("newer"), ..key() };
    let rotated = set(vec![rotated]).unwrap();
    assert_eq!(rotated.authenticate(&spelled, 999).unwrap().2, 1000);
    assert_eq!(denied(&rotated, &spelled, 1000), Denial::KeyExpired);
}

#[test]
fn an_imported_key_of_that_form_is_found_as_it_is() {
    let (text, id, spelled) = generated(None, Kind::Secret, 3);
    let both = set(vec![testing::secret("imported", &spelled), testing::secret(&id, &text)]).unwrap();
    assert_eq!(&*both.authenticate(&spelled, 0).unwrap().0.id, "imported");
    assert_eq!(*both.authenticate(&text, 0).unwrap().0.id, *id);
}
