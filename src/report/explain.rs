//! Prints for people why a request went where it went and what a session experienced, and the table of completions
//! until the escape gate fires.

use super::completions::{in_words, until_it_fires, until_it_lets_go};
use super::format::{self, NONE};
use super::style::Style;
use super::summary::{Block, Section, Table, lay_out};
use crate::experiment::explain::{Journey, LeftOut, Select};
use crate::ids::AccountIx;
use crate::scheduler::terms::TERMS;
use crate::scheduler::{Config, EscapeReason, Health, Layer, LeaveReason, Mode, Outcome, Weighing};
use crate::simulation::Lowered;
use crate::units::{Span, Time, count, plural};

/// What explanations are written with: the names of accounts, and the settings of the gate.
#[derive(Clone, Copy, Debug)]
pub struct Explainer<'a> {
    lowered: &'a Lowered,
}

/// The arithmetic of the gate: from which level after how many completions.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdTable {
    /// Where the average stands when all is well, in ms.
    pub baseline_ms: f64,
    /// The threshold in ms.
    pub threshold_ms: f64,
    /// Weight of the newest sample.
    pub alpha: f64,
    /// TTFTs of slow completions in ms.
    pub levels_ms: Vec<f64>,
}

impl ThresholdTable {
    /// For people on a terminal.
    pub fn to_text(&self, style: Style) -> String {
        let ms = |ms: f64| format::time(ms / 1e3, None);
        let mut table = Table::new(&["TTFT", "until the gate fires", "then, until it lets go"]);
        for &level in &self.levels_ms {
            let fires = until_it_fires(self.baseline_ms, self.threshold_ms, level, self.alpha);
            // the average after as many slow completions as it takes to fire: from there good ones bring it back
            let peak = fires.filter(|&n| n < u32::MAX).map(|n| self.average_after(level, n));
            let lets_go = peak.and_then(|peak| until_it_lets_go(peak, self.threshold_ms, self.baseline_ms, self.alpha));
            let steady = until_it_lets_go(level, self.threshold_ms, self.baseline_ms, self.alpha);
            let back = match (lets_go, steady) {
                (Some(soon), Some(late)) if soon < late => format!("{} to {}", in_words(soon), in_words(late)),
                (Some(n), _) => in_words(n),
                // practically never: only the final level of the average is known
                (None, Some(late)) if fires == Some(u32::MAX) => in_words(late),
                _ => NONE.to_owned(),
            };
            let fires = fires.map_or_else(|| "never".to_owned(), in_words);
            table.row([ms(level), fires, back]);
        }
        let baseline = ms(self.baseline_ms);
        let blocks = vec![
            Block::Line(format!(
                "the average stands at {baseline}, and the newest completion counts for {} of it: so many completions \
                 of a TTFT in a row lift it over the threshold of {}, and then so many of {baseline} bring it back",
                self.alpha,
                ms(self.threshold_ms),
            )),
            Block::Table(table),
            Block::Line(
                "two numbers: the first if the gate has only just fired, the second if the average has risen to the \
                 level of the slow completions; nothing but completions moves the average, and the gate fires over the \
                 threshold, not at it"
                    .to_owned(),
            ),
        ];
        let section = Section { title: "Completions until the escape gate fires, and lets go".to_owned(), blocks };
        lay_out(&[section], style).trim_end().to_owned() + "\n"
    }

    fn average_after(&self, level: f64, completions: u32) -> f64 {
        let mut average = self.baseline_ms;
        if completions > 10_000 {
            // step by step would take long: in one go, which differs in the last bits
            let left = libm::exp(f64::from(completions) * libm::log1p(-self.alpha));
            return level + (average - level) * left;
        }
        for _ in 0..completions {
            average = self.alpha * level + (1.0 - self.alpha) * average;
        }
        average
    }
}

impl<'a> Explainer<'a> {
    /// For runs of this scenario.
    pub const fn new(lowered: &'a Lowered) -> Self {
        Self { lowered }
    }

