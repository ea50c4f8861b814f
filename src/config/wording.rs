//! serde's messages in the words of this program, and without the values that serde repeats: a value may be a key.

use super::path::{NodePath, Step};

/// Fields of the design that this version does not have, by [`NodePath::pattern`].
const NOT_BUILT: [&str; 1] = ["routes[].dialect"];

/// Fields that stand elsewhere, for a reason.
const ELSEWHERE: [(&str, &str); 3] = [
    ("limits.ip.messages", "messages are limited by `limits.key` and `limits.connection`: many clients may share one address"),
    ("limits.ip.bytes", "bytes are limited by `limits.key` and `limits.connection`: many clients may share one address"),
    (
        "limits.ip.over_connections",
        "is for `limits.key`: whoever has no key would end the streams of those who have one, behind the same address",
    ),
];

/// What is said of something that a later version will have.
pub(super) fn not_built(what: &str) -> String {
    format!("`{what}` is not built yet in this version")
}

/// The names in serde's message about an unknown field; `None` if it is about something else.
pub(super) fn known_fields(message: &str) -> Option<Vec<&str>> {
    let (_, known) = message.strip_prefix("unknown field ")?.rsplit_once(", expected ")?;
    Some(known.split('`').skip(1).step_by(2).collect())
}

/// What is said of the unknown field at the end of `path`.
pub(super) fn unknown_field(path: &NodePath, known: &[&str]) -> String {
    let name = path.0.last().and_then(Step::name).unwrap_or_default();
    let pattern = path.pattern();
    if NOT_BUILT.contains(&pattern.as_str()) {
        return not_built(name);
    }
    if let Some((_, why)) = ELSEWHERE.into_iter().find(|(elsewhere, _)| *elsewhere == pattern) {
        return why.to_owned();
    }
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("unknown field; did you mean `{near}`?"),
        None => format!("unknown field; those known here are {}", listed(known.iter().copied())),
    }
}

/// The step into a field. Where the file may hold `secrets`, only a name that is too short and too plain to be one is shown, as all
/// names of the language are.
pub(super) fn field(name: Box<str>, secrets: bool) -> Step {
    let shown = if secrets { is_shown(&name) } else { name.len() < 40 && !name.chars().any(char::is_control) };
    if shown { Step::Field(name) } else { Step::Hidden(name) }
}

/// Whether a name in a file that may hold secrets is too short and too plain to be one.
pub(super) fn is_shown(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b == b'_';
    matches!(name, "*" | "[*]*") || (1..16).contains(&name.len()) && name.bytes().all(plain) && !name.contains("k_")
}

/// The one of `known` that `word` was probably meant to be.
pub(super) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let distance = |known: &&str| strsim::damerau_levenshtein(word, known);
    // Longer words are not worth the quadratic time.
    if word.len() > 40 {
        return None;
    }
    known.min_by_key(distance).filter(|near| distance(near) <= (near.len() / 3).max(1))
}

/// `` `a`, `b` and `c` ``.
pub(super) fn listed<'k>(words: impl Iterator<Item = &'k str>) -> String {
    let mut words: Vec<_> = words.map(|word| format!("`{word}`")).collect();
    match (words.pop(), words.is_empty()) {
        (Some(last), false) => format!("{} and {last}", words.join(", ")),
        (last, _) => last.unwrap_or_default(),
    }
}

/// What serde says of a value, without the value. Only our own messages begin with `must `; of those that nobody foresaw, nothing
/// is repeated.
pub(super) fn of_value(message: &str) -> String {
    // serde writes what it found first: whatever stands there, the last `, expected ` is its own.
    if let Some((found, expected)) = message.rsplit_once(", expected ") {
        let expected = match expected {
            "a sequence" => "a list",
            "a boolean" => "`true` or `false`",
            "a Value::Tagged enum" => "a word",
            other => other,
        };
        return match found.strip_prefix("invalid type: ").map(kind_of) {
            Some("nothing" | "something else") | None => format!("must be {expected}"),
            Some(kind @ ("a number" | "a boolean")) if expected == "text" || expected.starts_with("text,") => {
                format!("must be {expected}, not {kind}: put it in quotes")
            }
            Some(kind) => {
                let (expected, advice) = expected.split_at(expected.find(';').unwrap_or(expected.len()));
                format!("must be {expected}, not {kind}{advice}")
            }
        };
    }
    if message.starts_with("must ") { message.to_owned() } else { "must not be this".to_owned() }
}

fn kind_of(found: &str) -> &'static str {
    const KINDS: [(&str, &str); 7] = [
        ("string", "text"),
        ("integer", "a number"),
        ("floating point", "a number"),
        ("boolean", "a boolean"),
        ("sequence", "a list"),
        ("map", "a map"),
        ("unit", "nothing"),
    ];
    KINDS.into_iter().find(|(start, _)| found.starts_with(start)).map_or("something else", |(_, kind)| kind)
}
