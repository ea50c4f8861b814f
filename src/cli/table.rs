//! Columns: in line and with units for people, between tabs and bare for programs.

use std::io::IsTerminal as _;

/// Rows of as many cells as there are columns.
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

struct Column {
    name: &'static str,
    /// Of numbers.
    to_the_right: bool,
    width: usize,
}

impl Table {
    /// No rows yet. A column whose name begins with `>` is aligned to the right.
    pub(super) fn new(names: &[&'static str]) -> Self {
        let column = |&marked: &&'static str| {
            let name = marked.strip_prefix('>').unwrap_or(marked);
            Column { name, to_the_right: name != marked, width: name.len() }
        };
        Self { columns: names.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: impl Into<Vec<String>>) {
        let cells = cells.into();
        for (column, cell) in self.columns.iter_mut().zip(&cells) {
            column.width = column.width.max(cell.chars().count());
        }
        self.rows.push(cells);
    }

    /// Prints it, the names of the columns first.
    pub(super) fn print(&self) {
        for line in self.lines(for_people()) {
            say!("{line}");
        }
    }

    fn lines(&self, people: bool) -> impl Iterator<Item = String> {
        let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
        let head = match people {
            true => format!("{HEAD}{}{HEAD:#}", self.in_line(&names)),
            false => names.join("\t").to_ascii_lowercase().replace('-', "_"),
        };
        let rows = self.rows.iter().map(move |row| if people { self.in_line(row) } else { row.join("\t") });
        std::iter::once(head).chain(rows)
    }

    fn in_line(&self, cells: &[impl AsRef<str>]) -> String {
        let cell = |(column, cell): (&Column, &_)| {
            let (text, width): (&str, _) = (AsRef::as_ref(cell), column.width);
            if column.to_the_right { format!("{text:>width$}") } else { format!("{text:<width$}") }
        };
        let line: Vec<_> = self.columns.iter().zip(cells).map(cell).collect();
        line.join("  ").trim_end().to_owned()
    }
}

/// Whether standard output is a terminal: people read along.
pub(super) fn for_people() -> bool {
    std::io::stdout().is_terminal()
}

const HEAD: anstyle::Style = anstyle::Style::new().bold();

/// `59s`, `59m59s`, `23h59m`, `9d23h`.
pub(super) fn age(seconds: i64) -> String {
    let parts = |large: i64, unit: char, small: i64, rest: char| format!("{large}{unit}{small:02}{rest}");
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => parts(seconds / 60, 'm', seconds % 60, 's'),
        3600..86_400 => parts(seconds / 3600, 'h', seconds % 3600 / 60, 'm'),
        86_400.. => parts(seconds / 86_400, 'd', seconds % 86_400 / 3600, 'h'),
    }
}

/// `999 B`, `1.2 kB`, `34.5 MB`: powers of 1000.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 1000 {
        return format!("{count} B");
    }
    // Rounded down, so that nothing is ever 1000.0 of a unit.
    let (mut tenths, mut unit) = (count / 100, 0);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_columns_in_line_and_programs_tabs() {
        let mut table = Table::new(&["KEY", ">MESSAGES-IN"]);
        table.row(["a-long-key".to_owned(), "7".to_owned()]);
        table.row(["b".to_owned(), "12345678901".to_owned()]);
        let lines: Vec<_> = table.lines(false).collect();
        assert_eq!(lines, ["key\tmessages_in", "a-long-key\t7", "b\t12345678901"]);
        let lines: Vec<_> = table.lines(true).map(|line| anstream::adapter::strip_str(&line).to_string()).collect();
        assert_eq!(lines, ["KEY         MESSAGES-IN", "a-long-key            7", "b           12345678901"]);
    }

    #[test]
    fn times_and_sizes_are_short() {
        let ages =
            [(0, "0s"), (59, "59s"), (60, "1m00s"), (3599, "59m59s"), (3600, "1h00m"), (86_399, "23h59m"), (90_000, "1d01h")];
        for (seconds, text) in ages {
            assert_eq!(age(seconds), text);
        }
        let sizes = [
            (999, "999 B"),
            (1000, "1.0 kB"),
            (999_999, "999.9 kB"),
            (1_000_000, "1.0 MB"),
            (34_560_000_000, "34.5 GB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (count, text) in sizes {
            assert_eq!(bytes(count), text);
        }
    }
}
