//! That a parcel is what was sealed, or nothing.

use std::{collections::BTreeMap, io, sync::Arc};

use proptest::prelude::*;
use ring::rand::SystemRandom;

use super::{Heading, ParcelError, Says, Signer, Way, open, seal, verify};
use crate::{
    gate::{
        credential::{Digester, Environment, Kind, StoredDigest},
        keys::{About, Key, Life, PreviousDigest, State},
    },
    keystore::{Checkpoint, Version},
};

fn signer() -> Signer {
    Signer::new(&Signer::generate(&SystemRandom::new()).unwrap()).unwrap()
}

fn digest(text: &str) -> StoredDigest {
    StoredDigest { pepper: None, digest: Digester::Sha256.digest(text) }
}

/// Keys of every kind, and with everything that can be said of one.
fn keys() -> Vec<Key> {
    let plain = Key {
        id: "plain".into(),
        app: "demo".into(),
        kind: Kind::Secret,
        environment: Environment::Live,
        life: Life::new(digest("one"), i64::MAX),
        text: None,
        prefix: None,
        about: About { terms: "{}".into(), ..About::default() },
        created_at_ms: 1,
        text_since_ms: 1,
        changed_at_ms: 1,
        version: 1,
    };
    let full = Key {
        id: "full".into(),
        kind: Kind::Publishable,
        environment: Environment::Test,
        life: Life {
            state: State::Disabled,
            digest: digest("two"),
            previous: [PreviousDigest { digest: digest("three"), until_ms: 7 }].into(),
            expires_at_ms: 99,
        },
        text: Some("pk_two".into()),
        prefix: Some("acme".into()),
        about: About {
            name: "a \"name\"\nof two lines \u{2028}".into(),
            terms: r#"{"origins":["https://app.example.com"]}"#.into(),
            revocable_tokens: true,
            metadata: BTreeMap::from([("owner".into(), "somebody".into())]),
        },
        version: 3,
        ..plain.clone()
    };
    let revoked =
        Key { id: "gone".into(), life: Life { state: State::Revoked, ..Life::new(digest("four"), 1) }, ..plain.clone() };
    vec![plain, full, revoked]
}

const WAY: Way = Way { from: Some([7; 32]), to: Checkpoint { version: Version { epoch: 5, sequence: 9 }, hash: [0xab; 32] } };

fn heading() -> Heading {
    Heading::new(Says::Changes, Some(8), 1234, "asked")
}

fn sealed(signer: &Signer, keys: &[Key]) -> Vec<u8> {
    let mut bytes = Vec::new();
    seal(signer, &heading(), &mut bytes, |put| {
        keys.iter().for_each(put);
        Ok::<_, io::Error>(WAY)
    })
    .unwrap();
    bytes
}

fn read(bytes: &[u8]) -> Result<Vec<Key>, ParcelError> {
    let mut opened = open(bytes)?;
    let mut keys = Vec::new();
    while let Some(key) = opened.next_key()? {
        keys.push(key);
    }
    Ok(keys)
}

#[test]
fn what_was_sealed_is_what_is_read() {
    let (signer, keys) = (signer(), keys());
    for keys in [&keys[..], &[]] {
        let bytes = sealed(&signer, keys);
        assert_eq!(verify(&bytes[..], &signer.verify_key()).unwrap(), (heading(), WAY));
        assert_eq!(read(&bytes).unwrap(), keys);
    }
}

#[test]
fn nobody_else_can_have_signed_it() {
    let bytes = sealed(&signer(), &keys());
    assert!(matches!(verify(&bytes[..], &signer().verify_key()), Err(ParcelError::NotSigned)));
}

#[test]
fn a_later_format_is_named() {
    let told = verify(&b"{\"format\":2,\"other\":1}\n"[..], &signer().verify_key()).unwrap_err().to_string();
    assert!(told.contains("format 2; this version reads 1"), "{told}");
}

#[test]
fn a_line_without_end_is_not_read_to_its_end() {
    let endless = io::BufReader::new(io::repeat(b'x'));
    assert!(matches!(verify(endless, &signer().verify_key()), Err(ParcelError::Cut)));
}

proptest! {
    /// Whatever is changed, cut off, doubled or added: nothing but what was sealed is believed.
    #[test]
    fn no_other_bytes_are_believed(at in 0usize..4096, byte in any::<u8>(), how in 0..4u8) {
        static PARCEL: std::sync::OnceLock<(Signer, Vec<u8>)> = std::sync::OnceLock::new();
        let (signer, bytes) = PARCEL.get_or_init(|| {
            let signer = signer();
            let bytes = sealed(&signer, &keys());
            (signer, bytes)
        });
        let mut changed = bytes.clone();
        let at = at % changed.len();
        match how {
            0 => changed[at] = byte,
            1 => changed.truncate(at),
            2 => changed.insert(at, byte),
            _ => drop(changed.remove(at)),
        }
        // Behind the last line, and in spaces between JSON's tokens of the seal, a change may leave what is signed as it is.
        let believed = verify(&changed[..], &signer.verify_key());
        if believed.is_ok() {
            prop_assert_eq!(read(&changed).unwrap(), keys());
        }
    }
}

#[test]
fn a_signer_prints_no_key() {
    let kept = Signer::generate(&SystemRandom::new()).unwrap();
    let signer = Arc::new(Signer::new(&kept).unwrap());
    assert_eq!(format!("{signer:?}"), format!("Signer({})", signer.verify_key()));
    assert!(Signer::new(b"no key").is_none());
}
