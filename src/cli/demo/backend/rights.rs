//! What the gate says a client may do in a channel: `enforce_inside: backend`, from the backend's side.
//!
//! `X-Keygate-Capability` maps patterns of channels to operations, `{"chat:*":["subscribe"]}`. Only the gate can have written it,
//! for it drops every client's copy. It is read once: when it changes, the gate ends the stream.

use std::collections::HashMap;

use axum::http::HeaderMap;

use crate::gate::capability::{Channel, Operation, Operations, Pattern, Right};

const HEADER: &str = "x-keygate-capability";

/// What a client may do in one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rights {
    pub(super) subscribe: bool,
    pub(super) publish: bool,
}

impl Rights {
    /// Reads the header. Where there is none, no gate is in front and rooms are open to readers; what cannot be read allows nothing.
    pub(super) fn of(headers: &HeaderMap, channel: &str) -> Self {
        let mut values = headers.get_all(HEADER).iter();
        let grants: HashMap<String, Vec<String>> = match (values.next(), values.next()) {
            (None, _) => return Self { subscribe: true, publish: false },
            (Some(text), None) => serde_json::from_slice(text.as_bytes()).unwrap_or_default(),
            (Some(_), Some(_)) => HashMap::new(),
        };
        let Ok(channel) = Channel::parse(channel) else { return Self { subscribe: false, publish: false } };
        let matching = grants.iter().filter(|(text, _)| Pattern::parse(text).is_ok_and(|pattern| pattern.matches(&channel)));
        let held = matching.flat_map(|(_, names)| names).fold(Operations::NONE, |held, name| held.union(granted(name)));
        Self { subscribe: held.contains(Operation::Subscribe), publish: held.contains(Operation::Publish) }
    }
}

fn granted(name: &str) -> Operations {
    match Right::parse(name) {
        Ok(Right::Every) => Operations::ALL,
        Ok(Right::Operation(operation)) => Operations::NONE.with(operation),
        Ok(Right::Admin(_) | Right::Keys) | Err(_) => Operations::NONE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(capability: &[&str], channel: &str) -> (bool, bool) {
        let mut headers = HeaderMap::new();
        for text in capability {
            headers.append(HEADER, text.parse().expect("a header's value"));
        }
        let Rights { subscribe, publish } = Rights::of(&headers, channel);
        (subscribe, publish)
    }

    #[test]
    fn rights_are_those_of_the_header() {
        for (capability, channel, expected) in [
            (r#"{"*":["publish","subscribe"]}"#, "news", (true, true)),
            (r#"{"*":["*"]}"#, "news", (true, true)),
            (r#"{"*":["subscribe"]}"#, "news", (true, false)),
            (r#"{"[*]*":["*","admin"]}"#, "news", (true, true)),
            (r#"{"*":["admin","keygate:keys"]}"#, "news", (false, false)),
            (r#"{"gr\u00fc\u00dfe":["subscribe"]}"#, "grüße", (true, false)),
            (r#"{"news*":["*"]}"#, "newspaper", (false, false)),
            (r#"{"*":["*"]}"#, "[meta]log", (false, false)),
            (r#"{"*":["*"]}"#, "[news", (false, false)),
            (r#"{"chat:*":["*"],"*":["subscribe"]}"#, "news", (true, false)),
            (r#"{"chat:*":["*"],"*":["subscribe"]}"#, "chat:1", (true, true)),
            (r#"{"chat:*":["*"]}"#, "news", (false, false)),
            (r#"{"*":[]}"#, "news", (false, false)),
            ("{}", "news", (false, false)),
            ("", "news", (false, false)),
            ("everything", "news", (false, false)),
        ] {
            assert_eq!(rights(&[capability], channel), expected, "{capability} in {channel}");
        }
    }

    #[test]
    fn without_a_gate_rooms_are_there_to_read_and_two_headers_allow_nothing() {
        assert_eq!(rights(&[], "news"), (true, false));
        assert_eq!(rights(&[r#"{"*":["*"]}"#, r#"{"*":["*"]}"#], "news"), (false, false));
    }
}
