//! Headers under other names, twice, and those that are not the client's to send.

use super::{
    super::{grammar::Draft, random::Random},
    header, insert,
};

pub fn case(random: &mut Random, draft: &mut Draft) {
    let Some(line) = header(random, draft) else { return };
    let colon = line.text.iter().position(|&byte| byte == b':').unwrap_or(0);
    for byte in &mut line.text[..colon] {
        if random.once_in(2) {
            *byte ^= if byte.is_ascii_alphabetic() { 0x20 } else { 0 };
        }
    }
}

pub fn space_around_colon(random: &mut Random, draft: &mut Draft) {
    let colon: &[u8] =
        random.any(&[&b" :"[..], b":", b":  ", b":\t", b"\t: ", b": \x0b", b":\x0c", b" \t:\t ", b":\x00", b": \xa0"]);
    let two = draft.credentials > 1;
    let Some(line) = header(random, draft).filter(|line| !(two && line.credential)) else { return };
    let Some(at) = line.text.iter().position(|&byte| byte == b':') else { return };
    let value = line.text[at + 1..].trim_ascii_start();
    line.text = [&line.text[..at], colon, value].concat();
    if random.once_in(3) {
        line.text.extend(random.any(&[&b" "[..], b"\t", b" \t ", b"\x0b"]));
    }
}

pub fn duplicate(random: &mut Random, draft: &mut Draft) {
    if draft.lines.len() < 2 {
        return;
    }
    let at = 1 + random.below(draft.lines.len() - 1);
    let line = draft.lines[at].clone();
    draft.credentials += usize::from(line.credential);
    let to = 1 + random.below(draft.lines.len());
    draft.lines.insert(to, line);
}

/// What CGI and its descendants take for the same name, and what is another one.
pub fn rename(random: &mut Random, draft: &mut Draft) {
    let other = random.any(b"_.- ");
    let Some(line) = header(random, draft).filter(|line| !line.credential) else { return };
    let colon = line.text.iter().position(|&byte| byte == b':').unwrap_or(0);
    line.text[..colon].iter_mut().filter(|byte| **byte == b'-').for_each(|byte| *byte = other);
}

/// The identity of somebody else, or a client that it is not, spelt in ways in which backends still see it.
pub fn identity(random: &mut Random, draft: &mut Draft) {
    const NAMES: [&str; 12] = [
        "X-Keygate-App",
        "x-keygate-key-id",
        "X-KEYGATE-KIND",
        "X_Keygate_Capability",
        "X.Keygate.App",
        "X-Keygate_Environment",
        "X-Keygate-Request-Id",
        "x_keygate.request-id",
        "X-Forwarded-For",
        "X_Forwarded_For",
        "Forwarded",
        "X-Keygate-Anything",
    ];
    let name = random.any(&NAMES);
    let colon = random.any(&[": ", ":", ":\t", " : "]);
    insert(random, draft, format!("{name}{colon}evil"));
}

/// `Connection` names what proxies then remove (CVE-2026-105299).
pub fn nominate(random: &mut Random, draft: &mut Draft) {
    const OPTIONS: [&str; 9] = [
        "x-keygate-app",
        "close, x-keygate-request-id",
        "X-Keygate-Kind",
        "host",
        "content-length",
        "transfer-encoding",
        "keep-alive, upgrade",
        "upgrade",
        "\"close\"",
    ];
    let option = random.any(&OPTIONS);
    let name = random.any(&["Connection", "Proxy-Connection", "connection"]);
    insert(random, draft, format!("{name}: {option}"));
    if random.once_in(2) {
        let upgrade = random_upgrade(random);
        insert(random, draft, upgrade);
    }
}

fn random_upgrade(random: &mut Random) -> &'static str {
    random.any(&[
        "Upgrade: h2c",
        "Upgrade: websocket",
        "HTTP2-Settings: AAMAAABkAAQAAP__",
        "Upgrade: WebSocket, h2c",
        "TE: trailers",
    ])
}

pub fn expect(random: &mut Random, draft: &mut Draft) {
    let text = random.any(&[
        "Expect: 100-continue",
        "Expect: 200-ok",
        "Trailer: X-Keygate-App",
        "Max-Forwards: 0",
        "Cookie: a=b",
        "Proxy-Authorization: Basic YTpi",
    ]);
    insert(random, draft, text);
}
