//! Caveats on figures. Each is attached to the figures that it concerns, so that readers do not over-interpret a
//! number.

use serde::{Deserialize, Serialize};

use super::Settings;
use super::figures::Figures;

/// A remark on figures: what is missing, what cannot be relied on, or what means something other than it seems to, and
/// why.
///
/// Its numbers are kept apart from its words, so that the remarks of several replications can be joined into one with
/// the means of the numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// The path of the figure that it concerns, or the beginning of several paths.
    pub figure: String,
    /// The remark, one sentence for people, with `{}` for each of its numbers.
    words: String,
    /// The numbers in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    numbers: Vec<f64>,
    /// Whether the numbers count something, so that a run without the remark has a count of 0.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    counts: bool,
    /// Whether a test found it that finds something in one steady run of twenty as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    by_chance: bool,
}

impl Note {
    /// A remark on the figures at or below this path.
    pub fn new(figure: impl Into<String>, text: impl Into<String>) -> Self {
        Self { figure: figure.into(), words: text.into(), numbers: Vec::new(), counts: false, by_chance: false }
    }

    /// A remark with numbers that a run measured, one for each `{}` in `words`.
    pub fn measured(figure: impl Into<String>, words: impl Into<String>, numbers: &[f64]) -> Self {
        Self { numbers: numbers.to_vec(), ..Self::new(figure, words) }
    }

    /// The same remark as the finding of a test that is wrong in one run of twenty: of several runs, more must have it
    /// than chance explains.
    pub(super) fn by_chance(self) -> Self {
        Self { by_chance: true, ..self }
    }

    /// A remark with a count in place of `{}`. For a run without the remark the count is 0.
    pub fn count(figure: impl Into<String>, words: impl Into<String>, count: f64) -> Self {
        Self { counts: true, ..Self::measured(figure, words, &[count]) }
    }

    /// A remark as it was printed, with the numbers inside the text; `count` says whether they counted something.
    pub fn printed(figure: impl Into<String>, text: impl Into<String>, count: bool) -> Self {
        Self { counts: count, ..Self::new(figure, text) }
    }

    /// Whether its numbers count something, so that a run without the remark has a count of 0.
    pub const fn is_count(&self) -> bool {
        self.counts
    }

    /// The remark with its numbers.
    pub fn text(&self) -> String {
        let mut numbers = self.numbers.iter();
        let mut text = String::with_capacity(self.words.len());
        for (place, part) in self.words.split("{}").enumerate() {
            if place > 0 {
                text.push_str(&numbers.next().map_or_else(|| "{}".to_owned(), |&number| plain(number)));
            }
            text.push_str(part);
        }
        text
    }

