//! Channels in a JSON body: what the gate finds is what a reader finds that takes the whole body in first (`model`).

#[path = "json/model.rs"]
mod model;

use keygate::gate::{channel::Pointer, denial::Denial};
use proptest::prelude::*;

use model::Tree;

/// Spellings of names: of the two that are asked for, of what some reader takes for them, and of others.
const NAMES: [&str; 13] = [
    r#""channel""#,
    r#""\u0063hannel""#,
    r#""a""#,
    r#""Channel""#,
    r#"" channel""#,
    r#""channel\u0000x""#,
    r#""\u0000channel\u001f""#,
    r#""\ufeffa""#,
    r#""A\t""#,
    r#""channels""#,
    r#""""#,
    r#""\ud800""#,
    "channel",
];

/// Values without parts: channels, what is around them, what is none, and what is no JSON.
const VALUES: [&str; 16] = [
    r#""b""#,
    r#""chat:a""#,
    r#""chat:\u0061""#,
    r#""refused""#,
    r#"" b""#,
    r#""b\u200e""#,
    r#""""#,
    r#""\ud83d\ude00""#,
    r#""\ude00""#,
    "null",
    "-0.5e+3",
    "1e999",
    "[]",
    "{}",
    "01",
    "\"\u{7f}\t\"",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_gate_finds_in_a_body_what_a_tree_of_it_holds(body in body(), way in prop_oneof![Just("/channel"), Just("/a/channel"), Just("/a")]) {
        let way: Vec<_> = way[1..].split('/').map(str::to_owned).collect();
        match Tree::of(&body) {
            Some(tree) => prop_assert_eq!(asked(&way, &body), walked(&tree, &way), "{}", body),
            None => prop_assert!(asked(&way, &body).0.is_err(), "{}", body),
        }
    }
}

/// What became of a body, and the channels that were shown.
type Outcome = (Result<(), Denial>, Vec<String>);

fn asked(way: &[String], body: &str) -> Outcome {
    let pointer = Pointer::parse(&format!("/{}", way.join("/"))).expect("a pointer");
    let mut shown = Vec::new();
    (pointer.named_in(body.as_bytes(), |name| judge(name, &mut shown)), shown)
}

fn walked(tree: &Tree, way: &[String]) -> Outcome {
    let mut shown = Vec::new();
    (tree.name(way, &mut |name| judge(name, &mut shown)), shown)
}

fn judge(name: &str, shown: &mut Vec<String>) -> Result<(), Denial> {
    shown.push(name.to_owned());
    if name == "refused" { Err(Denial::NotCapable) } else { Ok(()) }
}

fn body() -> impl Strategy<Value = String> {
    // Mostly what is asked for, so that many bodies are good to their end.
    let name = prop_oneof![8 => Just(0), 2 => Just(2), 3 => 0..NAMES.len()].prop_map(|at| NAMES[at]);
    let value = prop_oneof![8 => Just(0), 3 => 0..VALUES.len()].prop_map(|at| VALUES[at].to_owned());
    value.prop_recursive(5, 24, 4, move |value| {
        let items = proptest::collection::vec(value.clone(), 1..4).prop_map(|items| format!("[{}]", items.join(" ,")));
        let field = (name.clone(), value).prop_map(|(name, value)| format!("{name}: {value}"));
        let fields = proptest::collection::vec(field, 1..4).prop_map(|fields| format!("{{{}}}\n", fields.join(",")));
        prop_oneof![1 => items, 3 => fields]
    })
}
