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
fn a_presented_key_does_not_print() {
    let shown = format!("{:?}", Presented { text: "canary".into(), location: Location::Header });
    assert!(!shown.contains("canary"));
}
