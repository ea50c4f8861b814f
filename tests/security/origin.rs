//! T-ORIGIN: three hundred origins against a key that lists `https://app.example.com` and `https://*.example.org`. An origin stops
//! browsers only, and those write it in one way; whatever else comes is nobody's.

use std::collections::HashMap;

use keygate::gate::origin::{Origin, OriginPattern};
use proptest::prelude::*;

use super::support::{Backend, Gate, Setup, WEB_KEY};

const LISTED: [&str; 2] = ["https://app.example.com", "https://*.example.org"];

/// Every origin that a browser on a listed page writes, and spellings of it that mean the same.
const GOOD: [&str; 14] = [
    "https://x.y.example.org",
    "https://x.y.example.org:443",
    "https://app.example.com",
    "https://app.example.com:443",
    "HTTPS://app.example.com",
    "https://APP.Example.Com",
    "https://a.example.org",
    "https://a.b.c.example.org",
    "https://a.example.org:443",
    "https://xn--caf-dma.example.org",
    "https://a-b.example.org",
    "https://1.example.org",
    "https://a_b.example.org",
    "https://app.example.com.example.org",
];

/// Texts around, before, behind and inside of a good one: none of them is good.
fn bad() -> Vec<String> {
    let mut all: Vec<String> = [
        "null",
        "",
        "*",
        "https://",
        "https:",
        "//app.example.com",
        "app.example.com",
        "https:app.example.com",
        "https:/app.example.com",
        "https:///app.example.com",
        "https://example.org",
        "https://.example.org",
        "https://*.example.org",
        "https://a..example.org",
        "https://example.com",
        "https://com",
        "https://org",
        "https://localhost",
        "https://[::1]",
        "https://127.0.0.1",
        "https://0x7f.1",
        "file://",
        "data:text/html,x",
        "javascript:alert(1)",
        "about:blank",
        "blob:https://app.example.com/x",
        "chrome-extension://app.example.com",
    ]
    .map(str::to_owned)
    .to_vec();
    for base in ["https://app.example.com", "https://a.example.org", "https://x.y.example.org"] {
        let host = &base[8..];
        for scheme in
            ["http", "ws", "wss", "ftp", "httpss", "https ", " https", "https\u{e9}", "view-source:https", "ht\ttps", "h%74tps"]
        {
            all.push(format!("{scheme}://{host}"));
        }
        for port in [
            "80",
            "8443",
            "4430",
            "44",
            "0",
            "65535",
            "65536",
            "99999999999",
            "-443",
            "+443",
            "0443x",
            "",
            " 443",
            "443 ",
            "443:443",
            "443/",
            "https",
        ] {
            all.push(format!("{base}:{port}"));
        }
        for behind in [
            ".",
            "..",
            "/",
            "//",
            "/x",
            "?",
            "?x",
            "#",
            "#x",
            "\\",
            "\\.evil.example",
            ".evil.example",
            "evil.example",
            "-evil.example",
            "_evil.example",
            "%",
            "%00",
            "%2e",
            "%2eevil.example",
            "%2f",
            "%5c",
            "%20",
            "@evil.example",
            ":@evil.example",
            ":443@evil.example",
            ",https://evil.example",
            ", https://evil.example",
            " https://evil.example",
            ";evil.example",
            "&evil.example",
            "`evil.example",
            "|evil.example",
            "^evil.example",
            "{evil.example",
            "\u{a0}",
            "\u{e9}",
            "\u{ad}",
            "!",
            "$",
            "'",
            "(",
            "*",
            "+",
            "=",
            "~",
            "<",
            ">",
            "\"",
            "[",
            "]",
            "\t.evil.example",
            ".com",
            ".org",
            "x",
            "0",
            "-",
            ":",
        ] {
            all.push(format!("{base}{behind}"));
        }
        for before in [
            "evil",
            "evil-",
            "evil.",
            "evil_",
            "evil.example/",
            "evil.example#",
            "evil.example?",
            "evil.example\\",
            "evil.example%2f",
            "evil.example%23",
            "evil@",
            "evil:evil@",
            "evil.example:443@",
            "@",
            ":",
            "%00",
            "%20",
            " ",
            "\t",
            ".",
            "-.",
            "*.",
            "\u{e9}.",
            "evil.example,",
            "[",
            "evil.example;",
            "evil.example&",
            "//",
            "/",
            "\\\\",
        ] {
            let origin = format!("https://{before}{host}");
            // A label more is what `*` stands for.
            let more_labels = base.ends_with("example.org") && ["evil", "evil-", "evil.", "evil_", "-."].contains(&before);
            if !more_labels {
                all.push(origin);
            }
        }
        for (from, to) in [
            (".", "%2e"),
            (".", "\u{b7}"),
            (".", ","),
            (".", "-"),
            (".", ""),
            (".", " "),
            ("e", "%65"),
            ("e", "\u{e9}"),
            ("e", "3"),
            ("a", "\u{aa}"),
            ("l", "1"),
            ("x", "xx"),
        ] {
            all.push(format!("https://{}", host.replacen(from, to, 2)));
        }
    }
    all
}

