//! The gates of a comparison as JUnit XML: a test case a gate, and one that asks whether anything was tested at all.

use std::fmt::Write as _;

use super::ComparisonReport;
use super::sections::measured;
use crate::experiment::criterion::Evidence;
use crate::units::count;

pub(super) fn of(report: &ComparisonReport) -> String {
    let comparison = &report.comparison;
    let judged = |evidence| comparison.gates.iter().filter(|gate| gate.judgement.evidence == evidence).count();
    let failures = judged(Evidence::Holds);
    let errors = judged(Evidence::Open) + usize::from(comparison.is_inert());
    let tests = comparison.gates.len() + 1;
    let name = escaped(&format!("stickysim compare {}", report.name));
    let class = escaped(&report.name);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // writing to a string cannot fail
    let _ = writeln!(
        out,
        "<testsuites name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">\n  \
         <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"0\">"
    );
    let mut case = |name: &str, problem: Option<(&str, &str, String)>| {
        let _ = write!(out, "    <testcase classname=\"{class}\" name=\"{}\"", escaped(name));
        let _ = match problem {
            None => writeln!(out, "/>"),
            Some((element, kind, message)) => writeln!(
                out,
                ">\n      <{element} type=\"{kind}\" message=\"{}\"/>\n    </testcase>",
                escaped(&message)
            ),
        };
    };
    let inert = comparison.is_inert().then(|| {
        let message = format!(
            "no decision of the scheduler differed in any of {} between {} and {}",
            count(comparison.replications, "replication"),
            comparison.a,
            comparison.b
        );
        ("error", "inert", message)
    });
    case("decisions differ", inert);
    for gate in &comparison.gates {
        let has_interval = gate.judgement.measured.is_some_and(|found| found.lo.is_some() && found.hi.is_some());
        let interval = if has_interval { " (95 % interval)" } else { ", without an interval" };
        let is = format!("{} is {}{interval}", gate.criterion.figure, measured(gate));
        let problem = match gate.judgement.evidence {
            Evidence::Refuted => None,
            Evidence::Holds => Some(("failure", "gate", is)),
            Evidence::Open => {
                let doubt = gate.judgement.doubt().map_or_else(String::new, |doubt| format!("; {doubt}"));
                let at = count(comparison.replications, "replication");
                let message = format!("{is}: not decidable at {at}{doubt}");
                Some(("error", "not-decidable", message))
            }
        };
        case(&format!("not {}", gate.criterion.text), problem);
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

/// Text for an attribute: markup escaped, what XML 1.0 has no way to write replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn no_text_breaks_the_xml() {
        assert_eq!(escaped("a < 'b' & \"c\" > +5%"), "a &lt; &apos;b&apos; &amp; &quot;c&quot; &gt; +5%");
        assert_eq!(escaped("one\ntwo\u{7}"), "one&#10;two\u{fffd}");
    }
}
