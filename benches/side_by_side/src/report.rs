//! The results for a reader, as one aligned table with the verdicts under it, and for programs, as JSON.

use serde_json::{Value, json};

use crate::bars::{self, Verdict};
use crate::bench::Plan;
use crate::figures::{Failure, Results, Work};
use crate::load::LANES;
use crate::peers;

enum Side {
    Left,
    Right,
}

pub fn table(plan: &Plan, results: &Results) -> String {
    let mut rows = vec![header()];
    rows.extend(results.peers().map(|peer| row(results, peer)));

    let mut text = aligned(&rows, Side::Right);
    for Failure { peer, work, why } in results.failures() {
        text.push_str(&format!("{}, {}: failed: {why}\n", peers::title(peer), work.title()));
    }
    text.push_str(&note(plan));
    let verdicts = bars::verdicts(results);
    if !verdicts.is_empty() {
        text.push_str("\nkeygate's bars\n");
        let sentences: Vec<_> = verdicts.iter().map(sentence).collect();
        text.push_str(&aligned(&sentences, Side::Left));
    }
    text
}

pub fn json(plan: &Plan, results: &Results) -> Value {
    let figures = |peer: &str, work: Work| json!({ "median": results.median(peer, work), "rounds": results.rounds(peer, work) });
    let peer = |name: &'static str| {
        let works = Work::ALL.map(|work| (work.field().to_owned(), figures(name, work)));
        (name.to_owned(), Value::Object(works.into_iter().collect()))
    };
    json!({
        "rounds": plan.rounds,
        "quick": plan.quick,
        "origin": plan.origin,
        "sockets": plan.sockets,
        "peers": Value::Object(results.peers().map(peer).collect()),
        "failures": results.failures(),
        "bars": bars::verdicts(results),
    })
}

fn header() -> Vec<String> {
    let titles = Work::ALL.map(|work| work.title().to_owned());
    [vec![String::new()], titles.to_vec()].concat()
}

fn row(results: &Results, peer: &str) -> Vec<String> {
    let cell = |work: Work| match results.median(peer, work) {
        Some(figure) => format!("{figure:.1} {}", work.unit()),
        None if results.failed(peer, work) => "failed".to_owned(),
        None => "-".to_owned(),
    };
    [vec![peers::title(peer).to_owned()], Work::ALL.map(cell).to_vec()].concat()
}

fn note(plan: &Plan) -> String {
    let Plan { rounds, sockets, .. } = plan;
    let origin = if plan.origin { " With an Origin." } else { "" };
    let rough = match plan.quick {
        true => " Small counts: the figures are rough.",
        false => "",
    };
    format!(
        "\nCPU time (user and system) of the proxy's processes per unit of work, and their memory (Pss) per idle\n\
         WebSocket, stream of events, and WebSocket in TLS.\n\
         {LANES} connections at work, echoes over {sockets} open sockets; the proxy on one core, load and backend on\n\
         another. Rounds: {rounds}, medians.{origin}{rough}\n"
    )
}

fn sentence(verdict: &Verdict) -> Vec<String> {
    let of = verdict.of.map_or("", peers::title);
    let (bar, met) = match (verdict.bar, verdict.met) {
        (Some(most), Some(true)) => (format!("at most {most:.2}"), "met"),
        (Some(most), _) => (format!("at most {most:.2}"), "MISSED"),
        (None, _) => ("no bar".to_owned(), ""),
    };
    vec![verdict.what.to_owned(), format!("{:.2} {} {of}", verdict.figure, verdict.unit), bar, met.to_owned()]
}

/// Columns as wide as their widest cell, all but the first set to one side.
fn aligned(rows: &[Vec<String>], side: Side) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns).filter_map(width).collect();

    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, &width))| match side {
            Side::Right if column > 0 => format!("{cell:>width$}"),
            _ => format!("{cell:<width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use anyhow::Result;

    use super::*;

    #[test]
    fn a_row_that_failed_says_why_beside_those_that_did_not() -> Result<()> {
        let mut results = Results::default();
        results.add("haproxy", Work::Idle, 5.7);
        results.fail("haproxy", Work::IdleEvents, "64 streams are open".to_owned());
        let text = table(&Plan::new(true, None, false)?, &results);
        let row = text.lines().nth(1).unwrap_or_default();
        assert_eq!(row.split_whitespace().collect::<Vec<_>>().join(" "), "HAProxy - - - - - 5.7 KB failed -");
        assert_eq!(text.lines().nth(2), Some("HAProxy, idle SSE: failed: 64 streams are open"));
        Ok(())
    }
}
