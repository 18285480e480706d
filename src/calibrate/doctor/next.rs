//! The command to type next.

use std::path::Path;

use super::{Diagnosed, Finding, Sorted, State};
use crate::workload::replay::Format;

/// One line that can be copied.
pub(super) fn command(sorted: &Sorted, verdict: Diagnosed, findings: &[Finding]) -> String {
    let first = |state| findings.iter().find(|finding| finding.state == state);
    if let (Diagnosed::DoesNotFit, Some(wrong)) = (verdict, first(State::Wrong)) {
        return wrong.remedy.clone().unwrap_or_else(|| "mend the first thing that is wrong, and look again".to_owned());
    }
    let Some((log, format)) = sorted.logs.first() else {
        return match sorted.scenarios.first() {
            Some(scenario) => format!("stickysim run {}", quoted(scenario)),
            None => first(State::Missing)
                .and_then(|missing| missing.remedy.clone())
                .unwrap_or_else(|| "export the requests of a day (docs/guide/calibrate.md)".to_owned()),
        };
    };
    if verdict == Diagnosed::TooLittle {
        let is_bare = !matches!(format, Some(Format::GatewayLog | Format::Usage)) && has_no_answers(findings);
        return if is_bare {
            format!("stickysim run scenarios/slow-account.yaml --trace {}", quoted(log))
        } else {
            "export a longer period, and look again".to_owned()
        };
    }
    let mut words = vec!["stickysim calibrate".to_owned(), quoted(log)];
    let mut put = |option: &str, path: Option<&std::path::PathBuf>| {
        words.extend(path.map(|path| format!("{option} {}", quoted(path))));
    };
    put("--accounts", sorted.accounts.first());
    sorted.escape_logs.iter().for_each(|path| put("--escape-log", Some(path)));
    put("--gateway-config", sorted.configs.first());
    if let Some(environment) = sorted.environments.first() {
        let path = std::path::absolute(environment).unwrap_or_else(|_| environment.clone());
        words.push(format!("--set {}", quoted(Path::new(&format!("gateway_env={}", path.display())))));
    }
    words.push("--out calibrated".to_owned());
    words.join(" ")
}

fn has_no_answers(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.state == State::TooLittle && finding.text.contains(" 0 answers"))
}

/// A path as a shell reads it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "_-./=:,@+".contains(c);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::quoted;
    use std::path::Path;

    #[test]
    fn paths_can_be_pasted() {
        for (path, shown) in [("a/b.jsonl", "a/b.jsonl"), ("my log", "'my log'"), ("it's", "'it'\\''s'")] {
            assert_eq!(quoted(Path::new(path)), shown);
        }
    }
}