    /// Whether `other` differs in its numbers only.
    pub fn is_like(&self, other: &Self) -> bool {
        self.figure == other.figure && self.words == other.words
    }
    /// Whether it concerns the figure at this path.
    pub fn touches(&self, path: &str) -> bool {
        path.strip_prefix(self.figure.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

/// A number as it is written in a sentence: as a whole number, or with one decimal, with its thousands apart.
fn plain(number: f64) -> String {
    crate::units::thousands(&if number.fract() == 0.0 { format!("{number:.0}") } else { format!("{number:.1}") })
}

/// One remark for several runs whose remarks differ in their numbers only.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// The remark with the means of its numbers. Counts are averaged over all runs, other numbers over the runs that
    /// have the remark.
    pub note: Note,
    /// How many runs have it.
    pub runs: usize,
    /// Whether its numbers are means of numbers that differ.
    pub means: bool,
}

impl Merged {
    /// Joins the remarks of `runs`: those that differ in their numbers only become one. The order is that of first
    /// occurrence. What a test found in no more of several runs than chance explains is left out.
    pub fn of<'a>(runs: impl IntoIterator<Item = &'a [Note]>) -> Vec<Self> {
        let mut all: Vec<(&Note, Vec<&[f64]>)> = Vec::new();
        let mut total = 0;
        for notes in runs {
            total += 1;
            for note in notes {
                match all.iter_mut().find(|(known, _)| known.is_like(note)) {
                    Some((_, seen)) => seen.push(&note.numbers),
                    None => all.push((note, vec![&note.numbers])),
                }
            }
        }
        all.retain(|(note, seen)| !note.by_chance || total == 1 || is_beyond_chance(seen.len(), total));
        all.into_iter().map(|(note, seen)| Self::one(note, &seen, total)).collect()
    }

    fn one(note: &Note, seen: &[&[f64]], total: usize) -> Self {
        let over = if note.counts { total } else { seen.len() };
        let mean = |place: usize| seen.iter().filter_map(|numbers| numbers.get(place)).sum::<f64>() / over as f64;
        let means = over > seen.len() || seen.iter().any(|numbers| *numbers != seen[0]);
        let numbers = if means { (0..note.numbers.len()).map(mean).collect() } else { note.numbers.clone() };
        Self { note: Note { numbers, ..note.clone() }, runs: seen.len(), means: means && !note.numbers.is_empty() }
    }

    /// The text of the remark and, unless it is obvious, how many of the `total` runs it concerns. `of` is what the
    /// runs are called.
    pub fn text(&self, total: usize, of: &str) -> String {
        let text = self.note.text();
        let runs = self.runs;
        match (self.means, runs < total) {
            (true, _) if self.note.counts => format!("{text} (mean over all {total} {of})"),
            (true, true) => format!("{text} (mean of the {runs} of {total} {of} that have it)"),
            (true, false) => format!("{text} (mean of {total} {of})"),
            (false, true) => format!("{text} (in {runs} of {total} {of})"),
            (false, false) => text,
        }
    }
}

/// Whether so many of `total` runs are more than chance explains at a level of 1 %, if each has the remark by chance
/// with a probability of 5 % (the upper tail of the binomial distribution).
fn is_beyond_chance(runs: usize, total: usize) -> bool {
    const BY_CHANCE: f64 = 0.05;
    const LEVEL: f64 = 0.01;
    let n = total as f64;
    if total > 10_000 {
        // the normal approximation, before the probability of no run at all is too small for a number
        return runs as f64 > n * BY_CHANCE + 2.33 * (n * BY_CHANCE * (1.0 - BY_CHANCE)).sqrt();
    }
    let mut probability = libm::pow(1.0 - BY_CHANCE, n);
    let mut below = 0.0;
    for k in 0..runs {
        below += probability;
        probability *= (total - k) as f64 / (k + 1) as f64 * BY_CHANCE / (1.0 - BY_CHANCE);
    }
    1.0 - below <= LEVEL
}

/// The fewest samples at which a p95, p99 and p99.9 have at least one value beyond them.
const FEWEST: [(&str, &str, f64); 3] = [("p95", "p95", 20.0), ("p99", "p99", 100.0), ("p999", "p99.9", 1_000.0)];

/// The remarks that belong to a run's figures.
pub(super) fn on(figures: &Figures, settings: &Settings, onsets_in_warmup: u64, some_unpriced: bool) -> Vec<Note> {
    let value = |path: &str| figures.run.get(path).flatten();
    let count = |path: &str| value(path).unwrap_or(0.0);
    let mut notes = Vec::new();
    if count("requests.total") == 0.0 {
        let warmup = count("requests.warmup");
        let nothing = "the figures below are empty";
        notes.push(if warmup > 0.0 {
            Note::measured(
                "requests",
                format!("no request is counted, because all {{}} arrived in the warm-up; {nothing}"),
                &[warmup],
            )
        } else {
            Note::new("requests", format!("no request is counted; {nothing}"))
        });
        return notes;
    }
    if count("requests.unfinished") > 0.0 {
        let text = "requests under way at the end of the run are in no latency figure, and slow requests are more \
                    likely to be among them";
        notes.push(Note::new("requests.unfinished", text));
    }
    for group in ["felt_ttft_ms", "upstream_ttft_ms"] {
        notes.extend(few_samples(group, count(&format!("{group}.samples")), "samples", &FEWEST));
    }
    let without = count("felt_ttft_ms.without_token");
    if without > 0.0 {
        let words = "requests without a first token: {}. They rank as worst, and the mean is the restricted mean of \
                     Kaplan and Meier; answered_ttft_ms leaves them out";
        notes.push(Note::count("felt_ttft_ms", words, without));
    }
    if settings.groups.sessions {
        on_sessions(&mut notes, &count);
    }
    if settings.groups.escapes {
        on_escapes(&mut notes, settings, &count);
    }
    if settings.groups.detection {
        on_detection(&mut notes, settings, &count, onsets_in_warmup);
    }
    if settings.groups.cost {
        if value("cost.cold_turns").is_none() {
            notes.push(Note::new("cost.cold_turn_ratio", "no prompt cache is modelled: cold turns are not counted"));
        }
        if some_unpriced {
            let text = "some accounts that were used have no price, so their tokens are not included";
            notes.push(Note::new("cost.price", text));
        }
    }
    on_scheduler(&mut notes, settings);
    notes
}

/// Adds the remarks that belong to escapes.
fn on_escapes(notes: &mut Vec<Note>, settings: &Settings, count: &dyn Fn(&str) -> f64) {
    if count("escapes.total") == 0.0 {
        let why = if !settings.mode.has_gate() {
            format!("none: the mode {} has no gate", settings.mode.name())
        } else if settings.gate.enabled {
            "nothing escaped, so the escape settings made no difference in this run".to_owned()
        } else {
            "escape is off".to_owned()
        };
        notes.push(Note::new("escapes", why));
    }
}

/// Adds the remarks that belong to detection.
fn on_detection(notes: &mut Vec<Note>, settings: &Settings, count: &dyn Fn(&str) -> f64, onsets_in_warmup: u64) {
    if onsets_in_warmup > 0 {
        let words = "onsets in the warm-up: {}. Neither their delay nor their recovery is counted";
        notes.push(Note::count("detection", words, onsets_in_warmup as f64));
    }
    if count("detection.onsets") == 0.0 && onsets_in_warmup == 0 {
        notes.push(Note::new("detection", "no condition degraded any account, so there was nothing to detect"));
    } else if !settings.mode.has_gate() {
        let text = format!(
            "the mode {} has no gate: a degraded account is seen when {} takes a bound session from it; missed turns \
             are those of bound sessions that stayed on one",
            settings.mode.name(),
            settings.mode.sees_by()
        );
        notes.push(Note::new("detection", text));
    } else if !settings.gate.enabled {
        let text = "escape is off, so nothing is detected; missed turns are those that it could have seen";
        notes.push(Note::new("detection", text));
    }
}

/// Adds the remarks that belong to the gateway's own metrics and averages.
fn on_scheduler(notes: &mut Vec<Note>, settings: &Settings) {
    if !settings.mode.learns() {
        let text =
            format!("the mode {} counts no metrics of the scheduler and keeps no averages", settings.mode.name());
        notes.push(Note::new("scheduler", text));
    } else if settings.replicas > 1 {
        let text = "summed over all replicas, each of which keeps its own averages";
        notes.push(Note::new("scheduler.runtime_stats_account_count", text));
        let text = "the EWMAs are those after the latest result, whichever replica it went to";
        notes.push(Note::new("accounts", text));
    }
}

/// Adds the remarks that belong to figures over sessions.
fn on_sessions(notes: &mut Vec<Note>, count: &dyn Fn(&str) -> f64) {
    let total = count("sessions.total");
    if total == 0.0 {
        let text = "no request has a session, so nothing is sticky and nothing can escape";
        notes.push(Note::new("sessions", text));
        return;
    }
    for group in ["sessions.worst_ttft_ms", "sessions.mean_ttft_ms"] {
        notes.extend(few_samples(group, total, "sessions", &FEWEST[..2]));
    }
}

/// A remark if there are too few samples for a percentile.
fn few_samples(prefix: &str, samples: f64, of: &str, fewest: &[(&str, &str, f64)]) -> Option<Note> {
    let short: Vec<_> = fewest.iter().filter(|&&(_, _, least)| samples < least).collect();
    let &&(field, _, _) = short.first().filter(|_| samples > 0.0)?;
    let names: Vec<_> = short.iter().map(|&&(_, name, _)| name).collect();
    let words = format!("{} from {{}} {of}: close to the maximum", names.join(" and "));
    Some(Note::measured(format!("{prefix}.{field}"), words, &[samples]))
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

    #[test]
    fn the_remarks_of_several_runs_are_one_with_their_means() {
        let lost = |count: f64| vec![Note::count("felt_ttft_ms", "{} requests lost", count)];
        let runs = [lost(130.0), lost(428.0), Vec::new(), lost(316.0)];
        let merged = Merged::of(runs.iter().map(Vec::as_slice));
        assert_eq!((merged.len(), merged[0].runs), (1, 3));
        assert_eq!(merged[0].text(4, "runs"), "218.5 requests lost (mean over all 4 runs)");
        let few = |count: f64| vec![Note::measured("felt_ttft_ms.p99", "p99 from {} samples", &[count])];
        let runs = [few(57.0), Vec::new(), few(60.0)];
        let merged = Merged::of(runs.iter().map(Vec::as_slice));
        assert_eq!(merged[0].text(3, "runs"), "p99 from 58.5 samples (mean of the 2 of 3 runs that have it)");
        let same = [few(57.0), few(57.0)];
        assert_eq!(Merged::of(same.iter().map(Vec::as_slice))[0].text(2, "runs"), "p99 from 57 samples");
        let plain = [vec![Note::new("escapes", "escape is off")], Vec::new()];
        assert_eq!(Merged::of(plain.iter().map(Vec::as_slice))[0].text(2, "runs"), "escape is off (in 1 of 2 runs)");
    }

    #[test]
    fn what_a_test_finds_by_chance_is_said_of_one_run_and_of_more_runs_than_chance_explains() {
        let drifts = Note::measured("requests", "the load drifts by {} %", &[12.0]).by_chance();
        let said = |runs: usize, total: usize| {
            let all: Vec<Vec<Note>> =
                (0..total).map(|run| if run < runs { vec![drifts.clone()] } else { Vec::new() }).collect();
            !Merged::of(all.iter().map(Vec::as_slice)).is_empty()
        };
        // 1 - binomial cdf: 3 of 5 0.0012, 4 of 20 0.0159, 5 of 20 0.0026, 15 of 153 0.0100, 16 of 153 0.0047
        for (runs, total, expected) in
            [(1, 1, true), (1, 2, false), (2, 2, true), (2, 5, false), (3, 5, true), (4, 20, false), (5, 20, true)]
        {
            assert_eq!(said(runs, total), expected, "{runs} of {total}");
        }
        assert!(!said(7, 153) && said(16, 153) && said(20_000, 20_000));
    }
}
