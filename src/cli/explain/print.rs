//! What `explain` prints, for people and for programs.

use serde_json::{Value, json};

use super::rules::Rule;
use crate::gate::{
    denial::Denial,
    permit::{Permit, Refusal},
};

/// One line of an explanation.
pub struct Line {
    pub step: &'static str,
    pub passed: bool,
    pub detail: String,
    /// `None` where a default held.
    pub rule: Option<Rule>,
}

/// A route that does not take the request.
pub struct Tried {
    pub route: String,
    /// What of its `match` is another.
    pub why: &'static str,
    pub rule: Option<Rule>,
}

/// An explanation.
pub struct Explained<'v> {
    pub lines: Vec<Line>,
    /// Where no route takes the request, all of them.
    pub tried: Vec<Tried>,
    pub verdict: &'v Result<Permit, Refusal>,
}

impl Explained<'_> {
    /// For people.
    pub fn text(&self) {
        for Line { step, passed, detail, rule } in &self.lines {
            let (style, mark) = if *passed { (GREEN, '✔') } else { (RED, '✘') };
            say!("  {style}{mark}{style:#} {step:<12} {detail}{}", at(rule.as_ref()));
        }
        for Tried { route, why, rule } in &self.tried {
            say!("      not `{route}`: another {why}{}", at(rule.as_ref()));
        }
        match self.verdict {
            Ok(permit) => {
                let who = permit.key().map_or_else(|| "without a key".to_owned(), |key| format!("as key `{}`", key.id));
                let route = &permit.route().name;
                match permit.reported() {
                    None => say!("{GREEN}allowed{GREEN:#} {who} on route `{route}`"),
                    Some(denial) => {
                        say!("{YELLOW}reported{YELLOW:#}, and let through {who} on route `{route}`");
                        say!("{}", denial.check());
                    }
                }
            }
            Err(Refusal { denial, .. }) => {
                say!("{RED}refused{RED:#} with {} {}", denial.status(), denial.code());
                say!("{}", denial.check());
            }
        }
    }

    /// For programs: one object on one line.
    pub fn json(&self) {
        let step = |line: &Line| json!({ "step": line.step, "passed": line.passed, "detail": line.detail, "rule": line.rule });
        let tried = |tried: &Tried| json!({ "route": tried.route, "why": tried.why, "rule": tried.rule });
        let mut explained = match self.verdict {
            Ok(permit) => json!({
                "allowed": true,
                "reported": permit.reported().map(Denial::reason),
                "key_id": permit.key().map(|key| &key.id),
                "route": *permit.route().name,
            }),
            Err(refusal) => {
                let denial = refusal.denial;
                json!({
                    "allowed": false,
                    "reason": denial.reason(),
                    "status": denial.status(),
                    "code": denial.code(),
                    "check": denial.check(),
                    "key_id": refusal.key.as_ref().map(|key| &key.id),
                    "route": refusal.route.as_ref().map(|route| &*route.name),
                })
            }
        };
        explained["steps"] = self.lines.iter().map(step).collect::<Value>();
        if !self.tried.is_empty() {
            explained["tried"] = self.tried.iter().map(tried).collect::<Value>();
        }
        say!("{explained}");
    }
}

fn at(rule: Option<&Rule>) -> String {
    rule.map(|Rule { file, line, path }| format!("  {DIM}{file}:{line} {path}{DIM:#}")).unwrap_or_default()
}

const GREEN: anstyle::Style = anstyle::AnsiColor::Green.on_default();
const YELLOW: anstyle::Style = anstyle::AnsiColor::Yellow.on_default();
const RED: anstyle::Style = anstyle::AnsiColor::Red.on_default();
const DIM: anstyle::Style = anstyle::Style::new().dimmed();
