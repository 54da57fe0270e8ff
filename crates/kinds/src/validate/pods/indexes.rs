//! Indexes of the Pods of a Job, written as `0,2-4`.

/// Returns how many indexes a text names, all of them below `completions`.
pub(super) fn total(text: &str, completions: i64) -> Result<i64, String> {
    let mut total = 0;
    let mut last: Option<i64> = None;
    for part in intervals(text) {
        let (first, end) = interval(part, completions)?;
        if let Some(last) = last.filter(|last| *last >= first) {
            return Err(format!("non-increasing order, previous: {last}, current: {first}"));
        }
        total += end - first + 1;
        last = Some(end);
    }
    Ok(total)
}

/// Returns the first index that two texts name both.
pub(super) fn overlap(one: &str, other: &str, completions: i64) -> Option<i64> {
    let read = |text| intervals(text).filter_map(|part| interval(part, completions).ok()).collect::<Vec<_>>();
    let (one, other): (Vec<_>, Vec<_>) = (read(one), read(other));
    let (mut left, mut right) = (one.iter().peekable(), other.iter().peekable());
    while let (Some((a, b)), Some((c, d))) = (left.peek(), right.peek()) {
        if a <= d && c <= b {
            return Some(*a.max(c));
        }
        if a <= c {
            left.next();
        } else {
            right.next();
        }
    }
    None
}

fn intervals(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').filter(move |_| !text.is_empty())
}

fn interval(text: &str, completions: i64) -> Result<(i64, i64), String> {
    let parts: Vec<&str> = text.split('-').collect();
    match parts[..] {
        [one] => index(one, completions).map(|index| (index, index)),
        [first, end] => {
            let (first, end) = (index(first, completions)?, index(end, completions)?);
            if first >= end {
                return Err(format!("non-increasing order, previous: {first}, current: {end}"));
            }
            Ok((first, end))
        }
        _ => Err(format!(
            "the fragment {text:?} violates the requirement that an index interval can have at most two parts separated by '-'"
        )),
    }
}

fn index(text: &str, completions: i64) -> Result<i64, String> {
    let index: i64 =
        text.parse().map_err(|_| format!("cannot convert string to integer for index: {text:?}"))?;
    if index >= completions { Err(format!("too large index: {text:?}")) } else { Ok(index) }
}

#[cfg(test)]
mod tests {
    use super::{overlap, total};

    #[test]
    fn indexes_are_counted() {
        assert_eq!(total("", 5), Ok(0));
        assert_eq!(total("0,2-4", 5), Ok(4));
        for (text, why) in [
            ("5", "too large index: \"5\""),
            ("a", "cannot convert string to integer for index: \"a\""),
            ("2,1", "non-increasing order, previous: 2, current: 1"),
            ("2-2", "non-increasing order, previous: 2, current: 2"),
            (
                "1-2-3",
                "the fragment \"1-2-3\" violates the requirement that an index interval can have at most two parts separated by '-'",
            ),
            ("1,", "cannot convert string to integer for index: \"\""),
        ] {
            assert_eq!(total(text, 5), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn indexes_overlap() {
        assert_eq!(overlap("0-2,5", "3-4", 10), None);
        assert_eq!(overlap("0-2,5", "3-6", 10), Some(5));
        assert_eq!(overlap("", "1", 10), None);
        assert_eq!(overlap("1-3", "2", 10), Some(2));
    }
}
