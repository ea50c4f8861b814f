use super::*;
use crate::gate::request::Header;
use std::net::Ipv4Addr;

fn everything() -> Locations {
    Locations { bearer: true, query: ["key".into(), "api_key".into()].into(), ..Locations::default() }
}

#[track_caller]
fn find(locations: &Locations, target: &str, headers: &[(&str, &str)]) -> Result<(String, Location), Denial> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect();
    let head = RequestHead::new("GET", target, &headers, Ipv4Addr::LOCALHOST.into(), false).unwrap();
    locations.find(&head).map(|found| (found.text.into_owned(), found.location))
}

#[test]
fn each_named_place_is_read() {
    let all = everything();
    let found = |location| Ok(("k1".to_owned(), location));
    assert_eq!(find(&all, "/", &[("X-Api-Key", " k1 ")]), found(Location::Header));
    assert_eq!(find(&all, "/", &[("Authorization", "bearer k1")]), found(Location::Bearer));
    assert_eq!(find(&all, "/?a=b&key=k1", &[]), found(Location::Query));
    assert_eq!(find(&all, "/?%6bey=%6B1", &[]), found(Location::Query));
    assert_eq!(find(&all, "/", &[("Sec-WebSocket-Protocol", "chat, keygate.key.azE")]), found(Location::WebsocketProtocol));
}

#[test]
fn the_own_cookie_is_taken_out_and_no_other() {
    let locations = Locations { cookie: Some("kg".into()), ..Locations::default() };
    for (sent, left) in [
        ("a=b", Some("a=b")),
        ("kg=1", None),
        (" kg = 1 ;", None),
        ("a=b; kg=1; c=\"d e\"", Some("a=b; c=\"d e\"")),
        ("kg=1; kg=2; kgb=3; KG=4; kg", Some("kgb=3; KG=4; kg")),
        ("", Some("")),
    ] {
        let kept = locations.strip_cookies(sent.as_bytes()).map(|kept| String::from_utf8(kept.into_owned()).unwrap());
        assert_eq!(kept.as_deref(), left, "{sent}");
    }
    assert_eq!(Locations::default().strip_cookies(b"kg=1").as_deref(), Some(&b"kg=1"[..]));
}

#[test]
fn what_is_not_named_is_not_read() {
    let few = Locations::default();
    for (target, header) in [("/?key=k1", ("Accept", "*/*")), ("/", ("Authorization", "Bearer k1"))] {
        assert_eq!(find(&few, target, &[header]), Err(Denial::MissingKey));
    }
    assert_eq!(find(&everything(), "/", &[("Authorization", "Basic azE6")]), Err(Denial::MissingKey));
    assert_eq!(find(&everything(), "/", &[("Authorization", "Bearerk1")]), Err(Denial::MissingKey));
}

#[test]
fn two_credentials_are_refused_wherever_they_stand() {
    let places: [(&str, Option<(&str, &str)>); 4] = [
        ("/?key=k1", None),
        ("/", Some(("X-Api-Key", "k1"))),
        ("/", Some(("Authorization", "Bearer k1"))),
        ("/", Some(("Sec-WebSocket-Protocol", "keygate.key.azE"))),
    ];
    for (one, (target, first)) in places.iter().enumerate() {
        for (other, (other_target, second)) in places.iter().enumerate() {
            let target = if *target == "/" { other_target } else { target };
            let headers: Vec<_> = first.iter().chain(second.iter().filter(|_| one != other)).copied().collect();
            let expected = if one == other { find(&everything(), target, &headers).is_ok() } else { false };
            assert_eq!(find(&everything(), target, &headers).is_ok(), expected, "{one} and {other}");
        }
    }
    assert_eq!(find(&everything(), "/?key=k1&key=k1", &[]), Err(Denial::AmbiguousKey));
    assert_eq!(find(&everything(), "/", &[("X-Api-Key", "k1"), ("x-api-key", "k1")]), Err(Denial::AmbiguousKey));
}

#[test]
fn nonsense_is_unknown_and_emptiness_is_missing() {
    let long = "k".repeat(MAX_KEY_BYTES + 1);
    assert_eq!(find(&everything(), "/", &[("X-Api-Key", &long)]), Err(Denial::UnknownKey));
    assert_eq!(find(&everything(), "/", &[("X-Api-Key", "")]), Err(Denial::MissingKey));
    assert_eq!(find(&everything(), "/?key", &[]), Err(Denial::MissingKey));
    assert_eq!(find(&everything(), "/?key=%ff", &[]), Err(Denial::UnknownKey));
    assert_eq!(find(&everything(), "/", &[("Sec-WebSocket-Protocol", "keygate.key.!")]), Err(Denial::UnknownKey));
}

#[test]
fn our_parameters_leave_the_query_and_others_stay() {
    let all = everything();
    for (query, left) in [
        ("a=1&key=k1&b=2", Some("a=1&b=2")),
        ("key=k1", None),
        ("%6bEy=1&%6bey=2", Some("%6bEy=1")),
        ("a=key", Some("a=key")),
        ("", Some("")),
    ] {
        assert_eq!(all.strip_query(Some(query)).as_deref(), left, "{query}");
    }
    assert_eq!(all.strip_query(None), None);
}

#[test]
fn our_headers_are_kept_from_the_backend_and_others_are_not() {
    let named = Locations { header: Some("x-api-key".into()), bearer: true, basic: true, ..Locations::default() };
    let none = Locations { header: None, bearer: false, basic: false, ..Locations::default() };
    for (name, value, ours) in [
        ("X-Api-Key", "k1", true),
        ("x-api-key", "", true),
        ("Authorization", "Bearer k1", true),
        ("authorization", "basic azE6", true),
        ("Authorization", "Digest k1", false),
        ("Authorization", "Bearerk1", false),
        ("Proxy-Authorization", "Bearer k1", false),
        ("X-Api-Keys", "k1", false),
        ("Accept", "*/*", false),
    ] {
        assert_eq!(named.owns_header(name, value.as_bytes()), ours, "{name}: {value}");
        assert!(!none.owns_header(name, value.as_bytes()), "{name}: {value}");
    }
    let bearer = Locations { basic: false, ..named.clone() };
    let basic = Locations { bearer: false, ..named };
    assert!(!bearer.owns_header("Authorization", b"Basic azE6") && !basic.owns_header("Authorization", b"Bearer k1"));
}

#[test]
fn our_subprotocols_are_ours_only_where_keys_may_stand_among_them() {
    let ask = |websocket_protocol, offered: &str| {
        let locations = Locations { websocket_protocol, ..Locations::default() };
        let headers = [Header { name: "Sec-WebSocket-Protocol", value: offered.as_bytes() }];
        let head = RequestHead::new("GET", "/", &headers, Ipv4Addr::LOCALHOST.into(), false).unwrap();
        let left: Vec<_> = locations.strip_protocols(&head).map(|item| String::from_utf8_lossy(item).into_owned()).collect();
        (locations.offers_own_protocol(&head), left.join(" "))
    };
    let told = |own, left: &str| (own, left.to_owned());
    assert_eq!(ask(true, "chat, keygate, keygate.key.azE"), told(true, "chat"));
    assert_eq!(ask(true, "keygate.key.azE, keygates"), told(false, "keygates"));
    assert_eq!(ask(false, "chat, keygate, keygate.key.azE"), told(false, "chat keygate keygate.key.azE"));
}

#[test]
fn a_presented_key_does_not_print() {
    let shown = format!("{:?}", Presented { text: "canary".into(), location: Location::Header });
    assert!(!shown.contains("canary"));
}
