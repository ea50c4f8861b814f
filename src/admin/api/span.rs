//! Lengths of time as they are written in a body: `0`, `500ms`, `90s`, `30m`, `24h`, `7d`.

use std::time::Duration;

/// Reads one; `None` of any other text, and of one beyond what a number holds.
pub(super) fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = text.split_at_checked(unit_at)?;
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(Duration::from_millis(count.parse::<u64>().ok()?.checked_mul(unit_ms)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_a_number_and_a_unit() {
        for (text, ms) in
            [("0", 0), ("0s", 0), ("500ms", 500), ("90s", 90_000), ("30m", 1_800_000), ("24h", 86_400_000), ("7d", 604_800_000)]
        {
            assert_eq!(parse(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in [
            "",
            "1",
            "s",
            "1 s",
            "1.5h",
            "-1s",
            "+1s",
            "1S",
            "1w",
            "1hs",
            "99999999999999999999s",
            "18446744073709551615d",
            "１s",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
