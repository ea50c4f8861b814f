//! Configuration: one bad file per mistake with its whole message, the files that are shipped, and the promise that no message
//! repeats a key. `UPDATE_EXPECT=1` writes the messages down anew.

#[path = "config/canary.rs"]
mod canary;
#[path = "config/managed.rs"]
mod managed;
#[path = "config/shipped.rs"]
mod shipped;
#[path = "config/state.rs"]
mod state;
#[path = "config/used.rs"]
mod used;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use expect_test::expect_file;
use keygate::{
    config::{self, Config, More, Problems},
    gate::{
        credential::Pepper,
        keys::{KeyLimits, KeySet, OverConnections},
        limit::{OverRate, Quotas, StreamRates},
    },
};

const NO_LIMITS: KeyLimits = KeyLimits {
    rate: None,
    connections: None,
    over_connections: OverConnections::Reject,
    quotas: Quotas { day: None, month: None },
    stream: StreamRates { messages: None, bytes: None, over: OverRate::Throttle },
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

/// Reads a configuration as if it stood in `/etc/keygate`.
fn parse(text: &str) -> Result<Config, Problems> {
    config::parse_config(Path::new("/etc/keygate/keygate.yaml"), text)
}

fn keys(file: &Path, text: &str) -> Result<KeySet, Problems> {
    config::parse_keys(file, text, &Arc::new(NO_LIMITS), None, None)
}

/// The problems of a bad file, without the folder it is in.
fn problems(file: &Path) -> String {
    let name = file.file_name().unwrap().to_str().unwrap();
    let text = fs::read_to_string(file).unwrap();
    let pepper = name.contains("another-pepper").then(|| Arc::new(Pepper::new(&[7; 32]).unwrap()));
    let problems = if name.starts_with("keys-") {
        config::parse_keys(file, &text, &Arc::new(NO_LIMITS), pepper.as_ref(), None).map(drop)
    } else {
        config::parse_config(file, &text).map(drop)
    };
    let problems = problems.expect_err(name).to_string();
    problems.replace(&format!("{}/", file.parent().unwrap().display()), "") + "\n"
}

#[test]
fn every_mistake_has_its_message() {
    let bad = yaml_files(&root().join("tests/config/bad"));
    assert!(bad.len() > 100);
    for file in bad {
        expect_file![file.with_extension("expected")].assert_eq(&problems(&file));
    }
}

#[test]
fn no_message_is_about_a_mistake_that_is_gone() {
    for entry in fs::read_dir(root().join("tests/config/bad")).unwrap() {
        let file = entry.unwrap().path();
        assert!(file.with_extension("yaml").exists(), "{} has no bad file", file.display());
    }
}

#[test]
fn mistakes_without_end_are_counted() {
    let route = "  - { name: all, operation: any, match: { path: nowhere } }\n";
    let told = parse(&format!("routes:\n{}", route.repeat(500))).unwrap_err();
    assert_eq!((told.found.len(), told.more), (100, More::Counted(404)));
    let told = parse(&format!("routes:\n{}", "  - 5\n".repeat(500))).unwrap_err();
    assert_eq!((told.found.len(), told.more), (100, More::Unknown));
}

#[test]
fn a_text_that_is_too_large_is_not_parsed() {
    let told = parse(&"#".repeat((1 << 20) + 1)).unwrap_err().to_string();
    assert!(told.contains(":1:1: is 1048577 bytes long; 1048576 are the most"), "{told}");
    assert!(keys(Path::new("keys.yaml"), &" ".repeat((64 << 20) + 1)).is_err());
}

proptest::proptest! {
    #[test]
    fn any_yaml_is_read_or_refused(text in "([a-z0-9]{1,3}|keys|routes|[-:,?&*!|>'\"#%@\\[\\]{}~ ]|: |- |--- ?|\\.\\.\\.|\n *){0,40}") {
        let _ = (parse(&text), keys(Path::new("keys.yaml"), &text));
    }
}

#[test]
fn any_part_of_a_file_is_read_or_refused() {
    // What a keyboard makes of a good file: every prefix, and every line left out.
    let text = fs::read_to_string(root().join("config/keygate.yaml")).unwrap();
    for (at, _) in text.char_indices() {
        let _ = parse(&text[..at]);
    }
    for left_out in 0..text.lines().count() {
        let lines: Vec<_> = text.lines().enumerate().filter(|(at, _)| *at != left_out).map(|(_, line)| line).collect();
        let _ = parse(&lines.join("\n"));
    }
}
