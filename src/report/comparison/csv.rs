//! A comparison as rows, one a figure.

use crate::experiment::compare::Comparison;
use crate::experiment::stats::Interval;
use crate::measure::figures::no_token;

const HEADER: [&str; 18] = [
    "figure",
    "a",
    "a_lo",
    "a_hi",
    "b",
    "b_lo",
    "b_hi",
    "difference",
    "difference_lo",
    "difference_hi",
    "change",
    "change_lo",
    "change_hi",
    "n",
    "verdict",
    "p",
    "changed_in",
    "stands_among_all",
];

pub(super) fn of(comparison: &Comparison) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    // writing to memory cannot fail, and every row has as many fields as the header
    let _ = writer.write_record(HEADER);
    for row in &comparison.rows {
        let paired = row.paired.as_ref();
        let mut fields = vec![row.figure.path.clone()];
        for interval in
            [paired.map(|p| p.a), paired.map(|p| p.b), paired.map(|p| p.difference), paired.and_then(|p| p.change)]
        {
            fields.extend(ends(interval));
        }
        fields.push(paired.map_or(0, |p| p.difference.n).to_string());
        fields.push(row.verdict.words().to_owned());
        fields.push(paired.and_then(|p| p.p).map_or_else(String::new, |p| p.to_string()));
        fields.push(paired.map_or_else(String::new, |p| p.changed.to_string()));
        fields.push(row.stands.map_or_else(String::new, |stands| stands.to_string()));
        let _ = writer.write_record(&fields);
    }
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// Mean, low and high end; empty where there is none, `no token` where it falls among requests without one.
pub(in crate::report) fn ends(interval: Option<Interval>) -> [String; 3] {
    let text = |value: Option<f64>| match value {
        None => String::new(),
        Some(value) => no_token::shown(value).map_or_else(|| no_token::WORDS.to_owned(), |value| value.to_string()),
    };
    [text(interval.map(|i| i.mean)), text(interval.and_then(|i| i.lo)), text(interval.and_then(|i| i.hi))]
}