    fn account(&self, account: AccountIx) -> String {
        self.lowered.accounts.get(account.at()).map_or_else(|| NONE.to_owned(), |info| info.id.to_string())
    }

    fn clock(&self, at: Time) -> String {
        clock(at.since(self.lowered.start))
    }

    const fn config(&self) -> &Config {
        &self.lowered.gateway.scheduler
    }

    /// A session's whole journey, a row a turn.
    pub fn session(&self, journeys: &[Journey], style: Style) -> String {
        let name = journeys.first().and_then(|journey| journey.session.clone()).unwrap_or_default();
        let mut table =
            Table::new(&["turn", "request", "at", "account", "chosen by", "felt TTFT", "waited", "cache", "ended"]);
        let mut escapes = 0;
        let mut cold = 0;
        let mut accounts: Vec<AccountIx> = Vec::new();
        for journey in journeys {
            let end = journey.end.as_ref();
            let escape = end.and_then(|end| end.escape);
            escapes += u32::from(escape.is_some());
            let last = journey.forwards.last();
            let is_cold = journey.forwards.iter().any(|forward| forward.cold);
            cold += u32::from(is_cold);
            if let Some(account) = end.and_then(|end| end.account)
                && accounts.last() != Some(&account)
            {
                accounts.push(account);
            }
            let cache = match last {
                None => NONE.to_owned(),
                Some(_) if is_cold => "COLD".to_owned(),
                Some(forward) if journey.input_tokens > 0 => {
                    format!("{:.0} %", 100.0 * f64::from(forward.cached_tokens) / f64::from(journey.input_tokens))
                }
                Some(_) => NONE.to_owned(),
            };
            table.row([
                journey.turn.to_string(),
                journey.number.to_string(),
                self.clock(journey.at),
                end.and_then(|end| end.account).map_or_else(|| NONE.to_owned(), |account| self.account(account)),
                match (escape, end.and_then(|end| end.layer)) {
                    (Some(reason), _) => format!("ESCAPE {}", short(reason)),
                    (None, Some(Layer::Session)) => "sticky".to_owned(),
                    (None, Some(Layer::LoadBalance)) => "balance".to_owned(),
                    (None, Some(Layer::PreviousResponse)) => "response id".to_owned(),
                    (None, None) => NONE.to_owned(),
                },
                end.and_then(|end| end.felt).map_or_else(|| NONE.to_owned(), span),
                end.filter(|end| !end.waited.is_zero()).map_or_else(String::new, |end| span(end.waited)),
                cache,
                end.map_or_else(|| "under way".to_owned(), |end| end.status.name().to_owned()),
            ]);
        }
        let way: Vec<String> = accounts.into_iter().map(|account| self.account(account)).collect();
        let blocks = vec![
            Block::Line(format!(
                "{}, {escapes} with an escape, {cold} cold; {} {}",
                count(journeys.len() as u64, "turn"),
                plural(way.len() as u64, "account"),
                way.join(" -> ")
            )),
            Block::Table(table),
            Block::Line("more on one of them: --turn N, or --request ID".to_owned()),
        ];
        let section = Section { title: format!("Session {name}"), blocks };
        lay_out(&[section], style).trim_end().to_owned() + "\n"
    }

    /// One request with all its reasons.
    pub fn request(&self, journey: &Journey, style: Style) -> String {
        let of = journey
            .session
            .as_ref()
            .map_or_else(String::new, |name| format!(", turn {} of session {name}", journey.turn));
        let mut sections = vec![Section {
            title: format!("Request {}{of}", journey.number),
            blocks: vec![Block::Line(format!(
                "arrived {} into the run with {} input tokens",
                self.clock(journey.at),
                format::grouped(f64::from(journey.input_tokens))
            ))],
        }];
        for (at, select) in journey.selects.iter().enumerate() {
            sections.push(self.select(at, select));
        }
        sections.push(self.ending(journey));
        lay_out(&sections, style).trim_end().to_owned() + "\n"
    }

