use super::*;
use proptest::prelude::*;

#[track_caller]
fn check(patterns: &[&str], origin: &str, expected: bool) {
    let patterns: Vec<_> = patterns.iter().map(|text| OriginPattern::parse(text).expect(text)).collect();
    assert_eq!(Claimed::parse(origin.as_bytes()).is_listed(&patterns), expected, "{origin} against {patterns:?}");
}

#[test]
fn lists_and_strangers() {
    let app = &["https://app.example.com"][..];
    for (origin, listed) in [
        ("https://app.example.com", true),
        ("https://app.example.com:443", true),
        ("HTTPS://APP.EXAMPLE.COM", true),
        ("http://app.example.com", false),
        ("https://app.example.com:8443", false),
        ("https://app.example.com.", false),
        ("https://app.example.com.evil.net", false),
        ("https://evil-app.example.com", false),
        ("https://xapp.example.com", false),
        ("https://user@app.example.com", false),
        ("https://app.example.com@evil.net", false),
        ("https://app.example.com/", false),
        ("https://app.example.com/path", false),
        ("https://app.example.com?x", false),
        ("https://app.example.com#x", false),
        ("https://app.example.com:", false),
        ("https://app.example.com:0443", true),
        ("https://app.example.com:000443", false),
        ("https://app.example.com:99999", false),
        ("https://app.example.com:443:443", false),
        ("https://app.example.com,https://app.example.com", false),
        ("https://app.example.com https://app.example.com", false),
        ("https://app.example.com\t", false),
        ("https://app%2eexample.com", false),
        ("https://аpp.example.com", false),
        ("https:app.example.com", false),
        ("https:///app.example.com", false),
        ("//app.example.com", false),
        ("app.example.com", false),
        ("null", false),
        ("", false),
    ] {
        check(app, origin, listed);
    }
    check(&["app.example.com"], "https://app.example.com", true);
    check(&["app.example.com"], "http://app.example.com", false);
    check(&["http://localhost:3000"], "http://localhost:3000", true);
    check(&["http://localhost:3000"], "http://localhost:3001", false);
    check(&["http://[::1]:3000"], "http://[::1]:3000", true);
    check(&["http://[::1]:3000"], "http://[::2]:3000", false);
    check(&["capacitor://localhost"], "capacitor://localhost", true);
    check(&["null"], "null", true);
}

#[test]
fn a_scheme_has_its_own_port() {
    for (scheme, own) in [("https", ":443"), ("http", ":80"), ("HTTP", ":80"), ("capacitor", ":0")] {
        let page = format!("{scheme}://localhost");
        for port in ["", ":443", ":80", ":0", ":8080"] {
            check(&[&page], &format!("{page}{port}"), port.is_empty() || port == own);
            check(&[&format!("{page}:8080")], &format!("{page}{port}"), port == ":8080");
        }
    }
}

#[test]
fn a_wildcard_is_whole_labels_and_never_the_apex() {
    let below = &["https://*.example.com"][..];
    check(below, "https://a.example.com", true);
    check(below, "https://a.b.example.com", true);
    check(below, "https://example.com", false);
    check(below, "https://.example.com", false);
    check(below, "https://aexample.com", false);
    check(below, "https://a.example.com.evil.net", false);
    check(below, "http://a.example.com", false);
    // What stands for the star is a host name's labels: nothing that a reader of URLs takes for another part, and none that is empty.
    for labels in ["user@a", "a/b", "a?b", "a#b", "a\\b", "a b", "a%2e", "é", "[::1]", "a:1", "a..b", ".a", "a.", "*"] {
        check(below, &format!("https://{labels}.example.com"), false);
    }
    // Of itself, and not only because hosts are checked before.
    let pattern = HostPattern::Below("example.com".into());
    for (host, matches) in [("a.example.com", true), (".example.com", false), ("example.com", false), ("ü.example.com", true)] {
        assert_eq!(pattern.matches(host), matches, "{host}");
    }
}

#[test]
fn patterns_that_cannot_be() {
    for text in [
        "*",
        "https://*",
        "https://*.com",
        "https://a.*.com",
        "https://a*.example.com",
        "https://e.com/",
        "ftp//x",
        "https://",
        "https://*.10.0.0.1",
    ] {
        assert!(OriginPattern::parse(text).is_err(), "{text} was taken");
    }
}

fn host() -> impl Strategy<Value = String> {
    proptest::collection::vec("[a-z0-9][a-z0-9-]{0,6}", 1..5).prop_map(|labels| labels.join("."))
}

proptest! {
    #[test]
    fn an_accepted_origin_is_a_listed_one(text in "\\PC{0,40}|https?://[a-z.:@/%*0-9-]{0,30}", suffix in "[a-z]{1,8}\\.[a-z]{2,3}") {
        let pattern = OriginPattern::parse(&format!("https://*.{suffix}")).unwrap();
        if Claimed::parse(text.as_bytes()).is_listed([&pattern]) {
            let url = url::Url::parse(&text).unwrap();
            let host = url.host_str().unwrap().to_owned();
            prop_assert_eq!(url.scheme(), "https");
            prop_assert_eq!(url.port_or_known_default(), Some(443));
            prop_assert!(url.username().is_empty() && url.password().is_none());
            let ending = format!(".{suffix}");
            prop_assert!(host.ends_with(&ending));
        }
    }

    #[test]
    fn printing_a_pattern_and_reading_it_is_identity(host in host(), wild in any::<bool>(), port in proptest::option::of(1u16..)) {
        let star = if wild && host.contains('.') && host.parse::<std::net::Ipv4Addr>().is_err() { "*." } else { "" };
        let port = port.map(|p| format!(":{p}")).unwrap_or_default();
        let pattern = OriginPattern::parse(&format!("https://{star}{host}{port}")).unwrap();
        prop_assert_eq!(OriginPattern::parse(&pattern.to_string()).unwrap(), pattern);
    }

    #[test]
    fn every_origin_a_browser_writes_is_read(host in host(), port in proptest::option::of(1u16..)) {
        let port = port.map(|p| format!(":{p}")).unwrap_or_default();
        if let Ok(url) = url::Url::parse(&format!("https://{host}{port}")) {
            prop_assert!(Origin::parse(&url.origin().ascii_serialization()).is_some());
        }
    }
}
