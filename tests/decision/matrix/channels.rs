//! Tables of what a request is about: its channel, wherever it stands, against what the key holds.

use keygate::gate::{
    capability::Operation,
    channel::{ChannelSource, Pointer},
    keys::KeyRecord,
    policy::{Demand, Route},
    testing,
};

use super::Book;
use crate::world::{Ask, gate};

pub(super) fn tables(book: &mut Book) {
    places(book);
    bodies(book);
    streams(book);
}

fn route(name: &'static str, path: &str, channel: ChannelSource) -> Route {
    Route { channel, ..testing::route(name, path, Demand::Operation(Operation::Publish)) }
}

/// May publish on `chat` and below it, and subscribe anywhere.
fn key() -> KeyRecord {
    let capabilities = testing::capable(&[("chat", &["publish"]), ("chat:*", &["publish"]), ("*", &["subscribe"])]);
    KeyRecord { capabilities, ..testing::secret("key", "key") }
}

fn places(book: &mut Book) {
    let routes = [
        route("fixed", "/fixed", ChannelSource::Fixed("chat:a".into())),
        route("other", "/other", ChannelSource::Fixed("news".into())),
        route("path", "/path/{channel}", ChannelSource::Path),
        route("query", "/query", ChannelSource::Query { name: "channel".into(), separator: None }),
        route("queries", "/queries", ChannelSource::Query { name: "channel".into(), separator: Some(',') }),
        route("header", "/header", ChannelSource::Header { name: "x-channel".into(), separator: None }),
        route("unnamed", "/unnamed", ChannelSource::Unnamed),
    ];
    let gate = gate(testing::policy(routes), [key()]);
    book.table("Channel in the head, of a key that may publish on chat and chat:*", &["request"], |table| {
        for target in [
            "/fixed",
            "/other",
            "/unnamed",
            "/path/chat",
            "/path/chat:a:b",
            "/path/chat%3Aa",
            "/path/chats",
            "/path/chat:",
            "/path/%5Bqueue%5Dchat:a",
            "/path/*",
            "/query?channel=chat:a",
            "/query?channel=news",
            "/query?channel=chat:a,news",
            "/query?channel=chat:a&channel=chat:a",
            "/query?channel=chat:a&Channel=news",
            "/query?channel=%00",
            "/query?channel=%5Bx%5Dy",
            "/query",
            "/queries?channel=chat:a,chat",
            "/queries?channel=chat:a,news",
            "/queries?channel=chat:a,",
            "/header",
        ] {
            table.row(&[target], &gate, &Ask::get(target).key("key"));
        }
        for value in ["chat:a", "news"] {
            table.row(&[&format!("/header, {value}")], &gate, &Ask::get("/header").key("key").header("X-Channel", value));
        }
        let twice = Ask::get("/header").key("key").header("X-Channel", "chat:a").header("X_Channel", "news");
        table.row(&["/header, chat:a, X_Channel too"], &gate, &twice);
    });
}

fn bodies(book: &mut Book) {
    let json = ChannelSource::Json(Pointer::parse("/channel").expect("a pointer"));
    let gate = gate(testing::policy([route("json", "/json", json)]), [key()]);
    let ask = |media: &str, body: &str| Ask::new("POST", "/json").key("key").header("Content-Type", media).body(body);
    book.table("Channel in the body, of a key that may publish on chat and chat:*", &["type", "body"], |table| {
        for body in [
            r#"{"channel":"chat:a"}"#,
            r#"{"channel":"news"}"#,
            r#"{"channel":["chat:a","chat"]}"#,
            r#"{"channel":["chat:a","news"]}"#,
            r#"[{"channel":"chat:a"},{"channel":"chat:b"}]"#,
            r#"[{"channel":"chat:a"},{"channel":"news"}]"#,
            r#"[{"channel":"chat:a"},{}]"#,
            r#"{"channel":"chat:a","channel":"news"}"#,
            r#"{"channel":"chat:a","Channel":"news"}"#,
            r#"{"channel":""}"#,
            r#"{"channel":7}"#,
            r#"{"data":1}"#,
            "chat:a",
            "",
        ] {
            table.row(&["application/json", body], &gate, &ask("application/json", body));
        }
        let good = r#"{"channel":"chat:a"}"#;
        for media in [
            "application/json; charset=utf-8",
            "application/cloudevents+json",
            "application/json; charset=utf-16",
            "application/x-www-form-urlencoded",
            "text/plain",
            "",
        ] {
            table.row(&[media, good], &gate, &ask(media, good));
        }
        table.row(&["none", good], &gate, &Ask::new("POST", "/json").key("key").body(good));
        let twice = ask("application/json", good).header("Content-Type", "application/json");
        table.row(&["two", good], &gate, &twice);
        table.row(&["gzip", good], &gate, &ask("application/json", good).header("Content-Encoding", "gzip"));
    });
}

fn streams(book: &mut Book) {
    let query = || ChannelSource::Query { name: "channel".into(), separator: None };
    let json = ChannelSource::Json(Pointer::parse("/channel").expect("a pointer"));
    let routes = [
        route("unread", "/unread", query()),
        Route { one_way: true, ..route("one_way", "/one_way", query()) },
        Route { enforced_inside: true, ..route("inside", "/inside", query()) },
        Route { enforced_inside: true, ..route("inside_json", "/inside_json", json.clone()) },
        route("json", "/json", json),
        Route { one_way: true, ..route("one_way_unnamed", "/one_way_unnamed", ChannelSource::Unnamed) },
    ];
    let everything = || testing::secret("all", "all");
    let gate = gate(testing::policy(routes), [key(), everything()]);
    book.table("Streams by channel", &["key", "request", "transport"], |table| {
        for (who, text) in [("publish on chat:*", "key"), ("everything", "all")] {
            for target in [
                "/unread?channel=chat:a",
                "/one_way?channel=chat:a",
                "/one_way?channel=news",
                "/one_way",
                "/inside?channel=chat:a",
                "/inside?channel=news",
                "/inside_json",
                "/json",
                "/one_way_unnamed",
            ] {
                table.row(&[who, target, "websocket"], &gate, &Ask::get(target).key(text).websocket());
                table.row(&[who, target, "sse"], &gate, &Ask::get(target).key(text).event_stream());
            }
        }
    });
}
