//! What lenient servers make of a target: decoded never, once or twice, with `;` and without, slashes merged, dots folded, cut at NUL.
//! Case is not folded, nor are dots and white space at a segment's end: a backend that takes `/API` for `/api` needs routes that say so.

/// The beginnings of what is protected.
pub const PROTECTED: [&str; 4] = ["/api", "/metrics", "/realtime", "/connection"];

/// Whether some server finds a protected path in `target` that its first bytes do not show: those were decided about.
pub fn means_protected(target: &str) -> bool {
    let plain = target.split('?').next().unwrap_or_default();
    let once = decoded(plain);
    let twice = decoded(&once);
    [plain, &once, &twice].into_iter().any(|text| [false, true].into_iter().any(|cut| is_protected(&folded(text, cut))))
}

fn is_protected(path: &str) -> bool {
    PROTECTED.iter().any(|start| path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// Overlong and wide spellings of a slash are slashes too: some decoders took them for it.
fn decoded(text: &str) -> String {
    let text = text.replace("%c0%af", "/").replace("\u{ef}\u{bc}\u{8f}", "/");
    let bytes = text.as_bytes();
    let (mut out, mut at) = (String::new(), 0);
    while at < bytes.len() {
        let escape = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(char::from(escape.unwrap_or(bytes[at])));
        at += if escape.is_some() { 3 } else { 1 };
    }
    out
}

fn folded(text: &str, cut_parameters: bool) -> String {
    let text = text.split(['#', '?', '\0', '\n']).next().unwrap_or_default();
    let text = text.strip_prefix("http://gate").or_else(|| text.strip_prefix("//gate")).unwrap_or(text).replace('\\', "/");
    let mut segments = Vec::new();
    for segment in text.split('/') {
        let segment = if cut_parameters { segment.split(';').next().unwrap_or_default() } else { segment };
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}
