//! Any text is a configuration and a key file, or a list of problems; never a panic.
#![no_main]

use std::{path::Path, sync::Arc};

use keygate::{
    config::{parse_config, parse_keys},
    gate::keys::KeyLimits,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let file = Path::new("fuzzed.yaml");
    if let Err(problems) = parse_config(file, text) {
        let _ = problems.to_string();
    }
    let limits = Arc::new(KeyLimits::default());
    if let Err(problems) = parse_keys(file, text, &limits, None, None) {
        let _ = problems.to_string();
    }
});
