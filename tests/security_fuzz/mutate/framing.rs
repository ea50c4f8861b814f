//! Where a body ends, told in other ways than one.

use super::{
    super::{
        grammar::{Body, Draft},
        random::Random,
    },
    insert, named,
};

pub fn length(random: &mut Random, draft: &mut Draft) {
    let real = match &draft.body {
        Body::Raw(body) => body.len(),
        Body::Chunks(chunks) => chunks.iter().map(Vec::len).sum(),
    };
    let text = match random.below(16) {
        0 => format!("+{real}"),
        1 => format!("0{real}"),
        2 => format!("{real}, {real}"),
        3 => format!("{real} {real}"),
        4 => format!("{:#x}", real.max(1)),
        5 => "-1".to_owned(),
        6 => "18446744073709551616".to_owned(),
        7 => String::new(),
        8 => format!("{}", real + 1 + random.below(200)),
        9 => format!("{}", real.saturating_sub(1 + random.below(40))),
        10 => format!("{real};"),
        11 => format!("{real}\t"),
        12 => format!("\"{real}\""),
        13 => format!("{real}.0"),
        14 => "0".to_owned(),
        _ => format!("{real}"),
    };
    let replaced = random.once_in(2);
    match named(draft, b"content-length:").filter(|_| replaced) {
        Some(line) => line.text = format!("Content-Length: {text}").into_bytes(),
        None => insert(random, draft, format!("Content-Length: {text}")),
    }
}

pub fn coding(random: &mut Random, draft: &mut Draft) {
    const CODINGS: [&str; 16] = [
        "chunked",
        "Chunked",
        " chunked ",
        "chunked, identity",
        "identity, chunked",
        "gzip, chunked",
        "chunked, chunked",
        "xchunked",
        "\"chunked\"",
        "chunked;q=1",
        "chunked,",
        ",chunked",
        "\x0bchunked",
        "identity",
        "",
        "chu\x00nked",
    ];
    let text = random.any(&CODINGS);
    let name = random.any(&[
        "Transfer-Encoding:",
        "Transfer-Encoding :",
        "Transfer_Encoding:",
        "Transfer-Encoding",
        "TE:",
        "X: y\r\n\tTransfer-Encoding:",
    ]);
    let replaced = random.once_in(2);
    match named(draft, b"transfer-encoding:").filter(|_| replaced) {
        Some(line) => line.text = format!("Transfer-Encoding: {text}").into_bytes(),
        None => insert(random, draft, format!("{name} {text}")),
    }
}

pub fn chunk(random: &mut Random, draft: &mut Draft) {
    let Body::Chunks(chunks) = &mut draft.body else { return };
    if chunks.is_empty() {
        return;
    }
    let at = random.below(chunks.len());
    let chunk = &mut chunks[at];
    let Some(size_end) = chunk.windows(2).position(|two| two == b"\r\n") else { return };
    let (size, rest) = chunk.split_at(size_end);
    *chunk = match random.below(17) {
        0 => [b"0x", size, rest].concat(),
        1 => [b"+", size, rest].concat(),
        2 => [b"-", size, rest].concat(),
        3 => [b"000000000000000000", size, rest].concat(),
        4 => [b"fffffffffffffff", size, rest].concat(),
        5 => [size, b" ", rest].concat(),
        6 => [b" ", size, rest].concat(),
        7 => [size, b";a=b;c", rest].concat(),
        8 => [size, b";\n", rest].concat(),
        9 => [size, b"\n", &rest[2..]].concat(),
        10 => [size, b"\r", &rest[2..]].concat(),
        11 => [size, b"_", rest].concat(),
        12 => chunk[..chunk.len() - 2].to_vec(),
        13 => [&chunk[..], b"x"].concat(),
        14 => [&chunk[..chunk.len() - 2], b"\n"].concat(),
        15 => [&chunk[..chunk.len() - 2], b"X-Keygate-App: evil\r\nContent-Length: 3\r\n\r\n"].concat(),
        _ => [b"0\r\n\r\n", &chunk[..]].concat(),
    };
}

pub fn truncate(random: &mut Random, draft: &mut Draft) {
    match &mut draft.body {
        Body::Raw(body) if !body.is_empty() => body.truncate(random.below(body.len())),
        Body::Chunks(chunks) if !chunks.is_empty() => chunks.truncate(random.below(chunks.len())),
        Body::Raw(_) | Body::Chunks(_) => draft.blank = b"",
    }
}
