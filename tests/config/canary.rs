//! No message repeats a key, wherever in a file somebody pastes it: as any value, of any type, and as a name.

use std::path::Path;

use super::{keys, parse};

const CANARIES: [&str; 4] = [
    // A generated secret key, an imported one, a digest's hex, and what breaks the quotes of a message.
    "sk_live_KfuCYqaFA4dWBGxHS2H3EXPfMNhLuk0DvrzON73BNorq2fq795",
    "sk_live_canarycanarycanary",
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "canary`, expected `canary\\\", expected canary",
];

const KEY: [(&str, &str); 19] = [
    ("id", "server"),
    ("app", "demo"),
    ("name", "Server"),
    ("kind", "secret"),
    ("environment", "live"),
    ("key", ""),
    ("digest", "sha256$9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
    ("secret", ""),
    ("origins", ""),
    ("missing_origin", ""),
    ("browser", "refuse"),
    ("capabilities", ""),
    ("limits", ""),
    ("expires_at", ""),
    ("state", "active"),
    ("previous", ""),
    ("ips", ""),
    ("mode", "enforce"),
    ("prefix", ""),
];

/// The ways in which a pasted text can stand as a value.
const SHAPES: [&str; 13] = [
    "\"CANARY\"",
    "[\"CANARY\"]",
    "{ \"CANARY\": 1 }",
    "{ \"CANARY\": 1, \"CANARY\": 2 }",
    "{ \"*\": [\"CANARY\"] }",
    "{ rate: \"CANARY\", burst: \"CANARY\", connections: \"CANARY\" }",
    "{ quota: { day: \"CANARY\" } }",
    "{ env: \"CANARY\" }",
    "{ file: \"CANARY\" }",
    "[{ digest: \"CANARY\", until: \"CANARY\" }]",
    "[{ digest: \"hmac-sha256$CANARY$CANARY\", until: 2027-01-01T00:00:00Z }]",
    "!CANARY x",
    "!!int \"CANARY\"",
];

fn key_with(field: &str, value: &str) -> String {
    let line = |(name, good): &(&str, &str)| match (*name == field, good.is_empty()) {
        (true, _) => format!("    {name}: {value}\n"),
        (false, false) => format!("    {name}: {good}\n"),
        (false, true) => String::new(),
    };
    format!("keys:\n  -\n{}", KEY.iter().map(line).collect::<String>())
}

#[track_caller]
fn check(text: &str, canary: &str) -> usize {
    let Err(problems) = keys(Path::new("keys.yaml"), text) else { return 0 };
    let told = format!("{problems}\n{problems:?}");
    // The last canary has parts that would be telling on their own.
    for part in canary.split(['`', ',', '"', '\\']).map(str::trim).filter(|part| part.contains("canary") || part.len() > 20) {
        assert!(!told.replace("expected canary", part).contains(part), "{told}\nin\n{text}");
    }
    problems.found.len()
}

#[test]
fn no_message_repeats_a_key() {
    let mut told = 0;
    for canary in CANARIES {
        for (field, _) in KEY {
            for shape in SHAPES {
                told += check(&key_with(field, &shape.replace("CANARY", canary)), canary);
            }
        }
        let good = key_with("", "");
        for text in [
            format!("{good}    \"{canary}\": 1\n"),
            format!("{good}    \"{canary}\": 1\n    \"{canary}\": 2\n"),
            format!("{good}    {canary} : : : {{\n"),
            format!("{good}    name: &{canary} x\n"),
            format!("{good}    name: *{canary}\n"),
            format!("\"{canary}\": 1\n"),
            format!("\"{canary}\"\n"),
            format!("- \"{canary}\"\n"),
            format!("keys: \"{canary}\"\n"),
            format!("keys: [\"{canary}\"]\n"),
            format!("keys: [[\"{canary}\"]]\n"),
            format!("{good}---\n{canary}\n"),
            format!("{good}{}", good.replace("keys:\n", "").replace("server", canary)),
        ] {
            told += check(&text, canary);
        }
    }
    assert!(told > 500, "only {told} problems: the files must be bad for this to mean anything");
}

#[test]
fn no_message_repeats_a_pepper() {
    for pepper in ["\"CANARY\"", "[CANARY]", "{ file: CANARY }", "{ CANARYCANARYCANARYCANARYCANARYCANARYCANARY: 1 }"] {
        let told = parse(&format!("keys: {{ file: keys.yaml, pepper: {pepper} }}\n")).unwrap_err().to_string();
        assert!(told.contains("keys.pepper") && !told.contains("CANARY"), "{told}");
    }
}
