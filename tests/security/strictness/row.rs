//! A row of the table: what is sent, what is done with it, and why.

use std::fmt;

/// The key that every request carries, unless its row says otherwise.
pub const KEY: &str = "x-api-key: sk_live_server\r\n";

/// One rule.
pub struct Row {
    /// Its name, for ever.
    pub id: &'static str,
    /// What is sent.
    pub sent: Sent,
    /// What is done with it.
    pub done: Done,
    /// The reason, with its source.
    pub why: &'static str,
}

/// What is sent: each character is one byte.
pub enum Sent {
    /// The request line of a GET.
    Line(&'static str),
    /// The target of a GET.
    Target(&'static str),
    /// Header lines of a GET.
    Header(&'static str),
    /// Header lines of a POST, and what follows its head.
    Body(&'static str, &'static str),
    /// Header lines of a POST without a key, and what follows its head.
    Keyless(&'static str, &'static str),
    /// Everything; `KEY` stands for the line with the key.
    Bytes(&'static str),
    /// Everything, too long to be shown.
    Made(&'static str, fn() -> String),
}

/// What is done with it.
pub enum Done {
    /// Answered with this status, and the connection ends.
    Refused(u16),
    /// Answered by the gate without the backend.
    Answered { status: u16, after: After },
    /// The backend gets it.
    Served(Served),
    /// It becomes a WebSocket.
    Opened,
    /// The body breaks: refused where it comes with the head, else both connections end, and the backend gets no whole request.
    Broken,
}

/// How the connection goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The next request is served.
    Goes,
    /// It ends.
    Ends,
    /// What follows is refused.
    Refuses,
}

/// What the backend gets.
pub struct Served {
    /// The request line.
    pub line: &'static str,
    /// Header lines, each exactly once.
    pub has: &'static [&'static str],
    /// Names of headers that it does not get.
    pub lacks: &'static [&'static str],
    /// Text that it does not get anywhere.
    pub absent: &'static [&'static str],
    /// The body.
    pub body: &'static str,
    /// Whether the gate itself says `100 Continue`, which is waited for before the body is sent.
    pub continues: bool,
    /// How the connection goes on.
    pub after: After,
}

/// A GET as it was sent.
pub const GET: Served =
    Served { line: "GET /any/a HTTP/1.1", has: &[], lacks: &[], absent: &[], body: "", continues: false, after: After::Goes };

/// A POST as it was sent, with `hello`.
pub const POST: Served = Served { line: "POST /any/a HTTP/1.1", body: "hello", ..GET };

impl Sent {
    /// The bytes, without what follows them.
    pub fn bytes(&self) -> Vec<u8> {
        let text = match self {
            Self::Line(line) => format!("{line}\r\nHost: gate\r\n{KEY}\r\n"),
            Self::Target(target) => format!("GET {target} HTTP/1.1\r\nHost: gate\r\n{KEY}\r\n"),
            Self::Header(lines) => format!("GET /any/a HTTP/1.1\r\nHost: gate\r\n{KEY}{lines}\r\n\r\n"),
            Self::Body(lines, body) => format!("POST /any/a HTTP/1.1\r\nHost: gate\r\n{KEY}{lines}\r\n\r\n{body}"),
            Self::Keyless(lines, body) => format!("POST /any/a HTTP/1.1\r\nHost: gate\r\n{lines}\r\n\r\n{body}"),
            Self::Bytes(bytes) => bytes.replace("KEY\r\n", KEY).replace("KEY\n", &KEY.replace('\r', "")),
            Self::Made(_, make) => make(),
        };
        text.chars().map(|c| u8::try_from(u32::from(c)).expect("a byte")).collect()
    }

    /// The part that matters, as the document shows it.
    pub fn example(&self) -> String {
        match self {
            Self::Line(text) | Self::Target(text) | Self::Header(text) => shown(text),
            Self::Body(lines, body) => format!("{} and {}", shown(lines), shown(body)),
            Self::Keyless(lines, "") => format!("no key, {}", shown(lines)),
            Self::Keyless(lines, body) => format!("no key, {} and {}", shown(lines), shown(body)),
            Self::Bytes(text) => shown(&text.replace("KEY\r\n", "").replace("KEY\n", "")),
            Self::Made(what, _) => (*what).to_owned(),
        }
    }
}

/// Text in a cell of a table.
fn shown(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|c| match c {
            '\r' => "\\r".to_owned(),
            '\n' => "\\n".to_owned(),
            '\t' => "\\t".to_owned(),
            '\0' => "\\0".to_owned(),
            '|' => "\\|".to_owned(),
            ' '..='~' => c.to_string(),
            _ => format!("\\x{:02x}", u32::from(c)),
        })
        .collect();
    // White space at an end would not be seen in a code span.
    if escaped.contains('`') { format!("`` {escaped} ``") } else { format!("`{escaped}`") }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(status) => write!(f, "refused, {status}"),
            Self::Answered { status, after } => write!(f, "answered by the gate, {status}{after}"),
            Self::Served(served) => served.fmt(f),
            Self::Opened => f.write_str("a WebSocket"),
            Self::Broken => f.write_str("refused, 400; if the head was passed on already, the exchange is broken off and the backend gets no whole request"),
        }
    }
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "served as {}", shown(self.line))?;
        let list = |texts: &[&str]| texts.iter().map(|text| shown(text)).collect::<Vec<_>>().join(", ");
        if !self.has.is_empty() {
            write!(f, " with {}", list(self.has))?;
        }
        if !self.body.is_empty() {
            write!(f, " and the body {}", shown(self.body))?;
        }
        if self.continues {
            f.write_str("; the gate says `100 Continue`")?;
        }
        let dropped = [self.lacks, self.absent].concat();
        if !dropped.is_empty() {
            write!(f, "; dropped: {}", list(&dropped))?;
        }
        write!(f, "{}", self.after)
    }
}

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Goes => "",
            Self::Ends => "; the connection ends",
            Self::Refuses => "; what follows is refused",
        })
    }
}
