//! When runs of a CronJob are due: five fields, as its controller understands them.

use stanchion_machinery::time::date;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;
/// Nobody looks further back: every schedule that is ever due is so within it, but for those of leap days.
const FURTHEST: i64 = 400 * DAY;
/// The clocks of the earth are ahead of UTC by so much, in steps of a quarter of an hour.
const AHEAD: std::ops::RangeInclusive<i64> = -12 * 4..=14 * 4;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A schedule, in a time zone that is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    minutes: Field,
    hours: Field,
    days: Field,
    months: Field,
    weekdays: Field,
}

/// The values of a field: a bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    bits: u64,
    /// Whether it is a star, which says nothing.
    is_star: bool,
}

impl Schedule {
    /// Understands a schedule. Intervals (`@every 1h`) have no times of their own, and are not understood.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = match text.trim() {
            zoned if zoned.starts_with("TZ=") || zoned.starts_with("CRON_TZ=") => {
                zoned.split_once(char::is_whitespace)?.1.trim()
            }
            text => text,
        };
        let text = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            text => text,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else { return None };
        Some(Self {
            minutes: Field::parse(minutes, 0, 59, &[])?,
            hours: Field::parse(hours, 0, 23, &[])?,
            days: Field::parse(days, 1, 31, &[])?,
            months: Field::parse(months, 1, 12, &MONTHS)?,
            weekdays: Field::parse(weekdays, 0, 6, &WEEKDAYS)?,
        })
    }

    /// Returns whether a run is due from one moment to another, wherever its clock is.
    pub(super) fn is_certain_within(&self, from: i64, until: i64) -> bool {
        let from = from.max(until.saturating_sub(FURTHEST));
        AHEAD.into_iter().all(|quarters| {
            let ahead = quarters * 15 * MINUTE;
            self.is_due_within(from + ahead, until + ahead)
        })
    }

    /// Returns whether a run is due from one local time to another.
    fn is_due_within(&self, from: i64, until: i64) -> bool {
        let days = from.div_euclid(DAY)..=until.div_euclid(DAY);
        days.rev().filter(|day| self.is_on(*day)).any(|day| {
            let first = from.max(day * DAY) - day * DAY;
            let last = until.min(day * DAY + DAY - 1) - day * DAY;
            // The first minute that begins in time.
            let minutes = (first + MINUTE - 1).div_euclid(MINUTE)..=last.div_euclid(MINUTE);
            let mut minutes = minutes.into_iter();
            minutes.any(|minute| {
                self.hours.holds(minute * MINUTE / HOUR) && self.minutes.holds(minute % (HOUR / MINUTE))
            })
        })
    }

    /// Returns whether it is due on a day, counted from 1970.
    fn is_on(&self, day: i64) -> bool {
        let (_, month, of_month) = date(day);
        // The first day of 1970 was a Thursday.
        let (of_month, weekday) = (self.days.holds(of_month), self.weekdays.holds((day + 4).rem_euclid(7)));
        let is_on_day = if self.days.is_star || self.weekdays.is_star {
            of_month && weekday
        } else {
            of_month || weekday
        };
        is_on_day && self.months.holds(month)
    }
}

impl Field {
    /// Understands a list of values, ranges and steps.
    fn parse(text: &str, lowest: u32, highest: u32, names: &[&str]) -> Option<Self> {
        let parts = text.split(',').map(|part| Self::part(part, lowest, highest, names));
        parts.reduce(|all, part| {
            let (all, part) = (all?, part?);
            Some(Self { bits: all.bits | part.bits, is_star: all.is_star || part.is_star })
        })?
    }

    fn part(text: &str, lowest: u32, highest: u32, names: &[&str]) -> Option<Self> {
        let value = |text: &str| {
            let by_name = names.iter().zip(lowest..).find(|(name, _)| name.eq_ignore_ascii_case(text));
            by_name.map_or_else(|| text.parse().ok(), |(_, value)| Some(value))
        };
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u32>().ok().filter(|step| *step > 0)?)),
            None => (text, None),
        };
        let is_all = matches!(range, "*" | "?");
        let (first, last) = match range.split_once('-') {
            _ if is_all => (lowest, highest),
            Some((first, last)) => (value(first)?, value(last)?),
            // One value with a step goes on to the end.
            None => (value(range)?, if step.is_some() { highest } else { value(range)? }),
        };
        if first < lowest || last > highest || first > last {
            return None;
        }
        let step = step.unwrap_or(1);
        let values = (first..=last).step_by(usize::try_from(step).ok()?);
        Some(Self { bits: values.fold(0, |bits, value| bits | (1 << value)), is_star: is_all && step == 1 })
    }

    fn holds(self, value: i64) -> bool {
        (self.bits >> value) & 1 == 1
    }
}

#[cfg(test)]
mod tests;
