//! The words by which logs, metrics, answers and `explain` tell what the gate found. Whoever counts or searches by them relies on them.

use keygate::gate::{
    capability::{AdminRight, Capabilities, Need, Operation, Operations, Pattern, Place},
    credential::{Digester, Environment, Kind, Location, NoDigest, Pepper, PepperId, StoredDigest},
    keys::{Rare, RareFields, State, Thin},
    limit::LimitName,
    origin::OriginPattern,
    peer::Networks,
    policy::{Mismatch, Mode, PathPattern, Rewrite},
    testing,
};

#[test]
fn names_are_what_documents_say() {
    let (header, bearer, query) = (Location::Header, Location::Bearer, Location::Query);
    assert_eq!(
        [header, bearer, query, Location::WebsocketProtocol, Location::Basic, Location::Cookie].map(Location::name),
        ["header", "bearer", "query", "websocket_protocol", "basic", "cookie"]
    );
    assert_eq!([Kind::Publishable, Kind::Secret].map(Kind::name), ["publishable", "secret"]);
    assert_eq!([Environment::Live, Environment::Test].map(Environment::name), ["live", "test"]);
    assert_eq!([State::Active, State::Disabled, State::Revoked].map(State::name), ["active", "disabled", "revoked"]);
    assert_eq!(Kind::ALL.map(|kind| Kind::from_name(kind.name())), Kind::ALL.map(Some));
    assert_eq!(Environment::ALL.map(|known| Environment::from_name(known.name())), Environment::ALL.map(Some));
    assert_eq!(State::ALL.map(|state| State::from_name(state.name())), State::ALL.map(Some));
    assert_eq!((Kind::from_name("Secret"), Environment::from_name(""), State::from_name("expired")), (None, None, None));
    assert_eq!([Mismatch::Method, Mismatch::Path, Mismatch::Host].map(Mismatch::name), ["method", "path", "host"]);
    let by_time = [LimitName::Rate, LimitName::Day, LimitName::Month];
    assert_eq!(by_time.map(LimitName::name), ["rate", "day", "month"]);
    assert_eq!([LimitName::Connections, LimitName::Ip].map(LimitName::name), ["connections", "ip"]);
}

#[test]
fn what_was_read_is_told_as_it_was_written() {
    for text in ["/", "/a/*/b", "/a/**", "/c/{channel}/d"] {
        let pattern = PathPattern::parse(text).expect("a pattern");
        assert_eq!(pattern.to_string(), text);
        assert_eq!(Rewrite::new(text, &pattern).expect("a template").to_string(), text);
    }
    for text in ["null", "https://a.example", "https://*.a.example", "http://a.example:8080", "https://[::1]"] {
        assert_eq!(OriginPattern::parse(text).expect("an origin").to_string(), text);
    }
    assert_eq!(Pattern::parse("[meta]chat:*").expect("a pattern").to_string(), "[meta]chat:*");
    assert_eq!(AdminRight::parse("admin:keys").expect("a right").to_string(), "admin:keys");
    assert_eq!(Thin::<str>::from("demo").to_string(), "demo");
    let networks = ["10.0.0.0/8", "fd00::/8"].map(|text| Networks::parse(text).expect("a network"));
    assert_eq!(format!("{:?}", Networks::new(networks).expect("networks")), r#"["10.0.0.0/8", "fd00::/8"]"#);
}

#[test]
fn what_is_needed_is_told_in_words() {
    let both = Operations::NONE.with(Operation::Publish).with(Operation::Subscribe);
    let need = |operations, admin: Option<&str>, place| {
        let admin = admin.map(|text| AdminRight::parse(text).expect("a right"));
        Need { operations, admin, place }.to_string()
    };
    let channels = Place::Channels(["a".into(), "b:c".into()].into());
    assert_eq!(need(both, None, Place::Everywhere), "publish, subscribe on every channel");
    assert_eq!(need(Operations::ALL, None, Place::Anywhere), "* on some channel");
    assert_eq!(need(both, Some("admin"), channels), "admin and publish, subscribe on `a`, `b:c`");
    assert_eq!(need(Operations::NONE, Some("admin:keys"), Place::Everywhere), "admin:keys");
    assert_eq!(need(Operations::NONE, None, Place::Everywhere), "nothing");
    assert_eq!(Capabilities::on_every_channel(both).to_string(), r#"{"*":["publish","subscribe"]}"#);
}

#[test]
fn secrets_are_told_by_what_is_public_of_them() {
    let digest = testing::digest("text");
    assert_eq!(format!("{:?}", digest.digest), "KeyDigest(…)");
    let pepper = Pepper::new(&[7; 32]).expect("a pepper");
    let id = pepper.id();
    assert_eq!(PepperId::parse(&id.to_string()), Some(id));
    assert_eq!((format!("{id:?}"), format!("{pepper:?}")), (format!("PepperId({id})"), format!("Pepper({id})")));
    let stored = Digester::Sha256.stored("text");
    assert_eq!(StoredDigest::parse(&stored).expect("a digest").digest, digest.digest);
    let said = [StoredDigest::parse("sha256$").unwrap_err(), NoDigest::PepperId].map(|error| error.to_string());
    assert!(said[0].starts_with("expected `sha256$`") && said[1].contains("8 hex digits"), "{said:?}");
}

#[test]
fn what_is_rare_of_a_key_is_kept() {
    let networks = || Networks::new([Networks::parse("10.0.0.0/8").expect("a network")]).expect("networks");
    let (prefix, mode, ips) = (Some("acme".into()), Some(Mode::Report), Some(networks()));
    let rare = Rare::from(RareFields { prefix, mode, ips, ..RareFields::default() });
    assert_eq!((rare.prefix(), rare.mode(), rare.ips()), (Some("acme"), Some(Mode::Report), Some(&networks())));
    let plain = Rare::from(RareFields::default());
    assert_eq!((plain.prefix(), plain.mode(), plain.ips(), plain.previous().len()), (None, None, None, 0));
}
