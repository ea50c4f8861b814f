//! What is found as a credential is gone after stripping, and stripping twice is stripping once.
#![no_main]

use std::net::Ipv4Addr;

use keygate::gate::{
    credential::Locations,
    denial::Denial,
    request::{Header, RequestHead},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, &str, &str, &str)| {
    let (query, key, authorization, protocols, cookies) = input;
    let locations = Locations {
        header: Some("x-api-key".into()),
        bearer: true,
        basic: true,
        cookie: Some("key".into()),
        query: ["key".into(), "access_token".into()].into(),
        secrets_in_query: true,
        websocket_protocol: true,
    };
    let given =
        [("X-Api-Key", key), ("Authorization", authorization), ("Sec-WebSocket-Protocol", protocols), ("Cookie", cookies)];
    let headers: Vec<_> = given
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| Header { name, value: value.as_bytes() })
        .collect();
    let target = format!("/?{query}");
    let Ok(head) = RequestHead::new("GET", &target, &headers, Ipv4Addr::LOCALHOST.into(), true) else { return };
    let _ = locations.find(&head);

    let kept: Vec<_> = headers
        .iter()
        .copied()
        .filter(|header| {
            !matches!(header.name, "Sec-WebSocket-Protocol" | "Cookie") && !locations.owns_header(header.name, header.value)
        })
        .collect();
    let cookies = (!cookies.is_empty()).then(|| locations.strip_cookies(cookies.as_bytes())).flatten();
    let offered: Vec<_> = locations.strip_protocols(&head).collect();
    let offered = offered.join(&b", "[..]);
    let mut kept = kept;
    kept.extend(cookies.iter().map(|value| Header { name: "Cookie", value }));
    if !offered.is_empty() {
        kept.push(Header { name: "Sec-WebSocket-Protocol", value: &offered });
    }
    let query = locations.strip_query(head.query);
    let target = query.as_ref().map_or_else(|| "/".to_owned(), |query| format!("/?{query}"));
    let stripped = RequestHead::new("GET", &target, &kept, Ipv4Addr::LOCALHOST.into(), true).expect("a head without a key");
    assert_eq!(locations.find(&stripped).err(), Some(Denial::MissingKey), "{target}");
    assert_eq!(locations.strip_query(stripped.query), query);
});
