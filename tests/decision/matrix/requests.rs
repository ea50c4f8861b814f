//! Tables of what a request brings: its credential, and where it stands; and of what stops it whoever sends it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keygate::gate::{
    Gate,
    blocks::Target,
    capability::{Operation, Operations},
    credential::{Environment, Kind, Locations, compose},
    keys::{KeyLimits, KeyRecord, Rare, RareFields, State},
    limit::Quotas,
    origin::HostPattern,
    policy::{Demand, HostRule, Mode, Policy, Route},
    testing,
};

use super::Book;
use crate::world::{Ask, LISTED, NOW, UNLISTED, at_once, block, blocks, gate};

pub(super) fn tables(book: &mut Book) {
    locations(book);
    texts(book);
    stops(book);
    modes(book);
}

/// Public routes, and what is only reported: the route's word counts before the policy's.
fn modes(book: &mut Book) {
    let public = testing::route("public", "/public", Demand::Public);
    let moded =
        |name, path, mode| Route { mode: Some(mode), ..testing::route(name, path, Demand::Operation(Operation::Publish)) };
    let routes = || {
        let unrouted = testing::route("unrouted", "/**", Demand::Unroutable);
        let said = [moded("watched", "/watched", Mode::Report), moded("held", "/held", Mode::Enforce), public.clone()];
        said.into_iter().chain([testing::route("plain", "/plain", Demand::Any), unrouted])
    };
    let spent = |key| KeyRecord { limits: KeyLimits { connections: Some(0), ..KeyLimits::default() }.into(), ..key };
    let keys = || {
        let revoked = KeyRecord { state: State::Revoked, ..testing::secret("gone", "gone") };
        let watched = |mode| Rare::from(RareFields { mode: Some(mode), ..RareFields::default() });
        let dead = KeyRecord { state: State::Disabled, rare: watched(Mode::Report), ..testing::secret("dead", "dead") };
        let own = [("watched", Mode::Report), ("held", Mode::Enforce)]
            .map(|(id, mode)| KeyRecord { rare: watched(mode), ..testing::publishable(id, id, &[LISTED]) });
        pair().into_iter().chain([revoked, spent(testing::secret("full", "full")), dead]).chain(own)
    };
    book.table("Public routes and report mode", &["mode", "path", "request"], |table| {
        for mode in [Mode::Enforce, Mode::Report] {
            let gate = gate(Policy { mode, ..testing::policy(routes()) }, keys());
            for path in ["/public", "/plain", "/watched", "/held", "/nowhere"] {
                let ask = || Ask::get(path);
                for (name, ask) in [
                    ("no credential", ask()),
                    ("good", ask().key("sk")),
                    ("two credentials", ask().key("sk").key("sk")),
                    ("of nobody", ask().key("nobody")),
                    ("revoked", ask().key("gone")),
                    ("of an unlisted origin", ask().key("pk").origin(UNLISTED)),
                    ("of an unlisted origin, key: report", ask().key("watched").origin(UNLISTED)),
                    ("of an unlisted origin, key: enforce", ask().key("held").origin(UNLISTED)),
                    ("disabled, key: report", ask().key("dead")),
                    ("without a place", ask().key("full").websocket()),
                    (
                        "preflight of an unlisted origin",
                        Ask::new("OPTIONS", path).origin(UNLISTED).header("Access-Control-Request-Method", "GET"),
                    ),
                ] {
                    table.row(&[&format!("{mode:?}").to_lowercase(), path, name], &gate, &ask);
                }
            }
        }
        for (request, of, ask) in [
            ("good, of a blocked peer", Target::network("192.0.2.1"), Ask::get("/plain").key("sk")),
            ("no credential, of a blocked peer", Target::network("192.0.2.1"), Ask::get("/public")),
            ("of a blocked key", Target::key("sk"), Ask::get("/plain").key("sk")),
            ("of a key that is blocked and revoked", Target::key("gone"), Ask::get("/plain").key("gone")),
        ] {
            let gate = gate(Policy { mode: Mode::Report, ..testing::policy(routes()) }, keys());
            let gate = blocking(gate, &of.expect("a target"), i64::MAX);
            table.row(&["report", if request.starts_with("no") { "/public" } else { "/plain" }, request], &gate, &ask);
        }
        table.row(
            &["report", "/plain", "good, before there is a key set"],
            &Gate::new(Policy { mode: Mode::Report, ..testing::policy(routes()) }),
            &Ask::get("/plain").key("sk"),
        );
    });
}

