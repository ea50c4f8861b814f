//! `keygate:keys`, the right to manage Keygate's own keys: held where it is named, and nowhere else.

use std::sync::Arc;

use keygate::gate::{capability::Capabilities, testing};

fn sets() -> Vec<Arc<Capabilities>> {
    let named: [&[(&str, &[&str])]; 8] = [
        &[],
        &[("*", &["keygate:keys"])],
        &[("*", &["*"])],
        &[("*", &["*", "keygate:keys"])],
        &[("[*]*", &["*", "admin"])],
        &[("[*]*", &["*", "admin", "keygate:keys"])],
        &[("chat:*", &["subscribe"]), ("*", &["admin:acl"])],
        &[("chat:*", &["subscribe"]), ("*", &["admin:acl", "keygate:keys"])],
    ];
    named.into_iter().map(testing::capable).collect()
}

#[test]
fn it_is_held_where_it_is_named() {
    for set in sets() {
        assert_eq!(set.manages_keys(), set.canonical().contains("keygate:keys"), "{set}");
    }
    assert!(!Capabilities::everything().manages_keys() && !Capabilities::default().manages_keys());
    assert_eq!(*testing::capable(&[("[*]*", &["*", "admin"])]), Capabilities::everything());
}

#[test]
fn it_stands_in_the_text_and_tells_two_sets_apart() {
    for (entries, text) in [
        ([("*", ["keygate:keys", "admin"].as_slice())].as_slice(), r#"{"*":["admin","keygate:keys"]}"#),
        (&[("chat", &["subscribe", "keygate:keys"])], r#"{"*":["keygate:keys"],"chat":["subscribe"]}"#),
        (&[("[*]*", &["*"]), ("*", &["publish", "keygate:keys"])], r#"{"*":["publish"],"[*]*":["*","keygate:keys"]}"#),
    ] {
        assert_eq!(testing::capable(entries).canonical(), text);
    }
    assert_ne!(Capabilities::everything(), Capabilities::everything().with_keys());
}

#[test]
fn it_is_granted_only_by_who_holds_it() {
    let sets = sets();
    for (one, other) in sets.iter().flat_map(|one| sets.iter().map(move |other| (one, other))) {
        let both = one.intersect(other).unwrap_or_default();
        assert_eq!(both.manages_keys(), one.manages_keys() && other.manages_keys(), "{one} and {other}");
        assert!(one.contains(&both) && other.contains(&both), "{one} and {other}");
        assert!(one.manages_keys() || !other.manages_keys() || !one.contains(other), "{one} of {other}");
    }
    assert!(!Capabilities::everything().contains(&testing::capable(&[("*", &["keygate:keys"])])));
    assert!(sets[5].contains(&Capabilities::everything()), "and whoever holds it has lost nothing else");
}
