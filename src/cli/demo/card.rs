//! What a demo prints when it is ready: at most 20 lines for people, with commands to copy, or one JSON object.

use std::{fmt, net::SocketAddr, path::Path};

use serde_json::json;

use super::files::DemoFiles;

/// A demo that is ready.
pub struct Card<'a> {
    pub gate: SocketAddr,
    pub page: SocketAddr,
    pub status: Option<SocketAddr>,
    pub control: &'a Path,
    pub files: &'a DemoFiles,
}

impl Card<'_> {
    /// For scripts.
    pub fn json(&self) -> serde_json::Value {
        let status = self.status.map(|status| format!("http://{status}"));
        json!({
            "gate": format!("http://{}", self.gate),
            "page": format!("http://{}", self.page),
            "origin": format!("http://{}", self.page),
            "status": status,
            "control": self.control,
            "config": self.files.config,
            "keys": self.files.keys,
            "publishable_key": self.files.publishable_key,
            "secret_key": self.files.secret_key,
        })
    }
}

impl fmt::Display for Card<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { gate, page, files, .. } = self;
        let DemoFiles { publishable_key: pk, secret_key: sk, .. } = files;
        let status = self.status.map(|status| format!("http://{status}/metrics")).unwrap_or_default();
        let (b, d) = (BOLD, DIM);
        writeln!(f, "{b}Keygate demo{b:#}  a gate, a realtime backend and two keys; all of it ends with Ctrl-C")?;
        writeln!(f, "  gate     http://{gate}    metrics  {status}")?;
        writeln!(f, "  page     http://{page}/#key={pk}")?;
        writeln!(f, "{b}1{b:#} Open the page, or listen here {d}(a publishable key: from the page's origin, to subscribe){d:#}")?;
        writeln!(
            f,
            "  curl -N 'http://{gate}/events?channel=news&key={pk}' -H 'Accept: text/event-stream' -H 'Origin: http://{page}'"
        )?;
        writeln!(f, "{b}2{b:#} Publish from another terminal {d}(a secret key: for servers, to do everything){d:#}")?;
        writeln!(f, "  curl http://{gate}/realtime -H 'x-api-key: {sk}' -d '{{\"channel\":\"news\",\"message\":\"hello\"}}'")?;
        writeln!(f, "{b}3{b:#} Be refused: no key 401, wrong origin 403, too fast 429")?;
        writeln!(f, "  curl -i http://{gate}/inspect")?;
        writeln!(f, "  curl -i 'http://{gate}/events?channel=news&key={pk}' -H 'Origin: https://evil.example'")?;
        writeln!(
            f,
            "  curl -s -o /dev/null -w '%{{http_code}}\\n' -H 'x-api-key: {sk}' 'http://{gate}/inspect?[1-60]' | sort | uniq -c"
        )?;
        writeln!(f, "{b}4{b:#} Take a key away: its streams end at once")?;
        writeln!(f, "  sed -i.bak -e '/id: web/a\\' -e '    state: revoked' {}", files.keys.display())?;
        write!(f, "{b}Decisions{b:#} as they happen:")
    }
}

const BOLD: anstyle::Style = anstyle::Style::new().bold();
const DIM: anstyle::Style = anstyle::Style::new().dimmed();
