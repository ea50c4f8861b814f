//! docs/security-tests.md names tests that there are.

use std::path::Path;

#[test]
fn every_test_that_the_page_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/security-tests.md")).expect("the page");
    let named = page.split('`').skip(1).step_by(2);
    let named: Vec<_> =
        named.filter(|text| ["tests/", "src/", "fuzz/", "benches/"].iter().any(|start| text.starts_with(start))).collect();
    for name in &named {
        let (path, test) = name.split_once("::").unwrap_or((name, ""));
        assert!(root.join(path).exists(), "there is no {path}");
        if !test.is_empty() {
            let file = std::fs::read_to_string(root.join(path)).expect("a file");
            assert!(file.contains(&format!("fn {test}(")), "there is no {name}");
        }
    }
    assert!(named.len() > 40, "only {} names", named.len());
}
