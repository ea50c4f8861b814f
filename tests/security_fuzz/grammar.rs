//! What a client sends on one connection: some requests behind each other, with every kind of credential, before anything is
//! broken on purpose (`mutate`).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    mutate::{cut, mutate},
    random::Random,
    support::{NONCE, ORIGIN},
};

/// The keys of the gate that is asked. Their texts share [`CANARY`], which stands nowhere else.
pub const SERVER: &str = "sk_live_FuzzCanaryServer";
pub const WEB: &str = "pk_live_FuzzCanaryWeb";
/// A key that is known, and revoked.
pub const REVOKED: &str = "sk_live_FuzzGoneKey";
/// In lower case.
pub const CANARY: &str = "fuzzcanary";
/// Stands in the request line of every request without a good credential, and nowhere else.
pub const NOBODY: &str = "nobody";
/// Stands everywhere in what a connection sends that has no good credential at all.
pub const STRANGER: &str = "stranger";

/// A line of a head.
#[derive(Clone, Debug)]
pub struct Line {
    pub text: Vec<u8>,
    pub end: &'static [u8],
    /// A credential stands here: what breaks its name could make a backend's header of it.
    pub credential: bool,
}

impl Line {
    pub fn new(text: impl Into<Vec<u8>>) -> Self {
        Self { text: text.into(), end: b"\r\n", credential: false }
    }
}

/// A request that can still be broken line by line.
#[derive(Clone, Debug)]
pub struct Draft {
    pub lines: Vec<Line>,
    pub blank: &'static [u8],
    pub body: Body,
    /// How many credentials it holds, good ones and others.
    pub credentials: usize,
}

/// What follows a head.
#[derive(Clone, Debug)]
pub enum Body {
    Raw(Vec<u8>),
    Chunks(Vec<Vec<u8>>),
}

/// What a client does once it has sent everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Wait,
    HalfClose,
    Reset,
}

/// Everything that one connection does.
pub struct Script {
    /// How many requests there are, by whoever wrote them.
    pub requests: usize,
    /// Written one by one.
    pub pieces: Vec<Vec<u8>>,
    pub then: Then,
    /// No request in it has a good credential: no byte of it may reach the backend.
    pub stranger: bool,
}

/// The script of connection `number`.
pub fn script(random: &mut Random, number: u64) -> Script {
    let stranger = random.once_in(3);
    let count = random.any(&[1, 1, 1, 2, 2, 3, 5]);
    let mut bytes = Vec::new();
    for nth in 0..count {
        let good = !stranger && !random.once_in(4);
        let mut draft = request(random, good, stranger, &format!("c{number}-{nth}"));
        for _ in 0..random.any(&[0, 0, 1, 1, 2, 3]) {
            mutate(random, &mut draft);
        }
        bytes.extend(draft.bytes());
    }
    let page = random.once_in(2);
    if page {
        // The gate's own page, and the end: a client that got so far need not wait for nothing.
        bytes.extend(b"GET /keygate/refusals HTTP/1.1\r\nHost: gate\r\nConnection: close\r\n\r\n");
    }
    let then = random.any(&[Then::Wait, Then::Wait, Then::Wait, Then::HalfClose, Then::Reset]);
    Script { requests: count + usize::from(page), pieces: cut(random, bytes), then, stranger }
}

impl Draft {
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512);
        for line in &self.lines {
            bytes.extend(&line.text);
            bytes.extend(line.end);
        }
        bytes.extend(self.blank);
        match &self.body {
            Body::Raw(body) => bytes.extend(body),
            Body::Chunks(chunks) => chunks.iter().for_each(|chunk| bytes.extend(chunk)),
        }
        bytes
    }
}

fn request(random: &mut Random, good: bool, stranger: bool, tag: &str) -> Draft {
    let who = match (good, stranger) {
        (true, _) => "known",
        (false, false) => NOBODY,
        (false, true) => STRANGER,
    };
    let kind = random.below(16);
    let (method, path) = match kind {
        0..6 => (random.any(&["GET", "GET", "DELETE", "PURGE", "OPTIONS"]), "/any/"),
        6..11 => ("POST", random.any(&["/any/", "/realtime"])),
        11..13 => ("GET", "/connection/"),
        13 => ("GET", "/events/"),
        14 => ("HEAD", "/any/"),
        _ => ("OPTIONS", "/events/"),
    };
    let tail = if path.ends_with('/') { format!("{who}/{tag}") } else { String::new() };
    let mut draft = Draft {
        lines: vec![Line::new(format!("{method} {path}{tail} HTTP/1.1")), Line::new("Host: gate")],
        blank: b"\r\n",
        body: Body::Raw(Vec::new()),
        credentials: 0,
    };
    // What stands in a body may be read as a head where a length lies: only strangers are known by their bodies too.
    let inner = if stranger { STRANGER } else { "inner" };
    match kind {
        6..9 => length_body(random, &mut draft, good, inner),
        9..11 => chunked_body(random, &mut draft, good, inner),
        11..13 => handshake(random, &mut draft, inner),
        13 => draft.lines.push(Line::new("Accept: text/event-stream")),
        15 => draft.lines.extend([format!("Origin: {ORIGIN}"), "Access-Control-Request-Method: GET".to_owned()].map(Line::new)),
        _ => {}
    }
    if stranger {
        draft.lines.push(Line::new(format!("X-Who: {STRANGER}")));
    }
    if random.once_in(6) {
        draft.lines.push(Line::new("Connection: close"));
    }
    credentials(random, &mut draft, good, kind);
    draft
}

