//! The results for a reader, as one aligned table with the verdicts under it, and for programs, as JSON.

use serde_json::{Value, json};

use crate::bars::{self, Verdict};
use crate::bench::Plan;
use crate::figures::{Results, Work};
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
