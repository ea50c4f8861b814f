//! A key that a key file holds is let in by its text, and by no other text but its own in Ably's spelling. Run with
//! `-rss_limit_mb=512`: no file makes the loader hold more.
#![no_main]

use std::{path::Path, sync::Arc};

use keygate::{
    config::parse_keys,
    gate::{
        credential::{KeyShape, shape},
        keys::KeyLimits,
    },
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, &str)| {
    let (id, text, presented) = input;
    // What YAML would not give back as it is.
    if [id, text].iter().any(|part| part.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}'))) {
        return;
    }
    let quoted = |part: &str| format!("'{}'", part.replace('\'', "''"));
    let file = format!(
        "keys:\n  - {{ id: {}, app: demo, kind: publishable, environment: live, key: {}, origins: ['https://a.example'] }}\n",
        quoted(id),
        quoted(text),
    );
    let limits = Arc::new(KeyLimits::default());
    let set = match parse_keys(Path::new("keys.yaml"), &file, &limits, None, None) {
        Ok(set) => set,
        Err(problems) => {
            let said = problems.to_string();
            assert!(text.len() < 12 || id.contains(text) || !said.contains(text), "a problem repeats a key: {said}");
            return;
        }
    };
    let (record, digest, _) = set.authenticate(text, 0).expect("the key of the file");
    assert_eq!(&*record.id, id);
    assert!(set.still(id, &digest, 0).is_ok());
    if let Ok((record, ..)) = set.authenticate(presented, 0) {
        assert_eq!(&*record.id, id);
        let spelled = match shape(text) {
            KeyShape::Generated { id, .. } => Some(format!("demo.{id}:{}", &text[text.len() - 38..text.len() - 6])),
            KeyShape::WrongChecksum | KeyShape::Foreign => None,
        };
        assert!(presented == text || spelled.as_deref() == Some(presented), "{presented:?} was taken for {text:?}");
    }
});
