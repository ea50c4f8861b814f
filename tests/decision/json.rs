//! Channels in a JSON body: what the gate finds is what a reader finds that takes the whole body in first (`model`).

#[path = "json/model.rs"]
mod model;

use keygate::gate::{channel::Pointer, denial::Denial};
use proptest::{collection::vec, prelude::*, sample::select};

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
    fn the_gate_finds_in_a_body_what_a_tree_of_it_holds((way, body) in asked_for()) {
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

/// A way, and a body that mostly goes it: few of those made up without looking at it would be good to their end.
fn asked_for() -> impl Strategy<Value = (Vec<String>, String)> {
    const WAYS: [&[&str]; 3] = [&["channel"], &["a", "channel"], &["a"]];
    select(&WAYS[..]).prop_flat_map(|way| (Just(way.iter().map(|&name| name.to_owned()).collect()), going(way)))
}

/// A value in which the rest of a way is gone, or not quite.
fn going(way: &'static [&'static str]) -> BoxedStrategy<String> {
    let Some((wanted, further)) = way.split_first() else {
        let one = prop_oneof![4 => Just(VALUES[0].to_owned()), 1 => any_value()];
        let some = vec(one.clone(), 0..4).prop_map(list);
        return prop_oneof![4 => one, 1 => some].boxed();
    };
    let beside = || vec(field(any_name(), any_value()), 0..2);
    let own = field(Just(format!("\"{wanted}\"")).boxed(), going(further));
    let whole = (beside(), own, beside()).prop_map(|(before, own, after)| object([before, vec![own], after].concat()));
    let some = vec(whole.clone(), 1..4).prop_map(list);
    prop_oneof![6 => whole, 2 => some, 1 => any_value()].boxed()
}

fn any_name() -> BoxedStrategy<String> {
    select(&NAMES[..]).prop_map(str::to_owned).boxed()
}

/// Any value, of few parts.
fn any_value() -> BoxedStrategy<String> {
    let deeper = |value: BoxedStrategy<String>| {
        let items = vec(value.clone(), 0..3).prop_map(list);
        let fields = vec(field(any_name(), value), 0..3).prop_map(object);
        prop_oneof![items, fields]
    };
    select(&VALUES[..]).prop_map(str::to_owned).prop_recursive(2, 6, 3, deeper).boxed()
}

fn field(name: BoxedStrategy<String>, value: BoxedStrategy<String>) -> BoxedStrategy<String> {
    (name, value).prop_map(|(name, value)| format!("{name}: {value}")).boxed()
}

fn list(items: Vec<String>) -> String {
    format!("[{}]", items.join(" ,"))
}

fn object(fields: Vec<String>) -> String {
    format!("{{{}}}\n", fields.join(","))
}
