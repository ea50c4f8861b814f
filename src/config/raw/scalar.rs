//! The small words of the language: text, counts, rates, spans of time, and `off`.
//!
//! No message here repeats what was written: it may be a key pasted into the wrong place.

use std::{fmt, marker::PhantomData, ops::Deref, str::FromStr, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IntoDeserializer, MapAccess, Unexpected, Visitor, value::MapAccessDeserializer},
};

/// Text. A bare number or `true` is none, in YAML as here: it would not keep its spelling.
pub(in crate::config) struct Text(String);

/// A whole number, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) struct Count(pub u32);

/// So many in so long: `1000/s`, `50/m`, `10/h`, `1/d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) struct Rate {
    pub requests: u32,
    pub window_s: u32,
}

/// A size in bytes: `65536`, `64KiB`, `1MiB`, `2GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) struct ByteSize(pub u32);

/// So many bytes in so long: `64KiB/s`, `1MiB/s`, `100MiB/m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) struct ByteRate {
    pub bytes: u32,
    pub window_s: u32,
}

/// A span of time: `500ms`, `10s`, `5m`, `1h`, `30d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) struct Span(pub Duration);

/// A limit, or `off`: without limit, said by name so that it is never an accident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum OrOff<T> {
    Off,
    Limit(T),
}

const WINDOWS: [(&str, u32); 4] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86400)];
const UNITS_MS: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const UNITS_BYTES: [(&str, u32); 4] = [("", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
const A_SIZE: &str = "must be a size below 4GiB, such as `65536`, `64KiB` or `1MiB`";
const A_BYTE_RATE: &str = "must be a rate of bytes below 4GiB, such as `64KiB/s`, `1MiB/s` or `100MiB/m`";
const A_RATE: &str = "must be a rate such as `100/s`, `100/m`, `100/h` or `100/d`";
const A_SPAN: &str = "must be a time such as `500ms`, `10s`, `5m`, `1h` or `30d`";

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (requests, window_s) = in_window(text).ok_or(A_RATE)?;
        Ok(Self { requests: digits(requests).ok_or(A_RATE)?, window_s })
    }
}

impl FromStr for ByteSize {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        bytes(text).map(Self).ok_or(A_SIZE)
    }
}

impl FromStr for ByteRate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (size, window_s) = in_window(text).ok_or(A_BYTE_RATE)?;
        Ok(Self { bytes: bytes(size).ok_or(A_BYTE_RATE)?, window_s })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (window, _) = WINDOWS.into_iter().find(|(_, window_s)| *window_s == self.window_s).unwrap_or(WINDOWS[0]);
        write!(f, "{}/{window}", self.requests)
    }
}

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let end = text.find(|c: char| !c.is_ascii_digit()).ok_or(A_SPAN)?;
        let (count, unit) = text.split_at(end);
        let (_, unit_ms) = UNITS_MS.into_iter().find(|(name, _)| *name == unit).ok_or(A_SPAN)?;
        let ms = digits::<u64>(count).and_then(|count| count.checked_mul(unit_ms)).ok_or(A_SPAN)?;
        Ok(Self(Duration::from_millis(ms)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let (unit, unit_ms) = UNITS_MS.into_iter().rfind(|(_, unit_ms)| ms.is_multiple_of(*unit_ms)).unwrap_or(UNITS_MS[0]);
        write!(f, "{}{unit}", ms / unit_ms)
    }
}

/// Reads a span of time as the configuration writes it, for the command line to write it alike; `None` for anything else.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    text.parse().ok().map(|Span(span)| span)
}

/// What stands before the window of a rate, and the window in seconds.
fn in_window(text: &str) -> Option<(&str, u32)> {
    let (amount, window) = text.split_once('/')?;
    let (_, window_s) = WINDOWS.into_iter().find(|(name, _)| *name == window)?;
    Some((amount, window_s))
}

/// A number of bytes with its unit.
fn bytes(text: &str) -> Option<u32> {
    let (count, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let (_, unit_bytes) = UNITS_BYTES.into_iter().find(|(name, _)| *name == unit)?;
    digits::<u32>(count)?.checked_mul(unit_bytes)
}

/// A number of digits only: `parse` alone would take `+5`.
fn digits<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Word("text", |text| Ok(Self(text.to_owned()))))
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Word("a rate such as `100/s`", Self::from_str))
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ByteSizeVisitor)
    }
}