    fn select(&self, at: usize, select: &Select) -> Section {
        let decision = &select.decision;
        let config = self.config();
        let mut blocks = Vec::new();
        match (decision.bound, select.health) {
            (None, _) => blocks.push(Block::Line("the session is bound to no account".to_owned())),
            (Some(account), health) => {
                let name = self.account(account);
                blocks.push(Block::Line(format!("the session is bound to account {name}")));
                if let Some(health) = health.filter(|_| !decision.sticky_previous_hit) {
                    let ttft =
                        health.ttft_ms.map_or_else(|| "unknown".to_owned(), |ttft| format::time(ttft / 1e3, None));
                    blocks.push(Block::Line(self.averages(&ttft, &health)));
                    if self.mode().has_gate() && !config.sticky_escape_enabled {
                        blocks.push(Block::Line("escape is off: the gate is not asked".to_owned()));
                    }
                }
            }
        }
        match (decision.layer, decision.escape) {
            (Layer::PreviousResponse, _) => {
                blocks.push(Block::Line(
                    "previous_response_id names its account: its health is not considered".to_owned(),
                ));
            }
            (Layer::Session, _) => blocks.push(Block::Line("so it stays (sticky)".to_owned())),
            (Layer::LoadBalance, Some(escape)) => {
                let why = match escape.reason {
                    EscapeReason::Ttft => "its TTFT average is over the threshold",
                    EscapeReason::ErrorRate => "its error rate is over the threshold",
                    EscapeReason::ConcurrencyFull => "it has no free slot",
                };
                blocks.push(Block::Line(format!(
                    "so it ESCAPES to load balance because {why}; the binding itself stays"
                )));
            }
            (Layer::LoadBalance, None) if decision.bound.is_some() => {
                blocks.push(Block::Line(self.of_bound(select)));
            }
            (Layer::LoadBalance, None) => blocks.push(Block::Line("so load balance is asked".to_owned())),
        }
        if !select.candidates.is_empty() {
            blocks.push(Block::Table(self.candidates(select)));
            blocks.push(Block::Line(self.how_it_chose(select)));
        }
        for (account, why) in &select.left_out {
            let why = self.why_left_out(*why);
            blocks.push(Block::Line(format!("no candidate: account {}: {why}", self.account(*account))));
        }
        blocks.push(Block::Line(self.outcome(select)));
        let replica =
            if self.lowered.gateway.replicas > 1 { format!(", replica {}", select.replica) } else { String::new() };
        Section { title: format!("Select {} at {}{replica}", at + 1, self.clock(select.now)), blocks }
    }

    /// Why an account was not a candidate.
    fn why_left_out(&self, why: LeftOut) -> String {
        match why {
            LeftOut::Excluded => "it failed for this request already".to_owned(),
            LeftOut::SwitchedOff => "it is switched off".to_owned(),
            LeftOut::Unschedulable(until) => format!("unschedulable until {}", self.clock(until)),
            LeftOut::Blocked(until) => format!("blocked on this replica until {}", self.clock(until)),
            LeftOut::NotListed => "not yet back on the list of candidates".to_owned(),
            LeftOut::Pair(until) => {
                format!("it failed for this model repeatedly and is passed over for it until {}", self.clock(until))
            }
            LeftOut::Limited(until) => format!("limited for this model until {}", self.clock(until)),
            LeftOut::Transport => "it does not speak WebSocket v2".to_owned(),
            LeftOut::Group => "it belongs to another group".to_owned(),
            LeftOut::Model => "it does not serve the model".to_owned(),
            LeftOut::OtherPart => "subscriptions and other accounts are considered separately".to_owned(),
        }
    }

    /// The answer of a select: an account with a slot, a plan to wait, or none.
    fn outcome(&self, select: &Select) -> String {
        let slots = match select.slots {
            Some((held, limit)) if limit > 0 => format!(" (slots taken: {held} of {limit})"),
            _ => String::new(),
        };
        match select.decision.outcome {
            Outcome::Acquired(account, _) => format!("-> account {}, with a slot{slots}", self.account(account)),
            Outcome::Wait(account, plan) => format!(
                "-> waits for account {}{slots}, at most {} and with at most {} others",
                self.account(account),
                format::setting(plan.timeout),
                plan.max_waiting
            ),
            Outcome::NoAvailableAccounts => "-> no available accounts".to_owned(),
        }
    }

