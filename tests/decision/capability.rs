//! Capabilities: as Ably has published them (`published`), against brute force over a small alphabet (`exhaustive`), as text
//! (`canonical`), and the right that nothing implies (`keys`).

#[path = "capability/canonical.rs"]
mod canonical;
#[path = "capability/exhaustive.rs"]
mod exhaustive;
#[path = "capability/keys.rs"]
mod keys;
#[path = "capability/model.rs"]
mod model;
#[path = "capability/published.rs"]
mod published;

use std::collections::BTreeMap;

use keygate::gate::capability::{Capabilities, Operations, Pattern, Right};

/// What a reader of JSON makes of a capability's text.
fn read(text: &str) -> Capabilities {
    let resources: BTreeMap<String, Vec<String>> = serde_json::from_str(text).expect("JSON");
    let (mut entries, mut admin, mut keys) = (Vec::new(), Vec::new(), false);
    for (resource, names) in &resources {
        let pattern = Pattern::parse(resource).expect("a pattern");
        for name in names {
            match Right::parse(name).expect("a right") {
                Right::Operation(operation) => entries.push((pattern.clone(), Operations::NONE.with(operation))),
                Right::Every => entries.push((pattern.clone(), Operations::ALL)),
                Right::Admin(right) => {
                    assert!(["*", "[*]*"].contains(&&**resource), "{text}");
                    admin.push(right);
                }
                Right::Keys => {
                    assert!(["*", "[*]*"].contains(&&**resource), "{text}");
                    keys = true;
                }
            }
        }
    }
    let read = Capabilities::new(entries, admin.into_iter().collect());
    if keys { read.with_keys() } else { read }
}