struct ByteSizeVisitor;

impl Visitor<'_> for ByteSizeVisitor {
    type Value = ByteSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size such as `65536`, `64KiB` or `1MiB`")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<ByteSize, E> {
        u32::try_from(number).map(ByteSize).map_err(|_| E::custom(A_SIZE))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<ByteSize, E> {
        Err(E::custom(A_SIZE))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ByteSize, E> {
        text.parse().map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for ByteRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Word("a rate of bytes such as `1MiB/s`", Self::from_str))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Word("a time such as `10s`, with its unit", Self::from_str))
    }
}

/// Reads text, and text only, with a function.
struct Word<T>(&'static str, fn(&str) -> Result<T, &'static str>);

impl<T> Visitor<'_> for Word<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.1)(text).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl Visitor<'_> for CountVisitor {
    type Value = Count;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from 1 to {}", u32::MAX)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Count, E> {
        let count = u32::try_from(number).ok().filter(|&count| count > 0);
        count.map(Count).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Count, E> {
        Err(E::invalid_value(Unexpected::Signed(number), &self))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OrOff<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OrOffVisitor(PhantomData))
    }
}

struct OrOffVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OrOffVisitor<T> {
    type Value = OrOff<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a limit or `off`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<OrOff<T>, E> {
        match text {
            "off" => Ok(OrOff::Off),
            _ => T::deserialize(text.into_deserializer()).map(OrOff::Limit),
        }
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<OrOff<T>, E> {
        T::deserialize(number.into_deserializer()).map(OrOff::Limit)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<OrOff<T>, E> {
        T::deserialize(number.into_deserializer()).map(OrOff::Limit)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OrOff<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(OrOff::Limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn reading_a_printed_rate_is_identity(requests: u32, window in 0usize..4) {
            let rate = Rate { requests, window_s: WINDOWS[window].1 };
            prop_assert_eq!(rate.to_string().parse::<Rate>(), Ok(rate));
        }

        #[test]
        fn reading_a_printed_span_is_identity(ms: u64) {
            let span = Span(Duration::from_millis(ms));
            prop_assert_eq!(span.to_string().parse::<Span>(), Ok(span));
        }

        #[test]
        fn a_size_is_read_in_every_unit_that_divides_it(count in 0u32..1 << 12, unit in 0usize..3) {
            let (name, unit_bytes) = UNITS_BYTES[unit];
            prop_assert_eq!(format!("{count}{name}").parse::<ByteSize>(), Ok(ByteSize(count * unit_bytes)));
            let rate = ByteRate { bytes: count * unit_bytes, window_s: 60 };
            prop_assert_eq!(format!("{count}{name}/m").parse::<ByteRate>(), Ok(rate));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,12}|[0-9]{0,30}([KMG]iB)?(/?)[smhd]{0,2}") {
            let _ = (text.parse::<Rate>(), text.parse::<Span>());
            let _ = (text.parse::<ByteSize>(), text.parse::<ByteRate>());
        }
    }

    #[test]
    fn what_is_no_rate_and_no_span() {
        for text in ["", "5", "5/", "/s", "+5/s", "-5/s", "5 /s", "5/S", "5/w", "1.5/s", "99999999999/s", "5/s/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text} was taken");
        }
        for text in ["", "-1", "+1", "1 KiB", "1KB", "1kib", "1K", "1.5MiB", "KiB", "4GiB", "4294967296", "1KiB/s"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text} was taken");
        }
        for text in ["", "1MiB", "1MiB/", "/s", "1MB/s", "4GiB/s", "1MiB/w", "-1/s"] {
            assert!(text.parse::<ByteRate>().is_err(), "{text} was taken");
        }
        for text in ["", "5", "s", "-5s", "+5s", "5 s", "1.5s", "5S", "1h30m", "99999999999999999999s", "18446744073709551615d"] {
            assert!(text.parse::<Span>().is_err(), "{text} was taken");
        }
    }
}