fn locations(book: &mut Book) {
    let all = Locations { query: ["key".into(), "api_key".into()].into(), bearer: true, ..Locations::default() };
    let none = Locations { header: None, bearer: false, websocket_protocol: false, query: [].into(), ..Locations::default() };
    let rules = [
        ("all", "publishable", all.clone()),
        ("all", "secret", all.clone()),
        ("all, query_secrets: allow", "secret", Locations { secrets_in_query: true, ..all }),
        ("default: header, subprotocol", "secret", Locations::default()),
        ("none", "secret", none),
    ];
    book.table("Where the credential stands", &["locations", "key", "request"], |table| {
        let narrow =
            Locations { basic: true, cookie: Some("token".into()), query: ["key".into()].into(), ..Locations::default() };
        let strict = gate(Policy { locations: narrow, ..policy() }, pair());
        for (place, ask) in [
            ("basic: key as user", Ask::get("/any").basic("sk:")),
            ("basic: key as password", Ask::get("/any").basic(":sk")),
            ("basic: user and password of nobody", Ask::get("/any").basic("app.id:sk")),
            ("basic: nothing", Ask::get("/any").basic(":")),
            ("basic: no colon", Ask::get("/any").basic("sk")),
            ("basic: no base64", Ask::get("/any").header("Authorization", "Basic !")),
            ("basic, in the clear", Ask::get("/any").basic("sk:").in_the_clear()),
            ("basic, in the clear on this machine", Ask::get("/any").basic("sk:").in_the_clear().from([127, 0, 0, 1])),
            ("bearer, which is not named", Ask::get("/any").header("Authorization", "Bearer sk")),
            ("cookie", Ask::get("/any").header("Cookie", "a=b; token=sk")),
            ("cookie of another name", Ask::get("/any").header("Cookie", "Token=sk; tokens=sk")),
            ("two: basic, cookie", Ask::get("/any").basic("sk:").header("Cookie", "token=sk")),
            ("two: cookie, cookie", Ask::get("/any").header("Cookie", "token=sk;token=sk")),
            ("two: header, cookie", Ask::get("/any").key("sk").header("Cookie", "token=")),
        ] {
            table.row(&["basic, cookie, header, query", "secret", place], &strict, &ask);
        }
        for (rule, key, locations) in rules {
            let gate = gate(Policy { locations, ..policy() }, pair());
            for (place, ask) in placed(if key == "secret" { "sk" } else { "pk" }) {
                let ask = if key == "secret" { ask } else { ask.origin(LISTED) };
                table.row(&[rule, key, place], &gate, &ask);
            }
        }
    });
}

/// The text in every place, and in two of them.
fn placed(text: &str) -> Vec<(&'static str, Ask)> {
    let ask = || Ask::get("/any");
    let protocol = format!("keygate.key.{}", URL_SAFE_NO_PAD.encode(text));
    let offering = |protocols: &str| ask().websocket().header("Sec-WebSocket-Protocol", protocols);
    vec![
        ("no credential", ask()),
        ("header", ask().key(text)),
        ("header, empty", ask().key("")),
        ("bearer", ask().header("Authorization", &format!("Bearer {text}"))),
        ("bearer, in capitals", ask().header("AUTHORIZATION", &format!("BEARER {text}"))),
        ("another Authorization", ask().header("Authorization", &format!("Basic {text}"))),
        ("query", ask().query(&format!("key={text}"))),
        ("query, its other name", ask().query(&format!("api_key={text}"))),
        ("query, name in escapes", ask().query(&format!("%6bey={text}"))),
        ("query, another name", ask().query(&format!("token={text}"))),
        ("subprotocol", offering(&format!("{protocol}, keygate"))),
        ("subprotocol, not base64", offering("keygate.key.!")),
        ("two: header, header", ask().key(text).key(text)),
        ("two: header, bearer", ask().key(text).header("Authorization", &format!("Bearer {text}"))),
        ("two: header, query", ask().key(text).query(&format!("key={text}"))),
        ("two: header, subprotocol", offering(&protocol).key(text)),
        ("two: query, query", ask().query(&format!("key={text}&key={text}"))),
        ("two: subprotocol, subprotocol", offering(&format!("{protocol}, {protocol}"))),
        ("two: header, another's query", ask().key(text).query("key=other")),
        ("two: header, empty query", ask().key(text).query("key=")),
    ]
}

fn texts(book: &mut Book) {
    let generated = compose(None, Kind::Secret, Environment::Live, 0..=255).expect("bytes enough for a key");
    let mistyped = generated.replacen("live_0", "live_1", 1);
    let gate = gate(policy(), [testing::secret("generated", &generated), testing::secret("imported", "sk_abc")]);
    book.table("The text of the key", &["text"], |table| {
        for (name, text) in [
            ("generated", generated.as_str()),
            ("generated, with space around it", &format!(" {generated} ")),
            ("generated, one character wrong", &mistyped),
            ("generated, in capitals", &generated.to_uppercase()),
            ("imported", "sk_abc"),
            ("imported, cut short", "sk_ab"),
            ("of nobody", "nobody"),
            ("of 256 bytes", &"k".repeat(256)),
            ("of 257 bytes", &"k".repeat(257)),
        ] {
            table.row(&[name], &gate, &Ask::get("/any").key(text));
        }
    });
}

