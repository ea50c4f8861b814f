//! A header of the PROXY protocol has one reading, which no byte behind it and no split of it changes, and it ends in time.
#![no_main]

use keygate::dialect::{MAX_HEADER_BYTES, read_proxy_header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let whole = read_proxy_header(bytes);
    assert!(whole != Ok(None) || bytes.len() < MAX_HEADER_BYTES);
    let mut said = false;
    for end in 0..bytes.len() {
        let early = read_proxy_header(&bytes[..end]);
        match early {
            Ok(None) => assert!(!said, "taken back at {end}"),
            Ok(Some((_, length))) => assert!(length <= end && early == whole),
            Err(_) => assert_eq!(early, whole),
        }
        said = early != Ok(None);
    }
    if let Ok(Some((_, length))) = whole {
        assert_eq!(read_proxy_header(&bytes[..length]), whole);
        assert_eq!(read_proxy_header(&bytes[..length - 1]), Ok(None));
    }
});