#[tokio::test]
async fn three_hundred_origins() {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    let table: Vec<_> =
        GOOD.iter().map(|origin| ((*origin).to_owned(), true)).chain(bad().into_iter().map(|origin| (origin, false))).collect();
    assert!(table.len() >= 300, "{} rows", table.len());
    let mut told = HashMap::<u16, usize>::new();
    for (origin, good) in &table {
        let text = format!("GET /any/a HTTP/1.1\r\nHost: gate\r\nx-api-key: {WEB_KEY}\r\nOrigin: {origin}\r\n\r\n");
        let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
        let answer = gate.connect().await.ask(bytes).await;
        // White space around a value is no part of it.
        let good = *good || GOOD.contains(&origin.trim_matches([' ', '\t']));
        assert_eq!(answer.status == 200, good, "{origin:?}: {answer:?}");
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(
            allowed,
            good.then_some(origin.trim_matches([' ', '\t'])),
            "{origin:?}: only a listed page may read the answer"
        );
        *told.entry(answer.status).or_default() += 1;
    }
    assert_eq!(backend.requests().len(), told[&200]);
    println!("{} origins: {told:?}", table.len());
    // Two of them are one too many, whatever they say.
    let two =
        format!("GET /any/a HTTP/1.1\r\nHost: gate\r\nx-api-key: {WEB_KEY}\r\nOrigin: {0}\r\nOrigin: {0}\r\n\r\n", LISTED[0]);
    assert_eq!(gate.connect().await.ask(two).await.status, 400);
    let long = format!(
        "GET /any/a HTTP/1.1\r\nHost: gate\r\nx-api-key: {WEB_KEY}\r\nOrigin: https://{}.example.org\r\n\r\n",
        "a.".repeat(32 * 1024)
    );
    let mut client = gate.connect().await;
    let _ = client.try_send(long).await;
    assert_eq!(client.answer().await.status, 431);
}

/// The table, on a proxy that compares the beginning of the text, and on one that compares its end.
#[test]
fn careless_comparisons_are_found() {
    let begins = |origin: &String| origin.starts_with("https://app.example.com");
    let ends = |origin: &String| origin.ends_with("example.org") || origin.ends_with("app.example.com");
    let bad = bad();
    assert!(bad.iter().filter(|origin| begins(origin)).count() > 20);
    assert!(bad.iter().filter(|origin| ends(origin)).count() > 20);
}

proptest! {
    /// What is accepted is an origin to a browser's parser too, with the host that the pattern lists.
    #[test]
    fn an_accepted_origin_is_one_that_is_listed(
        text in "https?://[a-zA-Z0-9.@:/%\\\\?#_-]{0,24}(example\\.org|example\\.com|evil\\.example)?[a-zA-Z0-9.@:/%\\\\?#_-]{0,12}",
    ) {
        let patterns: Vec<_> = LISTED.iter().map(|text| OriginPattern::parse(text).unwrap()).collect();
        let accepted = Origin::parse(&text).is_some_and(|origin| patterns.iter().any(|pattern| pattern.matches(&origin)));
        if accepted {
            let url = url::Url::parse(&text).unwrap();
            let host = url.host_str().unwrap();
            prop_assert!(host == "app.example.com" || host.ends_with(".example.org") && host.len() > 12, "{}", text);
            prop_assert_eq!((url.scheme(), url.port_or_known_default(), url.path()), ("https", Some(443), "/"));
            prop_assert_eq!((url.username(), url.password(), url.query(), url.fragment()), ("", None, None, None));
        }
    }
}
