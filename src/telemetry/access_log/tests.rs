use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use super::*;
use crate::gate::request::Transport;

#[derive(Clone, Default)]
struct Sink(Arc<parking_lot::Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn exchange(path: &str, denial: Option<Denial>) -> Exchange<'_> {
    Exchange {
        request_id: "r1",
        peer: Ipv4Addr::LOCALHOST.into(),
        method: "GET",
        path,
        denial,
        reported: None,
        detail: None,
        origin: Some("https://evil\u{202e}.example"),
        key: None,
        route: Some("all"),
        transport: Transport::Http,
        status: denial.map_or(200, Denial::status),
        took: Duration::from_micros(1500),
        browser_report: false,
    }
}

fn written(policy: Logged, exchanges: &[Exchange<'_>]) -> Vec<serde_json::Value> {
    let sink = Sink::default();
    let log = AccessLog::new(policy, AccessFormat::Json, sink.clone());
    exchanges.iter().for_each(|exchange| log.write(exchange, 0));
    drop(log);
    let text = String::from_utf8(sink.0.lock().clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_line_is_one_object_whatever_the_client_sent() {
    let nasty = "/a\r\n{\"status\":200}\u{1b}[31m\"";
    let lines = written(Logged::Refused, &[exchange(nasty, Some(Denial::UnknownKey)), exchange("/ok", None)]);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["reason"], "unknown_key");
    assert_eq!(lines[0]["status"], 401);
    assert_eq!(lines[0]["duration_ms"], 1.5);
    let shown = lines[0].to_string();
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}') && !shown.contains('\n'));
}

#[test]
fn the_policy_chooses() {
    let all = [exchange("/", None), exchange("/", Some(Denial::NoRoute))];
    assert_eq!(written(Logged::All, &all).len(), 2);
    assert_eq!(written(Logged::Off, &all).len(), 0);
}

#[test]
fn a_key_in_a_path_is_masked() {
    let lines = written(Logged::All, &[exchange("/v1/sk_abc123/x", None), exchange("/v1/skate/x", None)]);
    assert_eq!((lines[0]["path"].as_str(), lines[1]["path"].as_str()), (Some("/v1/…/x"), Some("/v1/skate/x")));
}

#[test]
fn a_flood_is_bounded_and_counted() {
    let sink = Sink::default();
    let log = AccessLog::new(Logged::All, AccessFormat::Json, sink.clone());
    for _ in 0..5000 {
        log.write(&exchange("/", None), 7);
    }
    assert_eq!(log.dropped(), 4000);
}