fn handshake(random: &mut Random, draft: &mut Draft, who: &str) {
    let lines = [
        "Connection: Upgrade".to_owned(),
        "Upgrade: websocket".to_owned(),
        "Sec-WebSocket-Version: 13".to_owned(),
        format!("Sec-WebSocket-Key: {NONCE}"),
    ];
    draft.lines.extend(lines.map(Line::new));
    if random.once_in(2) {
        // What a client sends that does not wait for the 101: a request that nobody decided about.
        draft.body = Body::Raw(smuggled(who));
    }
}

fn length_body(random: &mut Random, draft: &mut Draft, good: bool, who: &str) {
    let body = body(random, good, who);
    draft.lines.push(Line::new(format!("Content-Length: {}", body.len())));
    draft.body = Body::Raw(body);
}

fn chunked_body(random: &mut Random, draft: &mut Draft, good: bool, who: &str) {
    let body = body(random, good, who);
    draft.lines.push(Line::new("Transfer-Encoding: chunked"));
    let mut chunks: Vec<_> = body
        .chunks(1 + random.below(60))
        .map(|data| [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat())
        .collect();
    chunks.push(b"0\r\n\r\n".to_vec());
    draft.body = Body::Chunks(chunks);
}

fn body(random: &mut Random, good: bool, who: &str) -> Vec<u8> {
    match random.below(6) {
        0 => Vec::new(),
        1 => smuggled(who),
        2 if good => format!("GET /any/inner HTTP/1.1\r\nHost: gate\r\nx-api-key: {SERVER}\r\n\r\n").into_bytes(),
        3 => format!("0\r\n\r\nGET /any/{who}/chunk HTTP/1.1\r\nHost: gate\r\n\r\n").into_bytes(),
        4 => who.repeat(1 + random.below(600)).into_bytes(),
        _ => format!("{{\"from\":\"{who}\"}}").into_bytes(),
    }
}

/// A request in the place of a body, with the identity of somebody else.
fn smuggled(who: &str) -> Vec<u8> {
    let id = "X-Keygate-Request-Id: 00000000-0000-7000-8000-000000000000";
    format!("GET /any/{who}/smuggled HTTP/1.1\r\nHost: gate\r\nX-Keygate-App: evil\r\n{id}\r\n\r\n").into_bytes()
}

/// Puts credentials in: one that is good, or any kind of those that are not.
fn credentials(random: &mut Random, draft: &mut Draft, good: bool, kind: usize) {
    let websocket = (11..13).contains(&kind);
    if good {
        let place = random.below(if websocket { 4 } else { 3 });
        return credential(random, draft, place, if place >= 2 { WEB } else { SERVER });
    }
    match random.below(4) {
        0 => {}
        1 => credential(random, draft, 0, "sk_live_KnownToNobody"),
        2 => credential(random, draft, 1, REVOKED),
        // Two of them, each good by itself.
        _ => {
            credential(random, draft, 0, SERVER);
            credential(random, draft, 1, SERVER);
        }
    }
}

fn credential(random: &mut Random, draft: &mut Draft, place: usize, key: &str) {
    draft.credentials += 1;
    let mut line = |text: String| draft.lines.push(Line { credential: true, ..Line::new(text) });
    match place {
        0 => line(format!("x-api-key: {key}")),
        1 => line(format!("Authorization: Bearer {key}")),
        2 => {
            let escaped: String = key.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let query = random.any(&["?key=", "?a=1&api_key=", "?%6bey=", "?x&key="]).to_owned() + random.any(&[key, &escaped]);
            let text = String::from_utf8(draft.lines[0].text.clone()).expect("text so far");
            draft.lines[0].text = text.replace(" HTTP/", &format!("{query} HTTP/")).into_bytes();
            draft.lines[0].credential = true;
            draft.lines.push(Line::new(format!("Origin: {ORIGIN}")));
        }
        _ => {
            line(format!("Sec-WebSocket-Protocol: keygate, keygate.key.{}", URL_SAFE_NO_PAD.encode(key)));
            draft.lines.push(Line::new(format!("Origin: {ORIGIN}")));
        }
    }
}
