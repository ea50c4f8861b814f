//! What `explain` prints for people.

use crate::{
    app::{Explanation, Line, Rule, Tried},
    gate::permit::Refusal,
};

/// Prints an explanation, a step a line, and its end.
pub fn text(explanation: &Explanation) {
    for Line { step, passed, detail, rule } in &explanation.lines {
        let (style, mark) = if *passed { (GREEN, '✔') } else { (RED, '✘') };
        say!("  {style}{mark}{style:#} {step:<12} {detail}{}", at(rule.as_ref()));
    }
    for Tried { route, why, rule } in &explanation.tried {
        say!("      not `{route}`: another {why}{}", at(rule.as_ref()));
    }
    match &explanation.verdict {
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

fn at(rule: Option<&Rule>) -> String {
    rule.map(|Rule { file, line, path }| format!("  {DIM}{file}:{line} {path}{DIM:#}")).unwrap_or_default()
}

const GREEN: anstyle::Style = anstyle::AnsiColor::Green.on_default();
const YELLOW: anstyle::Style = anstyle::AnsiColor::Yellow.on_default();
const RED: anstyle::Style = anstyle::AnsiColor::Red.on_default();
const DIM: anstyle::Style = anstyle::Style::new().dimmed();
