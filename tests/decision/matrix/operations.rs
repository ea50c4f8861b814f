//! Tables of what a key may do: by route and transport, and for each operation by itself.

use keygate::gate::{
    capability::{Operation, Operations},
    keys::KeyRecord,
    policy::{Demand, Route},
    testing,
};

use super::Book;
use crate::world::{Ask, LISTED, gate};

pub(super) fn tables(book: &mut Book) {
    transports(book);
    each(book);
}

fn transports(book: &mut Book) {
    let one = |operation| Operations::NONE.with(operation);
    let keys = [
        ("publishable: subscribe", testing::publishable("key", "key", &[LISTED])),
        ("publishable: *", KeyRecord { operations: Operations::CHANNEL, ..testing::publishable("key", "key", &[LISTED]) }),
        ("secret: everything", testing::secret("key", "key")),
        ("secret: *", KeyRecord { operations: Operations::CHANNEL, ..testing::secret("key", "key") }),
        ("secret: publish", KeyRecord { operations: one(Operation::Publish), ..testing::secret("key", "key") }),
        ("secret: nothing", KeyRecord { operations: Operations::NONE, ..testing::secret("key", "key") }),
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

const TRANSPORTS: [(&str, &str, Shape); 4] = [
    ("http", "", std::convert::identity),
    ("websocket", "", Ask::websocket),
    ("websocket, enforce_inside", "/inside", Ask::websocket),
    ("sse", "", Ask::event_stream),
];

fn routes() -> impl Iterator<Item = Route> {
    let demands = [
        ("any", Demand::Any),
        ("subscribe", Demand::Operation(Operation::Subscribe)),
        ("publish", Demand::Operation(Operation::Publish)),
        ("admin", Demand::Operation(Operation::Admin)),
    ];
    demands.into_iter().flat_map(|(name, demand)| {
        let plain = testing::route(name, &format!("/{name}"), demand);
        let inside = testing::route(&format!("inside-{name}"), &format!("/inside/{name}"), demand);
        [plain, Route { enforced_inside: true, ..inside }]
    })
}

fn each(book: &mut Book) {
    book.table("Each operation, asked of a key with", &["operation", "capability"], |table| {
        for &operation in Operation::ALL {
            table.demands(operation);
            for (capability, operations) in [
                ("it alone", Operations::NONE.with(operation)),
                ("all but it", without(operation)),
                ("*", Operations::CHANNEL),
                ("everything", Operations::EVERYTHING),
            ] {
                let gate = gate(
                    testing::policy([testing::route("route", "/route", Demand::Operation(operation))]),
                    [KeyRecord { operations, ..testing::secret("key", "key") }],
                );
                table.row(&[operation.name(), capability], &gate, &Ask::get("/route").key("key"));
            }
        }
    });
}

fn without(operation: Operation) -> Operations {
    Operation::ALL.iter().filter(|other| **other != operation).fold(Operations::NONE, |set, other| set.with(*other))
}
