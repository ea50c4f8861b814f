use super::*;
use crate::gate::request::Header;
use std::net::Ipv4Addr;

fn named(source: &ChannelSource, pattern: &str, target: &str, headers: &[(&str, &str)]) -> Result<Vec<String>, Denial> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect();
    let head = RequestHead::new("GET", target, &headers, Ipv4Addr::LOCALHOST.into(), false).unwrap();
    let mut seen = Vec::new();
    let pattern = PathPattern::parse(pattern).unwrap();
    source.named_in_head(&head, &pattern, |channel| {
        seen.push(channel.to_owned());
        Ok(())
    })?;
    Ok(seen)
}

fn in_body(pointer: &str, body: &str) -> Result<Vec<String>, Denial> {
    let mut seen = Vec::new();
    Pointer::parse(pointer).unwrap().named_in(body.as_bytes(), |channel| {
        seen.push(channel.to_owned());
        Ok(())
    })?;
    Ok(seen)
}

fn these(names: &[&str]) -> Result<Vec<String>, Denial> {
    Ok(names.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn a_query_names_one_channel_or_is_refused() {
    let source = ChannelSource::Query { name: "channel_id".into(), separator: None };
    for (query, expected) in [
        ("channel_id=chat:a", these(&["chat:a"])),
        ("x=1&channel_id=chat%3Aa&y", these(&["chat:a"])),
        ("channel%5Fid=caf%C3%A9", these(&["café"])),
        ("channel_id=a,b", Err(Denial::ChannelInvalid)),
        ("", Err(Denial::ChannelMissing)),
        ("channel_id", Err(Denial::ChannelMissing)),
        ("channel_id=", Err(Denial::ChannelMissing)),
        ("channels=a", Err(Denial::ChannelMissing)),
        ("channel_id=a&channel_id=a", Err(Denial::ChannelAmbiguous)),
        ("channel_id=a&channel%5fid=b", Err(Denial::ChannelAmbiguous)),
        ("channel_id=a&Channel_ID=b", Err(Denial::ChannelAmbiguous)),
        ("channel_id=a&channel.id=b", Err(Denial::ChannelAmbiguous)),
        ("channel_id=a&channel%20id=b", Err(Denial::ChannelAmbiguous)),
        ("channel_id=a&+channel_id=b", Err(Denial::ChannelAmbiguous)),
        ("channel_id=a&channel_id[]=b", Err(Denial::ChannelAmbiguous)),
        ("channel_id=a&channel_id%5B0%5D=b", Err(Denial::ChannelAmbiguous)),
        ("channel_id=a&x=1;channel_id=b", Err(Denial::ChannelAmbiguous)),
        ("channel_id=a&[channel_id]=b", Err(Denial::ChannelAmbiguous)),
        ("channel_id=a&channel_id]=b", Err(Denial::ChannelAmbiguous)),
        ("?channel_id=b&channel_id=a", Err(Denial::ChannelAmbiguous)),
        ("channel_id=a&channel_id%C2%A0=b", Err(Denial::ChannelAmbiguous)),
        ("channel_id=a&channel_id%1F=b", Err(Denial::ChannelAmbiguous)),
        ("channel_id=a&%00channel_id=b", Err(Denial::ChannelAmbiguous)),
        ("channel_id=a&%u0063hannel_id=b", Err(Denial::ChannelAmbiguous)),
        ("channel_id=%20[meta]log", Err(Denial::ChannelInvalid)),
        ("channel_id=a%E2%80%8B", Err(Denial::ChannelInvalid)),
        ("channel_id=a;b", Err(Denial::ChannelInvalid)),
        ("channel_id=a+b", Err(Denial::ChannelInvalid)),
        ("channel_id=%2561", Err(Denial::ChannelInvalid)),
        ("channel_id=%6", Err(Denial::ChannelInvalid)),
        ("channel_id=%FF", Err(Denial::ChannelInvalid)),
    ] {
        assert_eq!(named(&source, "/a", &format!("/a?{query}"), &[]), expected, "{query}");
    }
    let many = ChannelSource::Query { name: "c".into(), separator: Some(',') };
    assert_eq!(named(&many, "/a", "/a?c=a,b%2Cc", &[]), these(&["a", "b", "c"]));
    assert_eq!(named(&many, "/a", "/a?c=a,%20[meta]log", &[]), Err(Denial::ChannelInvalid));
}

#[test]
fn a_head_names_no_more_channels_than_a_stream_can_keep() {
    let many = ChannelSource::Query { name: "c".into(), separator: Some(',') };
    let ask = |count: usize| named(&many, "/a", &format!("/a?c={}", vec!["a"; count].join(",")), &[]).map(|seen| seen.len());
    assert_eq!((ask(64), ask(65)), (Ok(64), Err(Denial::ChannelInvalid)));
}

#[test]
fn a_header_names_one_channel_or_is_refused() {
    let source = ChannelSource::Header { name: "x-channel".into(), separator: None };
    let ask = |headers: &[(&str, &str)]| named(&source, "/a", "/a", headers);
    assert_eq!(ask(&[("X-Channel", " chat:a ")]), these(&["chat:a"]));
    assert_eq!(ask(&[]), Err(Denial::ChannelMissing));
    assert_eq!(ask(&[("X-Channel", " ")]), Err(Denial::ChannelMissing));
    assert_eq!(ask(&[("X-Channel", "a"), ("x-channel", "a")]), Err(Denial::ChannelAmbiguous));
    assert_eq!(ask(&[("X-Channel", "a"), ("X_Channel", "b")]), Err(Denial::ChannelAmbiguous));
    assert_eq!(ask(&[("X.Channel", "b")]), Err(Denial::ChannelAmbiguous));
    assert_eq!(ask(&[("X-Channel", "é")]), Err(Denial::ChannelInvalid));
    assert_eq!(ask(&[("X-Channel", "a%20b")]), Err(Denial::ChannelInvalid));
    // Whoever reads a list takes the white space away, and then it is no plain channel.
    let many = ChannelSource::Header { name: "x-channel".into(), separator: Some(',') };
    assert_eq!(named(&many, "/a", "/a", &[("X-Channel", "a,b")]), these(&["a", "b"]));
    assert_eq!(named(&many, "/a", "/a", &[("X-Channel", "a, [meta]log")]), Err(Denial::ChannelInvalid));
}

#[test]
fn a_path_names_one_channel() {
    let ask = |target: &str| named(&ChannelSource::Path, "/channels/{channel}/messages", target, &[]);
    assert_eq!(ask("/channels/chat:a/messages"), these(&["chat:a"]));
    assert_eq!(ask("/channels/caf%C3%A9/messages?channel=b"), these(&["café"]));
    assert_eq!(ask("/channels/a%20b/messages"), these(&["a b"]));
    assert_eq!(ask("/channels/%20%5Bmeta%5Dlog/messages"), Err(Denial::ChannelInvalid));
}

#[test]
fn a_body_names_all_its_channels_or_is_refused() {
    for (pointer, body, expected) in [
        ("/channel", r#"{"channel":"a","data":{"channel":"b"}}"#, these(&["a"])),
        ("/channel", r#" [{"channel":"a"},{"x":1,"channel":"b"}] "#, these(&["a", "b"])),
        ("/channels", r#"{"channels":["a","b"]}"#, these(&["a", "b"])),
        ("/a~1b/c~0d", r#"{"a/b":{"c~d":"x"}}"#, these(&["x"])),
        (
            "/commands/publish/channel",
            r#"{"commands":[{"publish":{"channel":"a"}},{"publish":{"channel":"b"}}]}"#,
            these(&["a", "b"]),
        ),
        ("/channel", r#"{"\u0063hannel":"\u0061"}"#, these(&["a"])),
        ("/channel", "{}", Err(Denial::ChannelMissing)),
        ("/channel", "[]", Err(Denial::ChannelMissing)),
        ("/channel", "7", Err(Denial::ChannelMissing)),
        ("/channel", "7.5", Err(Denial::ChannelMissing)),
        ("/channel", "\"a\"", Err(Denial::ChannelMissing)),
        ("/channels", r#"{"channels":[]}"#, Err(Denial::ChannelMissing)),
        ("/channel", r#"[{"channel":"a"},{}]"#, Err(Denial::ChannelMissing)),
        ("/channel", r#"{"Channel":"a"}"#, Err(Denial::ChannelAmbiguous)),
        ("/channel", r#"{"channel":"a","channel":"a"}"#, Err(Denial::ChannelAmbiguous)),
        ("/channel", r#"{"channel":"a","CHANNEL":"b"}"#, Err(Denial::ChannelAmbiguous)),
        ("/channel", r#"{"channel":"a","channel ":"b"}"#, Err(Denial::ChannelAmbiguous)),
        ("/channel", r#"{"channel":"a","channel\u0000":"b"}"#, Err(Denial::ChannelAmbiguous)),
        ("/channel", r#"{"channel":"a","channel\u0000x":"b"}"#, Err(Denial::ChannelAmbiguous)),
        ("/channel", r#"{"channel":"a","\u200bchannel":"b"}"#, Err(Denial::ChannelAmbiguous)),
        ("/channel", r#"{"channel":"a","channel\u001f":"b"}"#, Err(Denial::ChannelAmbiguous)),
        ("/channel", r#"{"channel":"a","\u0000channel":"b"}"#, Err(Denial::ChannelAmbiguous)),
        ("/channel", r#"{"channel":" [meta]log"}"#, Err(Denial::ChannelInvalid)),
        ("/channels", r#"{"channels":["a","\ufeff[meta]log"]}"#, Err(Denial::ChannelInvalid)),
        ("/token", "{\"token\":\"a\",\"to\u{212a}en\":\"b\"}", Err(Denial::ChannelAmbiguous)),
        ("/commands/channel", r#"{"commands":{"channel":"a"},"Commands":{"channel":"b"}}"#, Err(Denial::ChannelAmbiguous)),
        ("/channel", r#"{"channel":7}"#, Err(Denial::ChannelInvalid)),
        ("/channel", r#"{"channel":-7}"#, Err(Denial::ChannelInvalid)),
        ("/channel", r#"{"channel":7.5}"#, Err(Denial::ChannelInvalid)),
        ("/channel", r#"{"channel":true}"#, Err(Denial::ChannelInvalid)),
        ("/channel", r#"{"channel":null}"#, Err(Denial::ChannelInvalid)),
        ("/channel", r#"{"channel":{"a":"b"}}"#, Err(Denial::ChannelInvalid)),
        ("/channels", r#"{"channels":["a",7]}"#, Err(Denial::ChannelInvalid)),
        ("/channels", r#"{"channels":["a",7e0]}"#, Err(Denial::ChannelInvalid)),
        ("/channel", "", Err(Denial::BodyUnreadable)),
        ("/channel", r#"{"channel":"a"} {"channel":"b"}"#, Err(Denial::BodyUnreadable)),
        ("/channel", r#"{"channel":"a",}"#, Err(Denial::BodyUnreadable)),
        ("/channel", r#"{'channel':'a'}"#, Err(Denial::BodyUnreadable)),
        ("/channel", "\u{feff}{\"channel\":\"a\"}", Err(Denial::BodyUnreadable)),
        ("/channel", r#"{"channel":"\ud800"}"#, Err(Denial::BodyUnreadable)),
        ("/channel", r#"{"channel":"a"/* */}"#, Err(Denial::BodyUnreadable)),
    ] {
        assert_eq!(in_body(pointer, body), expected, "{pointer} in {body}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(in_body("/channel", &deep), Err(Denial::BodyUnreadable));
    assert_eq!(
        Pointer::parse("/channel").unwrap().named_in(b"{\"channel\":\"a\",\"b\":\"\xff\"}", |_| Ok(())),
        Err(Denial::BodyUnreadable)
    );
}

#[test]
fn json_is_read_in_utf_8_only() {
    let ask = |media: &str| {
        let headers = [Header { name: "Content-Type", value: media.as_bytes() }];
        is_json(&RequestHead::new("POST", "/a", &headers, Ipv4Addr::LOCALHOST.into(), false).unwrap()).is_ok()
    };
    for media in ["application/json", "Application/JSON; Charset=\"UTF-8\"", "application/a+json;x=charset;charset = utf-8"] {
        assert!(ask(media), "{media}");
    }
    for media in [
        "text/plain",
        "application/json;charset=utf-7",
        "application/json; charset*=''utf-7",
        "application/json; CHARSET*0=utf-7",
        "application/json; charset",
        "application/json, text/plain",
    ] {
        assert!(!ask(media), "{media}");
    }
}

#[test]
fn a_refused_channel_refuses_all() {
    let refuse = |channel: &str| if channel == "b" { Err(Denial::NotCapable) } else { Ok(()) };
    let pointer = Pointer::parse("/channels").unwrap();
    assert_eq!(pointer.named_in(br#"{"channels":["a","b","c"]}"#, refuse), Err(Denial::NotCapable));
    assert_eq!(pointer.named_in(br#"{"channels":["a","c"]}"#, refuse), Ok(()));
}

#[test]
fn pointers_that_would_miss_something_cannot_be_written() {
    for text in ["", "channel", "/", "/a//b", "/a/", "/0/channel", "/-", "/a~2", "/a~"] {
        assert!(Pointer::parse(text).is_err(), "{text} was taken");
    }
}
