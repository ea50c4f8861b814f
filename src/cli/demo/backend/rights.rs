//! What the gate says a client may do in a channel: `enforce_inside: backend`, from the backend's side.
//!
//! `X-Keygate-Capability` maps patterns of channels to operations, `{"chat:*":["subscribe"]}`. Only the gate can have written it,
//! for it drops every client's copy. It is read once: when it changes, the gate ends the stream.

use std::collections::HashMap;

use axum::http::HeaderMap;

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
        let allows = |operation: &str| {
            let named = |operations: &[String]| operations.iter().any(|name| name == operation || name == "*");
            grants.iter().any(|(pattern, operations)| named(operations) && covers(pattern, channel))
        };
        Self { subscribe: allows("subscribe"), publish: allows("publish") }
    }
}

/// Ably's patterns (Ably docs, auth/capabilities): `*` is one whole segment between colons, and as the last one all that are left.
fn covers(pattern: &str, channel: &str) -> bool {
    let mut wanted = pattern.split(':').peekable();
    let mut given = channel.split(':');
    while let Some(segment) = wanted.next() {
        let Some(name) = given.next() else { return false };
        match segment {
            "*" if wanted.peek().is_none() => return true,
            "*" => {}
            _ if segment != name => return false,
            _ => {}
        }
    }
    given.next().is_none()
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

    #[test]
    fn a_star_stands_for_whole_segments() {
        for (pattern, covered, not_covered) in [
            ("*", ["a", "a:b"].as_slice(), [].as_slice()),
            ("a", &["a"], &["b", "a:b"]),
            ("a:*", &["a:b", "a:b:c"], &["a", "ab", "b:a"]),
            ("a:*:c", &["a:b:c"], &["a:c", "a:b:b:c", "a:b:c:d"]),
            ("a*", &["a*"], &["ab"]),
        ] {
            assert!(covered.iter().all(|channel| covers(pattern, channel)), "{pattern} covers {covered:?}");
            assert!(!not_covered.iter().any(|channel| covers(pattern, channel)), "{pattern} covers none of {not_covered:?}");
        }
    }
}
