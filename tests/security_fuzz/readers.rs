//! Two servers' readings of the bytes that the gate sent: one that refuses what is not plain, and one that makes the best of
//! everything, as CGI and old servers do. Where they differ, or find what nobody let in, somebody got past the gate.

/// A head as a server sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub line: String,
    /// Names folded: in lower case, with `-` for `_` and `.`.
    pub headers: Vec<(String, String)>,
    /// Of the head, its empty line included.
    pub head_end: usize,
    /// Of the message; `None` while it is not whole.
    pub end: Option<usize>,
    /// Fields behind a chunked body.
    pub trailers: Vec<(String, String)>,
}

/// What a reader made of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// No head yet.
    Partial,
    Message(Seen),
    /// Not HTTP, and why.
    Broken(&'static str),
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

pub fn fold(name: &str) -> String {
    trim(name).to_ascii_lowercase().replace(['_', '.'], "-")
}

/// RFC 9112 to the letter: CRLF, tokens, one framing.
pub fn strict(bytes: &[u8]) -> Reading {
    let mut headers = [httparse::EMPTY_HEADER; 96];
    let mut request = httparse::Request::new(&mut headers);
    let head_end = match request.parse(bytes) {
        Ok(httparse::Status::Complete(end)) => end,
        Ok(httparse::Status::Partial) => return Reading::Partial,
        Err(_) => return Reading::Broken("no head that httparse takes"),
    };
    let head = &bytes[..head_end];
    if head.first() == Some(&b'\r') || memchr::memchr_iter(b'\n', head).any(|at| at == 0 || head[at - 1] != b'\r') {
        return Reading::Broken("a line that CRLF does not end");
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let line = text(head.split(|&byte| byte == b'\r').next().unwrap_or_default());
    let raw: Vec<_> =
        request.headers.iter().map(|header| (header.name.to_ascii_lowercase(), trim(&text(header.value)).to_owned())).collect();
    let values = |name: &str| raw.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str()).collect::<Vec<_>>();
    let (lengths, codings) = (values("content-length"), values("transfer-encoding"));
    let (end, trailers) = match (lengths.as_slice(), codings.as_slice()) {
        ([], []) => (Some(head_end), Vec::new()),
        ([length], []) => match length.bytes().all(|byte| byte.is_ascii_digit()).then(|| length.parse::<usize>()) {
            Some(Ok(length)) => (Some(head_end + length).filter(|&end| end <= bytes.len()), Vec::new()),
            Some(Err(_)) | None => return Reading::Broken("a length that is no number"),
        },
        ([], ["chunked"]) => match strict_chunks(bytes, head_end) {
            Ok(Some((end, trailers))) => (Some(end), trailers),
            Ok(None) => (None, Vec::new()),
            Err(why) => return Reading::Broken(why),
        },
        _ => return Reading::Broken("more than one framing"),
    };
    let headers = raw.iter().map(|(name, value)| (fold(name), value.clone())).collect();
    Reading::Message(Seen { line, headers, head_end, end, trailers })
}

type Chunks = Option<(usize, Vec<(String, String)>)>;

fn strict_chunks(bytes: &[u8], mut at: usize) -> Result<Chunks, &'static str> {
    loop {
        let Some((line, next)) = crlf_line(bytes, at)? else { return Ok(None) };
        let size = line.split(|&byte| byte == b';').next().unwrap_or_default();
        if size.is_empty() || size.len() > 15 || !size.iter().all(u8::is_ascii_hexdigit) {
            return Err("a chunk without a size");
        }
        let size =
            usize::from_str_radix(std::str::from_utf8(size).unwrap_or_default(), 16).map_err(|_| "a chunk without a size")?;
        at = next;
        if size == 0 {
            return strict_trailers(bytes, at);
        }
        let Some(end) = bytes.get(at + size..at + size + 2) else { return Ok(None) };
        if end != b"\r\n" {
            return Err("a chunk longer than it says");
        }
        at += size + 2;
    }
}

fn strict_trailers(bytes: &[u8], mut at: usize) -> Result<Chunks, &'static str> {
    let mut trailers = Vec::new();
    loop {
        let Some((line, next)) = crlf_line(bytes, at)? else { return Ok(None) };
        at = next;
        if line.is_empty() {
            return Ok(Some((at, trailers)));
        }
        trailers.extend(field(line));
    }
}

fn crlf_line(bytes: &[u8], at: usize) -> Result<Option<(&[u8], usize)>, &'static str> {
    let Some(length) = memchr::memchr(b'\n', &bytes[at..]) else { return Ok(None) };
    let line = bytes[at..at + length].strip_suffix(b"\r").ok_or("a line of a body that CRLF does not end")?;
    if line.contains(&b'\r') { Err("a bare CR in a body's line") } else { Ok(Some((line, at + length + 1))) }
}

/// Anything goes: LF ends lines, folded lines are joined, a name is what stands before the first colon, chunks count where the word
/// occurs, of two lengths the last one counts, and as much of a number as is one.
pub fn lenient(bytes: &[u8]) -> Reading {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    let mut at = start;
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let head_end = loop {
        let Some((line, next)) = any_line(bytes, at) else { return Reading::Partial };
        at = next;
        match (line.first(), lines.last_mut()) {
            (None, _) => break at,
            (Some(b' ' | b'\t'), Some(last)) if last.contains(&b':') => last.extend(line),
            _ => lines.push(line.to_vec()),
        }
    };
    let line = lines.first().map(|line| String::from_utf8_lossy(line).into_owned()).unwrap_or_default();
    let headers: Vec<_> = lines.iter().skip(1).filter_map(|line| field(line)).collect();
    let last = |name: &str| headers.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
    let chunked =
        headers.iter().any(|(name, value)| name == "transfer-encoding" && value.to_ascii_lowercase().contains("chunked"));
    let (end, trailers) = if chunked {
        lenient_chunks(bytes, head_end).map_or((None, Vec::new()), |(end, trailers)| (Some(end), trailers))
    } else {
        let digits: String = last("content-length")
            .unwrap_or("0")
            .chars()
            .skip_while(|c| !c.is_ascii_digit())
            .take_while(char::is_ascii_digit)
            .collect();
        let length = digits.parse::<usize>().unwrap_or(0);
        (head_end.checked_add(length).filter(|&end| end <= bytes.len()), Vec::new())
    };
    Reading::Message(Seen { line, headers, head_end, end, trailers })
}

fn lenient_chunks(bytes: &[u8], mut at: usize) -> Chunks {
    loop {
        let (line, next) = any_line(bytes, at)?;
        let digits: String = String::from_utf8_lossy(line).trim().chars().take_while(char::is_ascii_hexdigit).collect();
        let size = usize::from_str_radix(&digits, 16).unwrap_or(0);
        at = next;
        if size == 0 {
            let mut trailers = Vec::new();
            loop {
                let (line, next) = any_line(bytes, at)?;
                at = next;
                if line.is_empty() {
                    return Some((at, trailers));
                }
                trailers.extend(field(line));
            }
        }
        at = at.checked_add(size).filter(|&end| end <= bytes.len())?;
        (_, at) = any_line(bytes, at)?;
    }
}

fn any_line(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let length = memchr::memchr(b'\n', bytes.get(at..)?)?;
    let line = &bytes[at..at + length];
    Some((line.strip_suffix(b"\r").unwrap_or(line), at + length + 1))
}

fn field(line: &[u8]) -> Option<(String, String)> {
    let text = String::from_utf8_lossy(line);
    let (name, value) = text.split_once(':')?;
    Some((fold(name), trim(value).to_owned()))
}
