//! The console: a page for people who manage keys, and the files that it is made of. It is a client of the management API like any
//! other, and is compiled in: what it loads comes from the listener that it came from.
//!
//! Knows the files and how a browser is to read them; nothing of routes, callers and keys.

/// A file of the console.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Where it is asked for, from the root: `/`, `/style.css`.
    pub path: &'static str,
    /// `Content-Type`. Sent with `X-Content-Type-Options: nosniff`.
    pub content_type: &'static str,
    /// What it holds.
    pub bytes: &'static [u8],
}

/// `Content-Security-Policy` of every file. The page has no script and no style in itself, loads nothing from elsewhere, talks to the
/// gate that it came from, and is shown in no frame (W3C CSP3).
pub const CONSOLE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                                  frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! assets {
    ($($kind:ident: $($name:literal)+;)+) => {
        /// Every file of the console, the page first.
        pub const CONSOLE: &[Asset] = &[
            Asset { path: "/", content_type: HTML, bytes: include_bytes!("index.html") },
            $($(Asset { path: concat!("/", $name), content_type: $kind, bytes: include_bytes!($name) },)+)+
        ];
    };
}

assets! {
    CSS: "style.css" "parts.css";
    SCRIPT:
        "script.js" "api.js" "audit.js" "badges.js" "connections.js" "create.js" "dialog.js" "dom.js" "edit.js" "fields.js" "form.js"
        "key.js" "keys.js" "live.js" "operators.js" "patch.js" "picker.js" "revoke.js" "session.js" "steps.js" "time.js" "usage.js";
}

#[cfg(test)]
mod tests;