    const fn mode(&self) -> Mode {
        self.lowered.measure.mode
    }

    /// The averages of the bound account, and what the mode makes of them.
    fn averages(&self, ttft: &str, health: &Health) -> String {
        let config = self.config();
        if self.mode() == Mode::Legacy {
            return "the mode legacy keeps no averages and has no gate".to_owned();
        }
        if self.mode() == Mode::Weighted {
            return format!(
                "its averages: TTFT {ttft}, error rate {:.3}; they count in its score, this mode has no gate",
                health.error_rate
            );
        }
        let limit = format::time(config.sticky_escape_ttft_ms as f64 / 1e3, None);
        let over = |over: bool| if over { "OVER" } else { "not over" };
        format!(
            "its averages: TTFT {ttft}, {} the threshold of {limit}; error rate {:.3}, {} that of {}",
            over(health.ttft_ms.is_some_and(|ttft| ttft > config.sticky_escape_ttft_ms as f64)),
            health.error_rate,
            over(health.error_rate > config.sticky_escape_error_rate),
            config.sticky_escape_error_rate
        )
    }

    /// What became of a bound session that load balance decided on.
    fn of_bound(&self, select: &Select) -> String {
        let decision = &select.decision;
        let stays = decision.account() == decision.bound;
        let left = decision.left.map(|left| left.reason);
        match self.mode() {
            Mode::Weighted => format!(
                "being bound adds {} to its score: {}",
                self.config().weights.session_sticky,
                match left {
                    _ if stays => "it is chosen, and the session stays",
                    Some(LeaveReason::Score) => "others are preferred though it has a free slot, the session moves",
                    Some(LeaveReason::Cooldown) => "but it cools down for this model, the session moves",
                    None => "it is not chosen, the session moves",
                }
            ),
            Mode::Legacy if left.is_some() => {
                "that account cools down for this model, so the binding is dropped and all are asked".to_owned()
            }
            Mode::Legacy if stays && select.candidates.is_empty() => "so it stays (sticky)".to_owned(),
            Mode::Legacy => {
                "that account is not available to it, or too many wait there, so all are asked, and the session \
                             is bound anew where there is a slot"
                    .to_owned()
            }
            Mode::Advanced => {
                "that account is not available to it, so load balance is asked, and binds anew".to_owned()
            }
        }
    }

    /// How the order below came about.
    fn how_it_chose(&self, select: &Select) -> String {
        let top_k = select.decision.top_k;
        let bonus = |weighing: &Weighing| weighing.terms[TERMS - 2..].iter().any(|&bonus| bonus > 0.0);
        match self.mode() {
            Mode::Legacy => "in order of priority, then load, then least recently used (to the second); equals are \
                             shuffled, and accounts at a load of 100 % or more are not tried"
                .to_owned(),
            Mode::Weighted if select.candidates.iter().any(|one| bonus(one) && one.rank.is_some()) => format!(
                "each column is factor times weight; an account with a bonus is among the best {top_k}, so it is asked \
                 first and the others as they are ranked: nothing is drawn"
            ),
            Mode::Advanced | Mode::Weighted => format!(
                "each column is factor times weight; the best {top_k} enter the draw, weighted by score - lowest + 1"
            ),
        }
    }

