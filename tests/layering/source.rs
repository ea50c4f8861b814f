//! Rust source as far as layering needs it: which names it names, wherever they stand and however they are grouped.

/// Every path that `text` names in code, comments and literals left out: `use a::{b, c::d}` names `a::b` and `a::c::d`.
pub(crate) fn paths(text: &str) -> Vec<String> {
    let tokens = tokens(&code(text));
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        at = if is_name(&tokens[at]) { path(&tokens, at, "", &mut found) } else { at + 1 };
    }
    found
}

/// Reads the path that begins at `at`, after `prefix`, and returns where it ends.
fn path(tokens: &[String], mut at: usize, prefix: &str, found: &mut Vec<String>) -> usize {
    let mut path = format!("{prefix}{}", tokens[at]);
    at += 1;
    while tokens.get(at).is_some_and(|token| token == "::") {
        match tokens.get(at + 1) {
            Some(next) if is_name(next) => path = format!("{path}::{next}"),
            Some(next) if next == "{" => return group(tokens, at + 2, &format!("{path}::"), found),
            _ => break,
        }
        at += 2;
    }
    found.push(path);
    at
}

/// Reads the items of a `{…}` up to its end.
fn group(tokens: &[String], mut at: usize, prefix: &str, found: &mut Vec<String>) -> usize {
    while let Some(token) = tokens.get(at) {
        match token.as_str() {
            "}" => return at + 1,
            "as" => at += 2,
            name if is_name(name) => at = path(tokens, at, prefix, found),
            _ => at += 1,
        }
    }
    at
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn tokens(code: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let len = if is_name(rest) {
            rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        tokens.push(rest[..len].to_owned());
        rest = rest[len..].trim_start();
    }
    tokens
}

/// `text` without comments and without what stands in quotes.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n')
        } else if rest.starts_with("/*") {
            rest.find("*/").map(|end| end + 2)
        } else if let Some(hashes) = raw_string(rest, &code) {
            let end = format!("\"{}", "#".repeat(hashes));
            let body = hashes + 2;
            rest[body..].find(&end).map(|at| body + at + end.len())
        } else if first == '"' {
            Some(quoted(rest, '"'))
        } else if rest.starts_with("'\\") || first == '\'' && rest.chars().nth(2) == Some('\'') {
            Some(quoted(rest, '\''))
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        code.push(' ');
        rest = &rest[skipped.unwrap_or(rest.len())..];
    }
    code
}

/// How many `#` open the raw string that begins here, if one does.
fn raw_string(rest: &str, before: &str) -> Option<usize> {
    let hashes = rest.strip_prefix('r')?.chars().take_while(|&c| c == '#').count();
    let is_name = before.ends_with(|c: char| c.is_alphanumeric() && c != 'b' || c == '_');
    (rest[1 + hashes..].starts_with('"') && !is_name).then_some(hashes)
}

/// The length of a literal in `quote`s, both included.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[test]
fn names_are_found_in_code_only_and_out_of_their_groups() {
    let text = r##"
        //! crate::comment
        use crate::{gate::{self, Gate}, edge as e, telemetry::*};
        /* crate::block */ fn f<'a>(x: &'a str) -> char { "crate::text \" crate::more"; r#"crate::raw "x" "#; '"' }
        fn g() { crate::config::load('\'', b"crate::bytes"); std::fs::read(x) }
    "##;
    let found = paths(text);
    for path in
        ["crate::gate::self", "crate::gate::Gate", "crate::edge", "crate::telemetry", "crate::config::load", "std::fs::read"]
    {
        assert!(found.iter().any(|one| one == path), "{path} is missing from {found:?}");
    }
    let from_crate: Vec<_> = found.iter().filter(|path| path.starts_with("crate::")).collect();
    assert_eq!(from_crate.len(), 5, "{from_crate:?}");
}
