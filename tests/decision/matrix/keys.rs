//! Tables of what a key is: its kind, environment and state, and the pages that use it.

use std::net::IpAddr;

use keygate::gate::{
    credential::{Environment, Kind},
    keys::{BrowserRule, KeyRecord, PreviousDigest, RareFields, State},
    peer::Networks,
    policy::{Demand, Policy},
    testing,
};

use super::Book;
use crate::world::{Ask, HOST, LISTED, NOW, UNLISTED, gate};

pub(super) fn tables(book: &mut Book) {
    lives(book);
    environments(book);
    addresses(book);
    origins(book);
}

fn lives(book: &mut Book) {
    book.table("Kind, environment and state, at a gate for live keys", &["kind", "environment", "state"], |table| {
        for kind in [Kind::Publishable, Kind::Secret] {
            for environment in [Environment::Live, Environment::Test] {
                for (state, record) in states(kind) {
                    let gate = gate(policy(), [KeyRecord { environment, ..record }]);
                    let ask = Ask::get("/any").key("presented");
                    let ask = if kind == Kind::Publishable { ask.origin(LISTED) } else { ask };
                    table.row(&[kind.name(), environment.name(), state], &gate, &ask);
                }
            }
        }
    });
}

fn environments(book: &mut Book) {
    let (live, test) = (Environment::Live, Environment::Test);
    book.table("Which environments a gate lets in", &["gate", "key"], |table| {
        for (name, environments) in [("live", vec![live]), ("test", vec![test]), ("live and test", vec![live, test])] {
            for environment in [live, test] {
                let record = KeyRecord { environment, ..testing::secret("key", "presented") };
                let gate = gate(Policy { environments: environments.clone(), ..policy() }, [record]);
                table.row(&[name, environment.name()], &gate, &Ask::get("/any").key("presented"));
            }
        }
    });
}

fn addresses(book: &mut Book) {
    let lists: [(&str, &[&str]); 4] = [
        ("none", &[]),
        ("10.0.0.0/8, 192.0.2.7", &["10.0.0.0/8", "192.0.2.7"]),
        ("2001:db8::/32", &["2001:db8::/32"]),
        ("::ffff:10.0.0.0/104", &["::ffff:10.0.0.0/104"]),
    ];
    book.table("Addresses that may use a key", &["ips", "address"], |table| {
        for (name, list) in lists {
            let networks = Networks::new(list.iter().map(|text| Networks::parse(text).expect("a network"))).expect("networks");
            let rare = RareFields { ips: (!list.is_empty()).then_some(networks), ..RareFields::default() };
            let gate = gate(policy(), [KeyRecord { rare: rare.into(), ..testing::secret("key", "presented") }]);
            for address in ["10.1.2.3", "::ffff:10.1.2.3", "192.0.2.7", "192.0.2.8", "2001:db8::1", "2001:db9::1"] {
                let ask = Ask::get("/any").from(address.parse::<IpAddr>().expect("an address"));
                table.row(&[name, address], &gate, &ask.key("presented"));
            }
        }
    });
}

/// A key in every state for whoever presents the text `presented`.
fn states(kind: Kind) -> Vec<(&'static str, KeyRecord)> {
    let key = |text| KeyRecord { kind, ..testing::publishable("key", text, &[LISTED]) };
    let rotated = |until_ms, expires_at_ms| KeyRecord {
        rare: testing::rotated([PreviousDigest { digest: testing::digest("presented"), until_ms }]),
        expires_at_ms,
        ..key("newer")
    };
    let now = NOW.unix_ms;
    vec![
        ("active", key("presented")),
        ("active, ends next millisecond", KeyRecord { expires_at_ms: now + 1, ..key("presented") }),
        ("expired just now", KeyRecord { expires_at_ms: now, ..key("presented") }),
        ("disabled", KeyRecord { state: State::Disabled, ..key("presented") }),
        ("revoked", KeyRecord { state: State::Revoked, ..key("presented") }),
        ("revoked and expired", KeyRecord { state: State::Revoked, expires_at_ms: now, ..key("presented") }),
        ("earlier secret, in grace", rotated(now + 1, i64::MAX)),
        ("earlier secret, grace over", rotated(now, i64::MAX)),
        ("earlier secret, key expired", rotated(now + 1, now)),
        ("earlier secret, key revoked", KeyRecord { state: State::Revoked, ..rotated(now + 1, i64::MAX) }),
        ("secret before the earlier one", key("newer")),
    ]
}

fn origins(book: &mut Book) {
    let publishable = || testing::publishable("key", "presented", &[LISTED, "https://*.wild.test"]);
    let secret = || testing::secret("key", "presented");
    let keys = [
        ("publishable", publishable()),
        ("publishable, missing_origin", KeyRecord { missing_origin: true, ..publishable() }),
        ("publishable, lists null", testing::publishable("key", "presented", &["null"])),
        ("publishable, lists nothing", testing::publishable("key", "presented", &[])),
        ("secret", secret()),
        ("secret, has origins", KeyRecord { origins: publishable().origins, ..secret() }),
        ("secret, browser: report", KeyRecord { rare: testing::in_browsers(BrowserRule::Report), ..secret() }),
    ];
    book.table("Origin and browser", &["key", "request"], |table| {
        for (name, record) in keys {
            let gate = gate(policy(), [record]);
            for (request, ask) in pages() {
                table.row(&[name, request], &gate, &ask.key("presented"));
            }
        }
    });
}

/// A request as each kind of page or program makes it.
fn pages() -> Vec<(&'static str, Ask)> {
    const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let ask = || Ask::get("/any");
    let site = |site| ask().header("Sec-Fetch-Site", site);
    vec![
        ("no Origin", ask()),
        ("no Origin, browser's User-Agent", ask().header("User-Agent", BROWSER)),
        ("no Origin, Sec-Fetch-Mode only", ask().header("Sec-Fetch-Mode", "cors")),
        ("same-origin", site("same-origin")),
        ("same-origin, other port", site("same-origin").host("app.test:8443")),
        ("same-origin, unlisted host", site("same-origin").host("evil.test")),
        ("same-site", site("same-site")),
        ("cross-site", site("cross-site")),
        ("typed as an address", site("none")),
        ("listed", ask().origin(LISTED)),
        ("listed, in capitals", ask().origin(&LISTED.to_uppercase())),
        ("listed, browser's User-Agent", ask().origin(LISTED).header("User-Agent", BROWSER)),
        ("listed, cross-site", site("cross-site").origin(LISTED)),
        ("listed by wildcard", ask().origin("https://a.b.wild.test")),
        ("the wildcard's own suffix", ask().origin("https://wild.test")),
        ("listed, but http", ask().origin("http://app.test")),
        ("listed, but other port", ask().origin("https://app.test:8443")),
        ("listed, and more behind it", ask().origin("https://app.test.evil.test")),
        ("listed, and a path", ask().origin("https://app.test/")),
        ("unlisted", ask().origin(UNLISTED)),
        ("unlisted, same-origin", site("same-origin").origin(UNLISTED)),
        ("null", ask().origin("null")),
        ("empty Origin", ask().origin("")),
        ("two origins in one", ask().origin(&format!("{LISTED} {UNLISTED}"))),
    ]
}

fn policy() -> Policy {
    assert_eq!(LISTED, format!("https://{HOST}"), "the same-origin rows stand on it");
    testing::policy([testing::route("any", "/any", Demand::Any)])
}