    fn candidates(&self, select: &Select) -> Table {
        if self.mode() == Mode::Legacy {
            return self.line(select);
        }
        // terms beyond the first five are shown where some candidate has one
        let more: Vec<usize> =
            (5..TERMS).filter(|&term| select.candidates.iter().any(|one| one.terms[term] != 0.0)).collect();
        let mut header = vec!["account", "load", "wait", "prio", "load*w", "queue*w", "err*w", "ttft*w"];
        header.extend(more.iter().map(|&term| ["reset*w", "quota*w", "cost*w", "previous", "session"][term - 5]));
        header.extend(["score", "rank", "chance", "drawn"]);
        let mut table = Table::new(&header);
        let number = |value: f64| format!("{value:.3}");
        for weighing in &select.candidates {
            let terms = (0..5).chain(more.iter().copied()).map(|term| number(weighing.terms[term]));
            let mut row =
                vec![self.account(weighing.account), format!("{} %", weighing.load_rate), weighing.waiting.to_string()];
            row.extend(terms);
            row.extend([
                number(weighing.score),
                place(weighing.rank),
                format!("{:.0} %", weighing.chance * 100.0),
                place(weighing.drawn),
            ]);
            table.row(row);
        }
        table
    }

    /// The candidates of the mode legacy: what they are put in order by.
    fn line(&self, select: &Select) -> Table {
        let mut table = Table::new(&["account", "priority", "load", "wait", "last used", "chance", "asked"]);
        for weighing in &select.candidates {
            let used = weighing.last_used.map(|used| self.clock(used));
            table.row([
                self.account(weighing.account),
                weighing.priority.to_string(),
                format!("{} %", weighing.load_rate),
                weighing.waiting.to_string(),
                used.unwrap_or_else(|| "never".to_owned()),
                format!("{:.0} %", weighing.chance * 100.0),
                place(weighing.drawn),
            ]);
        }
        table
    }

    fn ending(&self, journey: &Journey) -> Section {
        let mut blocks: Vec<Block> = journey
            .forwards
            .iter()
            .map(|forward| {
                let mut words =
                    vec![format!("{} forwarded to account {}", self.clock(forward.at), self.account(forward.account))];
                words.push(format!("{} tokens cached", format::grouped(f64::from(forward.cached_tokens))));
                if forward.cold {
                    words.push("a COLD turn".to_owned());
                }
                if forward.degraded {
                    words.push("in truth, the account is degraded".to_owned());
                }
                Block::Line(words.join(", "))
            })
            .collect();
        blocks.push(Block::Line(match &journey.end {
            None => "still under way when the run ended".to_owned(),
            Some(end) => format!(
                "{} ended: {}; felt TTFT {}, of it {} waiting and {} in failures",
                self.clock(end.at),
                end.status.name(),
                end.felt.map_or_else(|| NONE.to_owned(), span),
                span(end.waited),
                span(end.failed)
            ),
        }));
        Section { title: "What became of it".to_owned(), blocks }
    }
}

/// A place counted from 1.
fn place(place: Option<usize>) -> String {
    place.map_or_else(|| NONE.to_owned(), |place| (place + 1).to_string())
}

const fn short(reason: EscapeReason) -> &'static str {
    match reason {
        EscapeReason::Ttft => "ttft",
        EscapeReason::ErrorRate => "errors",
        EscapeReason::ConcurrencyFull => "full",
    }
}

fn span(span: Span) -> String {
    format::time(span.secs(), None)
}

/// `5:03:12.1` since the start of the run.
fn clock(span: Span) -> String {
    let tenths = span.whole_millis() / 100;
    let (hours, minutes, seconds) = (tenths / 36_000, tenths / 600 % 60, tenths / 10 % 60);
    format!("{hours}:{minutes:02}:{seconds:02}.{}", tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_table_of_the_spec() {
        let table = ThresholdTable {
            baseline_ms: 1_300.0,
            threshold_ms: 15_000.0,
            alpha: 0.2,
            levels_ms: vec![15_000.0, 16_000.0, 20_000.0, 30_000.0, 50_000.0],
        };
        let text = table.to_text(Style::default());
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        for (ttft, fires) in [("15.0", "never"), ("16.0", "13"), ("20.0", "6"), ("30.0", "3"), ("50.0", "2")] {
            assert!(rows.iter().any(|row| row.first() == Some(&ttft) && row.get(2) == Some(&fires)), "{ttft}: {text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn clocks_count_from_the_start() {
        assert_eq!(clock(Span::from_millis(5 * 3_600_000 + 3 * 60_000 + 12_150)), "5:03:12.1");
    }
}
