//! Lines: how they end, what bytes they hold, and the first of them.

use super::{
    super::{grammar::Draft, random::Random},
    header, insert,
};

pub fn line_ends(random: &mut Random, draft: &mut Draft) {
    let end: &[u8] = random.any(&[&b"\n"[..], b"\r", b"\r\r\n", b"\n\r", b"\r\n\n", b"\n\n", b"\x00\r\n", b"\r\n\r"]);
    if random.once_in(4) {
        draft.blank = end;
        return;
    }
    let at = random.below(draft.lines.len());
    draft.lines[at].end = end;
}

/// Some bytes of the head. With two credentials the lines of them are left alone: one with a broken name would be a backend's
/// header, and the other one would take it there.
pub fn bytes(random: &mut Random, draft: &mut Draft) {
    let at = random.below(draft.lines.len());
    if draft.lines[at].credential && draft.credentials > 1 || draft.lines[at].text.is_empty() {
        return;
    }
    let text = &mut draft.lines[at].text;
    for _ in 0..=random.below(3) {
        let (place, byte) = (random.below(text.len()), random.word().to_le_bytes()[0]);
        match random.below(3) {
            0 => text[place] = byte,
            1 => text.insert(place, byte),
            _ if text.len() > 1 => drop(text.remove(place)),
            _ => {}
        }
    }
}

pub fn request_line(random: &mut Random, draft: &mut Draft) {
    let text = String::from_utf8_lossy(&draft.lines[0].text).into_owned();
    let (method, rest) = text.split_once(' ').unwrap_or((&text, ""));
    let (target, version) = rest.rsplit_once(' ').unwrap_or((rest, "HTTP/1.1"));
    draft.lines[0].text = match random.below(16) {
        0 => format!("{method}  {target} {version}"),
        1 => format!("{method}\t{target}\t{version}"),
        2 => format!("{method} {target}"),
        3 => format!("{method} {target} HTTP/1.0"),
        4 => format!("{method} {target} HTTP/2.0"),
        5 => format!("{method} {target} http/1.1"),
        6 => format!("{method} {target} {version} "),
        7 => format!("\r\n{text}"),
        8 => format!(" {text}"),
        9 => format!("{} {target} {version}", method.to_ascii_lowercase()),
        10 => format!("{method} http://gate{target} {version}"),
        11 => format!("{method} http://evil@gate:80{target} {version}"),
        12 => format!("CONNECT gate:80 {version}"),
        13 => format!("{method} {target} {version}\r\n{method} {target} {version}"),
        14 => format!("{method} {target} HTTP/1.1.1"),
        _ => format!("{method}\x00 {target} {version}"),
    }
    .into_bytes();
}

pub fn path(random: &mut Random, draft: &mut Draft) {
    const TRICKS: [&str; 16] = [
        "//", "/./", "/../", "/..;/", "/%2e%2e/", "/%2f", "/%5c", "\\", "/%00", ";x=", "#", "/%252e", "/\u{e9}", "/%", "/..%2f",
        "?/../",
    ];
    let trick = random.any(&TRICKS);
    let text = String::from_utf8_lossy(&draft.lines[0].text).into_owned();
    let Some(at) = text.find('/') else { return };
    let end = text[at..].find([' ', '?']).map_or(text.len(), |length| at + length);
    let places: Vec<_> = text.char_indices().map(|(place, _)| place).filter(|place| (at + 1..end).contains(place)).collect();
    if !places.is_empty() {
        let (before, after) = text.split_at(random.any(&places));
        draft.lines[0].text = format!("{before}{trick}{after}").into_bytes();
    }
}

pub fn fold(random: &mut Random, draft: &mut Draft) {
    let fold = random.any(&["\r\n ", "\r\n\t", "\n ", "\r "]);
    let Some(line) = header(random, draft).filter(|line| !line.credential) else { return };
    // Not before its first byte: there the fold would be the empty line, and what is above it a request of its own.
    let at = 1 + random.below(line.text.len());
    line.text.splice(at..at, fold.bytes());
}

/// Never the request line, which keeps a head that lost its end from taking in the next one.
pub fn drop_line(random: &mut Random, draft: &mut Draft) {
    let at = random.below(draft.lines.len());
    // One of two credentials dropped would make a good request of a bad one.
    if at > 0 && !(draft.lines[at].credential && draft.credentials > 1) {
        draft.lines.remove(at);
    }
}

pub fn swell(random: &mut Random, draft: &mut Draft) {
    if random.once_in(2) {
        let length = random.any(&[200, 4_000, 8_200, 17_000]);
        return insert(random, draft, format!("X-Long: {}", "x".repeat(length)));
    }
    for n in 0..random.any(&[20, 58, 64, 70]) {
        insert(random, draft, format!("X-{n}: y"));
    }
}
