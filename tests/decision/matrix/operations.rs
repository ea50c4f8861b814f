//! Tables of what a key may do: by route and transport, and for each operation by itself.

use std::sync::Arc;

use keygate::gate::{
    capability::{AdminRight, Capabilities, Operation, Operations},
    keys::KeyRecord,
    policy::{Demand, Route},
    testing,
};

use super::Book;
use crate::world::{Ask, LISTED, gate};

pub(super) fn tables(book: &mut Book) {
    transports(book);
    each(book);
    management(book);
}

fn transports(book: &mut Book) {
    let with = |record: KeyRecord, entries: &[(&str, &[&str])]| KeyRecord { capabilities: testing::capable(entries), ..record };
    let (publishable, secret) = (|| testing::publishable("key", "key", &[LISTED]), || testing::secret("key", "key"));
    let keys = [
        ("publishable: subscribe", publishable()),
        ("publishable: *", with(publishable(), &[("*", &["*"])])),
        ("publishable: subscribe on chat:*", with(publishable(), &[("chat:*", &["subscribe"])])),
        ("secret: everything", secret()),
        ("secret: *", with(secret(), &[("*", &["*"])])),
        ("secret: * on chat:*", with(secret(), &[("chat:*", &["*"])])),
        ("secret: * on [queue]*", with(secret(), &[("[queue]*", &["*"])])),
        ("secret: publish", with(secret(), &[("*", &["publish"])])),
        ("secret: nothing", with(secret(), &[])),
    ];
    book.table("Operation by route and transport", &["key", "route", "transport"], |table| {
        for (key, record) in keys {
            let publishable = key.starts_with("publishable");
            let gate = gate(testing::policy(routes()), [record]);
            for route in ["any", "subscribe", "publish", "admin"] {
                for (transport, prefix, shape) in TRANSPORTS {
                    let ask = shape(Ask::get(&format!("{prefix}/{route}")).key("key"));
                    let ask = if publishable { ask.origin(LISTED) } else { ask };
                    table.row(&[key, route, transport], &gate, &ask);
                }
            }
        }
    });
}

type Shape = fn(Ask) -> Ask;

const TRANSPORTS: [(&str, &str, Shape); 6] = [
    ("http", "", std::convert::identity),
    ("http, enforce_inside", "/inside", std::convert::identity),
    ("websocket", "", Ask::websocket),
    ("websocket, enforce_inside", "/inside", Ask::websocket),
    ("sse", "", Ask::event_stream),
    ("sse, enforce_inside", "/inside", Ask::event_stream),
];

fn routes() -> impl Iterator<Item = Route> {
    let demands = [
        ("any", Demand::Any),
        ("subscribe", Demand::Operation(Operation::Subscribe)),
        ("publish", Demand::Operation(Operation::Publish)),
        ("admin", Demand::Admin(AdminRight::WHOLE)),
    ];
    demands.into_iter().flat_map(|(name, demand)| {
        let plain = testing::route(name, &format!("/{name}"), demand.clone());
        let inside = testing::route(&format!("inside-{name}"), &format!("/inside/{name}"), demand);
        [plain, Route { enforced_inside: true, ..inside }]
    })
}

fn each(book: &mut Book) {
    book.table("Each operation, asked of a key with", &["operation", "capability"], |table| {
        for &operation in Operation::ALL {
            table.demands(operation);
            let alone = Operations::NONE.with(operation);
            for (capability, capabilities) in [
                ("it alone", testing::on_every_channel(alone)),
                ("it alone, on chat:*", testing::capable(&[("chat:*", &[operation.name()])])),
                ("all but it", testing::on_every_channel(Operations::ALL.without(alone))),
                ("*", testing::on_every_channel(Operations::ALL)),
                ("everything", Arc::new(Capabilities::everything())),
            ] {
                let gate = gate(
                    testing::policy([testing::route("route", "/route", Demand::Operation(operation))]),
                    [KeyRecord { capabilities, ..testing::secret("key", "key") }],
                );
                table.row(&[operation.name(), capability], &gate, &Ask::get("/route").key("key"));
            }
        }
    });
}

fn management(book: &mut Book) {
    book.table("Management, asked of a key with", &["operation", "capability"], |table| {
        for operation in ["admin", "admin:clients"] {
            let demand = Demand::Admin(AdminRight::parse(operation).expect("a right"));
            for names in [
                ["*"].as_slice(),
                &["admin"],
                &["admin:clients"],
                &["admin:acl"],
                &["admin:acl", "admin:clients", "*"],
                &["keygate:keys"],
                &["admin", "keygate:keys"],
            ] {
                let gate = gate(
                    testing::policy([testing::route("route", "/route", demand.clone())]),
                    [KeyRecord { capabilities: testing::capable(&[("*", names)]), ..testing::secret("key", "key") }],
                );
                table.row(&[operation, &names.join(", ")], &gate, &Ask::get("/route").key("key"));
            }
        }
    });
}
