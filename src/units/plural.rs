//! Counts of things in messages: "1 request", "2 requests".

/// So many of something, with its plural from two on (and for none).
pub fn count(number: u64, thing: &str) -> String {
    format!("{number} {}", plural(number, thing))
}

/// The same of what may be many: "12,345 requests".
pub fn counted(number: u64, thing: &str) -> String {
    format!("{} {}", thousands(&number.to_string()), plural(number, thing))
}

/// The word for so many of it. Words that end in "y" after a consonant, "s", "x", "ch" or "sh" have their own plurals.
pub fn plural(number: u64, thing: &str) -> String {
    if number == 1 {
        return thing.to_owned();
    }
    let before_y = thing.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u']));
    match before_y {
        Some(stem) => format!("{stem}ies"),
        None if ["s", "x", "ch", "sh"].iter().any(|ending| thing.ends_with(ending)) => format!("{thing}es"),
        None => format!("{thing}s"),
    }
}

/// The word that goes with so many: `agree(1, "was", "were")` is "was".
pub const fn agree<'a>(number: u64, one: &'a str, several: &'a str) -> &'a str {
    if number == 1 { one } else { several }
}

/// Digits with thousands apart by commas: "12345.6" is "12,345.6". A minus sign and decimals stay as they are.
pub fn thousands(number: &str) -> String {
    let begin = number.bytes().position(|byte| byte.is_ascii_digit()).unwrap_or(number.len());
    let digits = number[begin..].bytes().take_while(u8::is_ascii_digit).count();
    if digits < 4 {
        return number.to_owned();
    }
    let end = begin + digits;
    let mut text = String::with_capacity(number.len() + digits / 3);
    text.push_str(&number[..begin]);
    for (place, digit) in (begin..end).zip(number[begin..end].chars()) {
        if place > begin && (end - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + &number[end..]
}

/// Ids in order, those in a row as one: `1-4, 7`.
pub fn ranges(ids: &[i64]) -> String {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for id in ids {
        match runs.last_mut() {
            Some((_, last)) if id == *last + 1 => *last = id,
            _ => runs.push((id, id)),
        }
    }
    let text = |&(first, last): &(i64, i64)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    runs.iter().map(text).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{count, ranges, thousands};

    #[test]
    fn thousands_are_apart_whatever_stands_around_them() {
        let all = ["0", "999", "1000", "-1234567.8901", "\u{2212}12345", "no number", ""];
        let expected = ["0", "999", "1,000", "-1,234,567.8901", "\u{2212}12,345", "no number", ""];
        assert_eq!(all.map(thousands), expected);
    }

    #[test]
    fn ids_in_a_row_are_shown_as_one() {
        assert_eq!(ranges(&[3, 1, 2, 7, 9, 10]), "1-3, 7, 9-10");
        assert_eq!(ranges(&[]), "");
    }

    #[test]
    fn one_is_singular_and_all_other_numbers_are_plural() {
        let all =
            [(0, "request"), (1, "request"), (2, "request"), (1, "query"), (3, "query"), (2, "switch"), (2, "day")];
        let said: Vec<String> = all.iter().map(|&(number, thing)| count(number, thing)).collect();
        assert_eq!(said, ["0 requests", "1 request", "2 requests", "1 query", "3 queries", "2 switches", "2 days"]);
    }
}
