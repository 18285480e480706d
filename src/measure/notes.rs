//! What the reader of a run's figures must know: said beside the figure that it touches, so that no number is taken for
//! more than it is.

use super::Settings;
use super::figures::Figures;

/// A remark on figures: what is missing, not to be relied on, or means something else than it seems to, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The path that it touches, or the start of several.
    pub figure: String,
    /// The remark, one sentence for people.
    pub text: String,
}

impl Note {
    /// A remark on the figures at or below this path.
    pub fn new(figure: impl Into<String>, text: impl Into<String>) -> Self {
        Self { figure: figure.into(), text: text.into() }
    }

    /// Whether it touches the figure at this path.
    pub fn touches(&self, path: &str) -> bool {
        path.strip_prefix(self.figure.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

/// The fewest samples at which a p95, p99 and p99.9 have at least one value beyond them.
const FEWEST: [(&str, &str, f64); 3] = [("p95", "p95", 20.0), ("p99", "p99", 100.0), ("p999", "p99.9", 1_000.0)];

/// The remarks that a run's figures call for.
pub(super) fn on(figures: &Figures, settings: &Settings, onsets_in_warmup: u64, some_unpriced: bool) -> Vec<Note> {
    let value = |path: &str| figures.run.get(path).flatten();
    let count = |path: &str| value(path).unwrap_or(0.0);
    let mut notes = Vec::new();
    let mut note = |figure: &str, text: String| notes.push(Note::new(figure, text));

    if count("requests.total") == 0.0 {
        let warmup = count("requests.warmup");
        let why = if warmup > 0.0 { format!(": all {warmup} arrived in the warm-up") } else { String::new() };
        note("requests", format!("no request counts{why}; there is nothing to read below"));
        return notes;
    }
    if count("requests.unfinished") > 0.0 {
        let text =
            "requests under way at the end of the run are in no latency figure, and slow ones are more likely to be";
        note("requests.unfinished", text.into());
    }
    for (samples, prefix) in
        [("felt_ttft_ms.samples", "felt_ttft_ms"), ("upstream_ttft_ms.samples", "upstream_ttft_ms")]
    {
        few_samples(&mut note, prefix, count(samples), "samples", &FEWEST);
    }
    let untimed = count("requests.total") - count("requests.unfinished") - count("felt_ttft_ms.samples");
    if untimed > 0.0 {
        note("felt_ttft_ms", format!("{untimed} requests ended without a first token and are in no TTFT figure"));
    }
    if settings.groups.sessions {
        if count("sessions.total") == 0.0 {
            note(
                "sessions",
                "no request has a session: there is nothing sticky to measure, and nothing to escape".into(),
            );
        } else {
            few_samples(&mut note, "sessions.worst_ttft_ms", count("sessions.total"), "sessions", &FEWEST[..2]);
            few_samples(&mut note, "sessions.mean_ttft_ms", count("sessions.total"), "sessions", &FEWEST[..2]);
        }
    }
    if settings.groups.escapes && count("escapes.total") == 0.0 {
        let why = if !settings.mode.has_gate() {
            format!("none: the mode {} has no gate", settings.mode.name())
        } else if settings.gate.enabled {
            "nothing escaped: the escape settings decided nothing in this run".into()
        } else {
            "escape is off".into()
        };
        note("escapes", why);
    }
    if settings.groups.detection {
        if onsets_in_warmup > 0 {
            let text = format!(
                "{onsets_in_warmup} onsets lie in the warm-up: neither their delay nor their recovery is counted"
            );
            note("detection", text);
        }
        if count("detection.onsets") == 0.0 && onsets_in_warmup == 0 {
            note("detection", "no condition degraded any account: there was nothing to detect".into());
        } else if !settings.mode.has_gate() {
            let text = format!(
                "the mode {} has no gate: nothing is detected by escapes, missed turns are those of bound sessions that \
                 stayed on a degraded account",
                settings.mode.name()
            );
            note("detection", text);
        } else if !settings.gate.enabled {
            note(
                "detection",
                "escape is off: nothing can be detected, missed turns are what it would have had to see".into(),
            );
        }
    }
    if settings.groups.cost {
        if value("cost.cold_turns").is_none() {
            note("cost.cold_turn_ratio", "no prompt cache is modelled: cold turns are not counted".into());
        }
        if some_unpriced {
            note("cost.price", "some accounts that were used have no price: their tokens are not in it".into());
        }
    }
    if !settings.mode.learns() {
        let text =
            format!("the mode {} counts no metrics of the scheduler and keeps no averages", settings.mode.name());
        note("scheduler", text);
    } else if settings.replicas > 1 {
        note("scheduler.runtime_stats_account_count", "over all replicas; each keeps stats of its own".into());
        note("accounts", "EWMAs are those of the latest report, whichever replica it went to".into());
    }
    notes
}

/// Says so when there are too few samples for a percentile.
fn few_samples(
    note: &mut impl FnMut(&str, String),
    prefix: &str,
    samples: f64,
    of: &str,
    fewest: &[(&str, &str, f64)],
) {
    let short: Vec<_> = fewest.iter().filter(|&&(_, _, least)| samples < least).collect();
    if let (Some(&&(field, _, _)), true) = (short.first(), samples > 0.0) {
        let names: Vec<_> = short.iter().map(|&&(_, name, _)| name).collect();
        note(
            &format!("{prefix}.{field}"),
            format!("{} from {samples} {of}: close to the maximum", names.join(" and ")),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(values: &[(&str, u64)], settings: &Settings) -> Vec<String> {
        let mut figures = Figures::new();
        values.iter().for_each(|&(path, value)| figures.run.count(path, value));
        on(&figures, settings, 0, false).into_iter().map(|note| note.figure).collect()
    }

    #[test]
    fn a_run_with_everything_needs_no_remark() {
        let all = [
            ("requests.total", 5_000),
            ("requests.ok", 5_000),
            ("felt_ttft_ms.samples", 5_000),
            ("upstream_ttft_ms.samples", 5_000),
            ("sessions.total", 200),
            ("escapes.total", 3),
            ("detection.onsets", 1),
            ("cost.cold_turns", 0),
        ];
        let settings = Settings::default();
        assert_eq!(notes(&all, &settings), [""; 0]);
        for (path, value, touched) in [
            ("sessions.total", 0, "sessions"),
            ("sessions.total", 99, "sessions.worst_ttft_ms.p99"),
            ("escapes.total", 0, "escapes"),
            ("felt_ttft_ms.samples", 999, "felt_ttft_ms.p999"),
            ("requests.unfinished", 1, "requests.unfinished"),
            ("detection.onsets", 0, "detection"),
            ("requests.total", 0, "requests"),
        ] {
            let changed = all.map(|(p, v)| if p == path { (p, value) } else { (p, v) });
            let changed = [&changed[..], &[(path, value)]].concat();
            assert!(notes(&changed, &settings).iter().any(|figure| figure == touched), "{touched}");
        }
    }

    #[test]
    fn a_remark_touches_its_figure_and_what_lies_below() {
        let note = Note::new("cost", "");
        assert!(
            note.touches("cost") && note.touches("cost.price") && !note.touches("costs") && !note.touches("escapes")
        );
    }
}
