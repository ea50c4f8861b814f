//! Ably's rules for resources once more, as naively as they can be said, to hold the compiled ones to. Shared with the fuzz target
//! `capability`.
#![allow(dead_code, reason = "each of its users needs another part")]

/// Whether `pattern` matches `channel`, both as texts that are good.
pub(crate) fn matches(pattern: &str, channel: &str) -> bool {
    let ((scope, pattern), (namespace, channel)) = (split(pattern), split(channel));
    let (pattern, channel): (Vec<_>, Vec<_>) = (pattern.split(':').collect(), channel.split(':').collect());
    (scope == "[*]" || scope == namespace) && segments(&pattern, &channel)
}

fn segments(pattern: &[&str], channel: &[&str]) -> bool {
    match (pattern, channel) {
        ([], []) => true,
        (["*"], [_, ..]) => true,
        ([own, pattern @ ..], [segment, channel @ ..]) => (*own == "*" || own == segment) && segments(pattern, channel),
        ([], [_, ..]) | ([_, ..], []) => false,
    }
}

fn split(text: &str) -> (&str, &str) {
    let prefix = ["[queue]", "[meta]", "[*]"].into_iter().find(|prefix| text.starts_with(prefix)).unwrap_or_default();
    (prefix, &text[prefix.len()..])
}

/// Every name of one to `longest` of these segments.
pub(crate) fn names(segments: &[&str], longest: usize) -> Vec<String> {
    let mut all = Vec::new();
    let mut last = vec![String::new()];
    for length in 1..=longest {
        last = last.iter().flat_map(|name| segments.iter().map(move |segment| joined(name, segment, length > 1))).collect();
        all.extend(last.iter().cloned());
    }
    all
}

fn joined(name: &str, segment: &str, colon: bool) -> String {
    format!("{name}{}{segment}", if colon { ":" } else { "" })
}
