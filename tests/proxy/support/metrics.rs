//! The Prometheus text format, read and checked like `promtool` does.

use std::collections::{BTreeMap, HashMap, HashSet};

/// The metrics of one moment.
pub struct Metrics {
    pub text: String,
    series: BTreeMap<String, f64>,
}

impl Metrics {
    /// Reads them; panics where a line is none.
    pub fn read(text: &str) -> Self {
        let mut series = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let (name, value) = line.rsplit_once(' ').expect("a series and a value");
            let value = value.parse().expect("a number");
            assert!(series.insert(name.to_owned(), value).is_none(), "{name} stands there twice");
        }
        Self { text: text.to_owned(), series }
    }

    /// The value of a series, spelt as in the text (labels sorted).
    pub fn value(&self, series: &str) -> Option<f64> {
        self.series.get(series).copied()
    }

    /// The sum of all series that begin like this.
    pub fn sum(&self, start: &str) -> f64 {
        self.series.iter().filter(|(name, _)| name.starts_with(start)).map(|(_, value)| value).sum()
    }

    /// The names of all series.
    pub fn names(&self) -> HashSet<&str> {
        self.series.keys().map(String::as_str).collect()
    }

    /// What `promtool check metrics` would complain of.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let (mut helped, mut typed): (HashSet<&str>, HashMap<&str, &str>) = Default::default();
        for line in self.text.lines() {
            if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
                if !helped.insert(name) || help.trim().is_empty() {
                    complaints.push(format!("HELP of {name}"));
                }
            } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
                && typed.insert(name, kind).is_some()
            {
                complaints.push(format!("two TYPEs of {name}"));
            }
        }
        for series in self.series.keys() {
            let name = series.split('{').next().unwrap_or_default();
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .filter_map(|suffix| name.strip_suffix(suffix))
                .find(|family| typed.get(family) == Some(&"histogram"))
                .unwrap_or(name);
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
            match typed.get(family) {
                None => complaints.push(format!("{family} has no TYPE")),
                Some(&"counter") if !family.ends_with("_total") => complaints.push(format!("counter {family} without _total")),
                Some(kind) if *kind != "counter" && family.ends_with("_total") => {
                    complaints.push(format!("{kind} {family} is called a total"));
                }
                Some(_) => {}
            }
            if !helped.contains(family) {
                complaints.push(format!("{family} has no HELP"));
            }
            if !family.bytes().all(plain) || ["_ms", "_milliseconds", "_kb"].iter().any(|unit| family.ends_with(unit)) {
                complaints.push(format!("{family} is no good name"));
            }
        }
        complaints
    }
}