fn stops(book: &mut Book) {
    let ask = || Ask::get("/any").key("sk");
    let refused = |times: u32| {
        let gate = gate(Policy { peer_refusals: Some(at_once(2)), ..policy() }, pair());
        for _ in 0..times {
            let _ = ask().key("and another").at(&gate, NOW);
        }
        gate
    };
    let limits = |limits: KeyLimits| gate(policy(), [KeyRecord { limits: limits.into(), ..testing::secret("sk", "sk") }]);
    let spent = || {
        let gate = limits(KeyLimits { rate: Some(at_once(2)), ..KeyLimits::default() });
        let _ = (ask().at(&gate, NOW), ask().at(&gate, NOW));
        gate
    };
    let counted = |day, month| {
        let gate = limits(KeyLimits { quotas: Quotas { day: Some(day), month: Some(month) }, ..KeyLimits::default() });
        let _ = (ask().at(&gate, NOW), ask().at(&gate, NOW));
        gate
    };
    let full = || limits(KeyLimits { connections: Some(0), ..KeyLimits::default() });
    let usual = || gate(policy(), pair());
    book.table("What stops any request", &["gate", "request"], |table| {
        for (what, of) in [
            ("the peer blocked", Target::network("192.0.2.1")),
            ("its network blocked", Target::network("192.0.2.77/25")),
            ("another's blocked", Target::network("192.0.2.128/25")),
            ("the key blocked", Target::key("sk")),
            ("another key blocked", Target::key("pk")),
        ] {
            let of = of.expect("a target");
            for (when, until_ms) in [("", i64::MAX), (", until now", NOW.unix_ms)] {
                table.row(&[&format!("{what}{when}"), "good"], &blocking(usual(), &of, until_ms), &ask());
            }
            table.row(&[what, "of nobody"], &blocking(usual(), &of, i64::MAX), &Ask::get("/any").key("nobody"));
        }
        table.row(&["no key set yet", "good"], &Gate::new(policy()), &ask());
        table.row(&["an empty key set", "good"], &gate(policy(), []), &ask());
        let stale = usual();
        stale.keys_are_fresh_until(NOW.ticks_ns);
        table.row(&["a key set that is too old", "good"], &stale, &ask());
        table.row(&["one refusal of two spent", "good"], &refused(1), &ask());
        table.row(&["two refusals of two spent", "good"], &refused(2), &ask());
        table.row(&["two refusals of two spent", "good, of another peer"], &refused(2), &ask().from([192, 0, 2, 2]));
        table.row(&["usual", "of another path"], &usual(), &Ask::get("/anything").key("sk"));
        table.row(&["usual", "of a path below"], &usual(), &Ask::get("/any/").key("sk"));
        table.row(&["usual", "of another method"], &usual(), &Ask::new("PUT", "/posted").key("sk"));
        table.row(&["usual", "of the method"], &usual(), &Ask::new("POST", "/posted").key("sk"));
        table.row(&["usual", "of another host"], &usual(), &Ask::get("/hosted").key("sk"));
        table.row(&["usual", "of the host, with a port"], &usual(), &Ask::get("/hosted").host("HOST.test:8080").key("sk"));
        table.row(&["the key's rate spent", "good"], &spent(), &ask());
        table.row(&["two of three of the day spent", "good"], &counted(3, 9), &ask());
        table.row(&["the day's quota spent", "good"], &counted(2, 9), &ask());
        table.row(&["the day's quota spent", "websocket"], &counted(2, 9), &ask().websocket());
        table.row(&["the month's quota spent", "good"], &counted(9, 2), &ask());
        table.row(&["the key's places taken", "http"], &full(), &ask());
        table.row(&["the key's places taken", "websocket"], &full(), &ask().websocket());
        table.row(&["the key's places taken", "sse"], &full(), &ask().event_stream());
    });
}

fn blocking(gate: Gate, target: &Target, until_ms: i64) -> Gate {
    let _ = gate.publish_blocks(&blocks([block(target, until_ms)]));
    gate
}

fn pair() -> [KeyRecord; 2] {
    let pk =
        KeyRecord { capabilities: testing::on_every_channel(Operations::ALL), ..testing::publishable("pk", "pk", &[LISTED]) };
    [pk, testing::secret("sk", "sk")]
}

fn policy() -> Policy {
    let any = |name, path| testing::route(name, path, Demand::Any);
    testing::policy([
        any("any", "/any"),
        Route { methods: ["POST".into()].into(), ..any("posted", "/posted") },
        Route { host: Some(HostRule(HostPattern::Exact("host.test".into()))), ..any("hosted", "/hosted") },
    ])
}
