//! An origin that is accepted is one that the list names, by the URL standard's reading of both.
#![no_main]

use keygate::gate::origin::{Claimed, OriginPattern};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &[u8])| {
    let (pattern, claimed) = input;
    let Ok(pattern) = OriginPattern::parse(pattern) else { return };
    if !Claimed::parse(claimed).is_listed([&pattern]) {
        return;
    }
    let text = std::str::from_utf8(claimed).expect("what is listed is text");
    if text == "null" {
        return;
    }
    let url = url::Url::parse(text).expect("what is listed is a URL");
    let written = match url.origin() {
        tuple @ url::Origin::Tuple(..) => tuple.ascii_serialization(),
        // To the URL standard, an application's own scheme has no origin; its web view sends one all the same (`capacitor://localhost`).
        url::Origin::Opaque(_) => {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default()).to_ascii_lowercase()
        }
    };
    assert_eq!(written, text.to_ascii_lowercase(), "and an origin as browsers write them");
});
