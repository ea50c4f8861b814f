//! What passes our reader of heads, pingora reads alike; see tests/proxy/head_differential.rs, which asks a grammar.
#![no_main]

#[path = "../../tests/proxy/head_differential/reading.rs"]
mod reading;

use libfuzzer_sys::fuzz_target;
use reading::{grouped, ours, pingoras};

thread_local! {
    static RUNTIME: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
}

fuzz_target!(|bytes: &[u8]| {
    // What is not a head by its end is not asked about: the gate cuts heads at their empty line.
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return };
    let head = &bytes[..end + 4];
    let Some(ours) = ours(head) else { return };
    if let Ok(theirs) = RUNTIME.with(|runtime| pingoras(runtime, head)) {
        assert_eq!(grouped(ours), grouped(theirs));
    }
});
