//! Days and months as quotas count them: by the calendar of UTC, numbered from 1970.

const DAY_MS: i64 = 86_400_000;
/// From 0000-03-01, where the years of the algorithm below begin, to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468;
/// Days in the 400 years after which the calendar repeats itself.
const DAYS_PER_ERA: i64 = 146_097;

/// What a quota is counted over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// From midnight to midnight.
    Day,
    /// From the first of a month to the first of the next.
    Month,
}

impl Period {
    /// The number of the window that holds this moment, in Unix milliseconds; a moment before 1970 is in the first one.
    #[must_use]
    pub fn window(self, unix_ms: i64) -> u32 {
        let day = unix_ms.max(0) / DAY_MS;
        let number = match self {
            Self::Day => day,
            Self::Month => month_of(day),
        };
        u32::try_from(number).unwrap_or(u32::MAX)
    }

    /// The first moment of a window and the first after it, in Unix milliseconds.
    #[must_use]
    pub fn bounds_ms(self, window: u32) -> (i64, i64) {
        let start_ms = |window: i64| {
            let day = match self {
                Self::Day => window,
                Self::Month => first_day_of(window),
            };
            day.saturating_mul(DAY_MS)
        };
        let window = i64::from(window);
        (start_ms(window), start_ms(window + 1))
    }
}

/// The month, counted from January 1970, of a day counted from its first. After H. Hinnant, "chrono-compatible low-level date
/// algorithms": years begin in March, so that a leap day is the last of its year.
const fn month_of(day: i64) -> i64 {
    let day = day + DAYS_TO_1970;
    let (era, of_era) = (day / DAYS_PER_ERA, day % DAYS_PER_ERA);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    (era * 400 + year - 1970) * 12 + month_from_march + 2
}

/// The first day of a month, both counted as above.
const fn first_day_of(month: i64) -> i64 {
    let from_march = month + 1970 * 12 - 2;
    let (year, month_from_march) = (from_march / 12, from_march % 12);
    let (era, of_era) = (year / 400, year % 400);
    era * DAYS_PER_ERA + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month_from_march + 2) / 5 - DAYS_TO_1970
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Datelike as _, TimeZone as _, Utc};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_chrono(unix_ms in 0i64..253_402_300_800_000) {
            let moment: DateTime<Utc> = Utc.timestamp_millis_opt(unix_ms).unwrap();
            let month = (moment.year() - 1970) * 12 + moment.month0() as i32;
            prop_assert_eq!(i64::from(Period::Month.window(unix_ms)), i64::from(month));
            let first = Utc.with_ymd_and_hms(moment.year(), moment.month(), 1, 0, 0, 0).unwrap();
            let next = first.checked_add_months(chrono::Months::new(1)).unwrap();
            let bounds = Period::Month.bounds_ms(Period::Month.window(unix_ms));
            prop_assert_eq!(bounds, (first.timestamp_millis(), next.timestamp_millis()));
        }

        #[test]
        fn a_window_holds_its_moments_and_ends_where_the_next_begins(unix_ms in 0i64..253_402_300_800_000) {
            for period in [Period::Day, Period::Month] {
                let window = period.window(unix_ms);
                let (start, end) = period.bounds_ms(window);
                prop_assert!(start <= unix_ms && unix_ms < end);
                prop_assert_eq!(period.window(start), window);
                prop_assert_eq!(period.window(end - 1), window);
                prop_assert_eq!(period.window(end), window + 1);
            }
        }
    }

    #[test]
    fn any_clock_is_in_some_window() {
        for period in [Period::Day, Period::Month] {
            assert_eq!((period.window(i64::MIN), period.window(-1), period.window(0)), (0, 0, 0));
            let (start, end) = period.bounds_ms(period.window(i64::MAX));
            assert!(start < end);
        }
    }
}
