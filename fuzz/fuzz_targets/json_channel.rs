//! What a JSON body names is what a naive reader finds that takes the whole of it in first: the same channels in the same order, or the
//! same refusal; and a pointer is read as RFC 6901 says.
#![no_main]

#[path = "../../tests/decision/json/model.rs"]
mod model;

use keygate::gate::{channel::Pointer, denial::Denial};
use libfuzzer_sys::fuzz_target;
use model::Tree;

const POINTERS: [&str; 4] = ["/channel", "/channel/a", "/a~1/~01", "/İs"];

/// Few words, so that bodies are often good, and names meet their pointer and what is like it.
const WORDS: [&str; 64] = [
    "{",
    "{",
    "{",
    "}",
    "}",
    "}",
    "}",
    "[",
    "[",
    "]",
    "]",
    "]",
    ",",
    ",",
    ",",
    ",",
    "{\"channel\":",
    "{\"channel\":",
    "\"channel\":",
    "\"a\":",
    "\"a/\":",
    "\"~1\":",
    "\"İs\":",
    "\"i\u{307}s\":",
    "\"Channel\":",
    "\"\\u0063hannel\":",
    "\"channel\\u0000x\":",
    "\" channel\":",
    "\"channel\\u200b\":",
    "\"\\ud800\":",
    "\"x\":",
    "\"\":",
    "\"b\"",
    "\"b\"",
    "\"c\"",
    "\"c\"",
    "\"refused\"",
    "\"\\u0062\"",
    "\" b\"",
    "\"b\\ufeff\"",
    "\"\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ude00\"",
    "\"\\ud83d\\u0061\"",
    "\"é\"",
    "null",
    "true",
    "false",
    "0",
    "-1",
    "01",
    "2.5",
    "1e999",
    "-1E+9",
    "1.",
    "18446744073709551616",
    " ",
    "\n",
    "\"",
    "\\",
    "\u{0}",
    "\u{feff}",
    "x",
    ":",
];

fuzz_target!(|input: &[u8]| {
    let Some((&how, rest)) = input.split_first() else { return };
    let (own, body) = match rest.iter().position(|&byte| byte == b'\n') {
        Some(end) if how & 1 != 0 => (std::str::from_utf8(&rest[..end]).ok(), &rest[end + 1..]),
        Some(_) | None => (None, rest),
    };
    let text = own.unwrap_or(POINTERS[usize::from(how >> 2) % POINTERS.len()]);
    let Ok(pointer) = Pointer::parse(text) else { return };
    let tokens = text.strip_prefix('/').expect("a pointer begins with its first name").split('/');
    let way: Vec<_> = tokens.map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
    let spelled: String = body.iter().map(|byte| WORDS[usize::from(byte % 64)]).collect();
    let body = if how & 2 != 0 { spelled.as_bytes() } else { body };

    let mut shown = Vec::new();
    let said = pointer.named_in(body, |name| judge(name, &mut shown));
    let Ok(text) = std::str::from_utf8(body) else {
        assert_eq!((said, shown.len()), (Err(Denial::BodyUnreadable), 0));
        return;
    };
    let Some(tree) = Tree::of(text) else {
        assert!(said.is_err() || text.matches(['[', '{']).count() >= model::MAX_DEPTH, "taken for JSON: {text}");
        return;
    };
    let mut found = Vec::new();
    let expected = tree.name(&way, &mut |name| judge(name, &mut found));
    assert_eq!((said, shown), (expected, found), "{way:?} in {text}");
});

fn judge(name: &str, shown: &mut Vec<String>) -> Result<(), Denial> {
    shown.push(name.to_owned());
    if name == "refused" { Err(Denial::NotCapable) } else { Ok(()) }
}
