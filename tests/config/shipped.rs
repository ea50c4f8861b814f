//! The files that are shipped: every one of `config/` is parsed, and the schema that editors use is the one of the code.

use std::fs;

use expect_test::expect_file;
use keygate::config::{self, KeyPlace};
use serde_json::json;

use super::{keys, root, yaml_files};

#[test]
fn every_shipped_configuration_is_good() {
    let files = yaml_files(&root().join("config"));
    assert!(files.len() >= 4);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        if file.ends_with("keys.yaml") {
            keys(&file, &text).unwrap_or_else(|problems| panic!("{problems}"));
            continue;
        }
        let config = config::parse_config(&file, &text).unwrap_or_else(|problems| panic!("{problems}"));
        // The sidecar's keys are mounted where it runs.
        if let KeyPlace::File(place) = &config.keys.place
            && place.starts_with(root())
        {
            let text = fs::read_to_string(place).unwrap();
            let pepper = config.keys.pepper.as_ref();
            let set = config::parse_keys(place, &text, &config.key_limits, pepper, None);
            set.unwrap_or_else(|problems| panic!("{problems}"));
        }
    }
}

#[test]
fn the_shipped_schema_is_the_code_s() {
    let (file, schema) = (root().join("config/keygate.schema.json"), config::schema());
    // Compared as values first: the order of names depends on a feature of serde_json that any other crate can turn on.
    let shipped = fs::read_to_string(&file).ok().and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    if shipped.as_ref() != Some(&schema) {
        expect_file![file].assert_eq(&(serde_json::to_string_pretty(&schema).unwrap() + "\n"));
    }
}

#[test]
fn the_schema_knows_every_field_and_asks_for_what_is_required() {
    assert_eq!(config::schema()["required"], json!(["listeners", "environments", "keys", "routes"]));
    assert_eq!(config::schema()["oneOf"], json!([{ "required": ["upstream"] }, { "required": ["upstreams"] }]));
    let keys = config::key_schema();
    assert_eq!(keys["properties"]["keys"]["items"]["properties"].as_object().unwrap().len(), 21);
    assert!(!keys.to_string().contains("null"));
}
