//! A capability as text, in Ably's canonical form: resources and operations sorted, no white space (Ably docs, token request spec,
//! "Parameter canonicalisation").

use std::{collections::BTreeMap, fmt::Write as _};

use super::{AdminRights, Operations, Pattern, Right};

/// The text. Beside what Ably has, rights to management, and with `keys` the one to manage Keygate's own: they stand under `*`, or under
/// `[*]*` where that is named.
///
/// It is sent as a header's value, where backends read other bytes than ASCII in one way or another (RFC 9110 section 5.5): such
/// characters are escaped, so that every reader of JSON finds the same names.
pub(super) fn text(entries: &[(Pattern, Operations)], admin: &AdminRights, keys: bool) -> String {
    let mut resources: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (pattern, operations) in entries {
        resources.insert(pattern.as_str(), operations.names().map(str::to_owned).collect());
    }
    if keys || *admin != AdminRights::None {
        let widest = if resources.contains_key("[*]*") { "[*]*" } else { "*" };
        let rights = admin.iter().map(|right| right.to_string()).chain(keys.then(|| Right::KEYS.to_owned()));
        resources.entry(widest).or_default().extend(rights);
    }
    let mut text = String::from("{");
    for (resource, mut names) in resources {
        names.sort_unstable();
        text.push_str(if text.len() > 1 { "," } else { "" });
        push_quoted(&mut text, resource);
        let _ = write!(text, r#":["{}"]"#, names.join(r#"",""#));
    }
    text + "}"
}

/// A JSON string (RFC 8259 section 7). A pattern has no control characters.
fn push_quoted(text: &mut String, resource: &str) {
    text.push('"');
    for character in resource.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            ' '..='~' => text.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
        }
    }
    text.push('"');
}
