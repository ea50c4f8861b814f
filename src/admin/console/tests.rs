//! The files of the console fit together, and hold nothing that its policy forbids.

use std::{collections::BTreeSet, fs, path::Path};

use super::{Asset, CONSOLE, CSS, HTML, SCRIPT};

fn text(asset: &Asset) -> &'static str {
    std::str::from_utf8(asset.bytes).unwrap()
}

/// What stands between `before` and the next quote, wherever it does.
fn quoted<'t>(text: &'t str, before: &'t str) -> impl Iterator<Item = &'t str> {
    text.split(before).skip(1).filter_map(|rest| rest.split('"').next())
}

#[test]
fn every_file_that_is_named_is_there_and_every_file_there_is_named() {
    let paths: BTreeSet<_> = CONSOLE.iter().map(|asset| asset.path).collect();
    assert_eq!(paths.len(), CONSOLE.len(), "a path stands twice");

    let page = text(&CONSOLE[0]);
    let local = |address: &&str| !address.starts_with("data:") && !address.starts_with('#');
    let mut named: BTreeSet<_> =
        quoted(page, "href=\"").chain(quoted(page, "src=\"")).filter(local).map(|name| format!("/{name}")).collect();
    for script in CONSOLE.iter().filter(|asset| asset.content_type == SCRIPT) {
        named.extend(quoted(text(script), " from \"./").map(|name| format!("/{name}")));
    }
    named.insert("/".to_owned());
    assert_eq!(named.iter().map(String::as_str).collect::<BTreeSet<_>>(), paths);
}

#[test]
fn every_file_of_the_folder_is_served() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin/console");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<_> = files.filter(|name| !name.ends_with(".rs")).map(|name| format!("/{name}")).collect();
    let served = CONSOLE.iter().map(|asset| if asset.path == "/" { "/index.html" } else { asset.path });
    assert_eq!(files.iter().map(String::as_str).collect::<BTreeSet<_>>(), served.collect());
}

/// What a browser would refuse under the policy, or what would make HTML of what the API says.
const FORBIDDEN: [&str; 13] = [
    "<style",
    "style=\"",
    "onclick=\"",
    "onload=\"",
    "<script>",
    "javascript:",
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "eval(",
    "new Function",
    "srcdoc",
];

fn complaints(text: &str) -> Vec<&'static str> {
    let mut found: Vec<_> = FORBIDDEN.into_iter().filter(|&word| text.contains(word)).collect();
    // Examples of origins and the name of a namespace are no addresses that something is loaded from.
    let harmless = ["https://app.example.com", "https://*.example.com", "http://www.w3.org/2000/svg"];
    let rest = harmless.iter().fold(text.to_owned(), |text, address| text.replace(address, ""));
    found.extend(["http://", "https://", "url(", "@import"].into_iter().filter(|word| rest.contains(word)));
    found
}

#[test]
fn nothing_in_them_needs_more_than_the_policy_allows() {
    for asset in CONSOLE {
        assert_eq!(complaints(text(asset)), [""; 0], "{}", asset.path);
        assert!([HTML, CSS, SCRIPT].contains(&asset.content_type));
    }
    for (bad, why) in [
        ("<p style=\"color: red\">", "style=\""),
        ("row.innerHTML = name", "innerHTML"),
        ("@import \"https://fonts.example\"", "https://"),
        ("background: url(x.png)", "url("),
    ] {
        assert!(complaints(bad).contains(&why), "{bad}");
    }
}

#[test]
fn every_script_says_what_it_is() {
    for asset in CONSOLE {
        let begins = match asset.content_type {
            SCRIPT => "// ",
            CSS => "/* ",
            _ => "<!doctype html>",
        };
        assert!(text(asset).starts_with(begins), "{}", asset.path);
    }
}
