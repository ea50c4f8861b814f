//! A path that passes has one reading: a URL parser leaves its segments as they are, decoded or not.
#![no_main]

use keygate::gate::request::check_path;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|path: &str| {
    // A target is cut at its first `?` before its path is checked.
    if path.contains('?') || check_path(path).is_err() {
        return;
    }
    let url = url::Url::parse(&format!("http://gate.example{path}")).expect("a URL");
    let segments = |path: &str| path.split('/').map(str::len).filter(|&length| length > 0).count();
    assert_eq!(segments(url.path()), segments(path), "{path} became {}", url.path());
    assert_eq!(url.query(), None);
    assert_eq!(url.fragment(), None);
    let decoded: Vec<u8> = path.bytes().collect();
    for hidden in ["%2f", "%2F", "%5c", "%5C", "%2e", "%2E", "%00", "//", "\\", "/../", "/./"] {
        assert!(!decoded.windows(hidden.len()).any(|window| window == hidden.as_bytes()), "{path}");
    }
});
