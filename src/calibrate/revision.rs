//! Which revision of the gateway made the log, and in which mode: as the user says, otherwise as the log shows,
//! otherwise the mode whose simulations come nearest to the record. The report says which of these it was.

use super::escapes::Escapes;
use super::records::Log;
use crate::scenario::{GatewayVersion, Loaded, Mode, Scenario};

/// What is known of the gateway before anything is simulated.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    /// The revision of the gateway.
    pub version: GatewayVersion,
    /// The mode; `None`: simulations must say.
    pub mode: Option<Mode>,
    /// How that is known, as a sentence without its end.
    pub why: String,
}

/// What the user says of it: by a flag, an override or settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The revision, if the user said it.
    pub version: Option<GatewayVersion>,
    /// The mode, if it is known.
    pub mode: Option<Mode>,
}

impl Said {
    /// Of settings as they were loaded.
    pub fn of(loaded: &Loaded) -> Self {
        let from =
            |key: &str| loaded.settings.iter().find(|each| each.key == key).map_or("", |each| each.from.as_str());
        let scenario = &loaded.scenario;
        Self {
            version: (from("gateway_version") != "default").then(|| scenario.version()),
            mode: matches!(from("mode"), "scenario" | "admin settings").then(|| scenario.scheduler_mode()),
        }
    }
}

/// Distances from the record of which the lesser is less than this share of the other are different.
const NEARER: f64 = 0.8;

const USUAL: &str = "gateways run it unless they are set otherwise";

/// Modes that are not distinguished, and what to do about it.
fn names(modes: &[Mode]) -> String {
    let mut names: Vec<&str> = modes.iter().map(|mode| mode.name()).collect();
    names.sort_unstable();
    format!("{} (--mode says which it was)", names.join(" and "))
}

/// The day of revision 0.1.179, 2026-08-22, in ms since 1970.
const DAY_OF_0_1_179_MS: i64 = 1_787_356_800_000;
const BEFORE: &str = "the log ends before 2026-08-22, the day of that revision: an earlier one made it, and the \
                      nearest one is simulated";

impl Revision {
    /// As the user says, otherwise as the log and its escapes show.
    pub fn of(said: Said, log: &Log, escapes: Option<&Escapes>) -> Self {
        let names_sessions = log.records.iter().any(|record| record.session.is_some());
        let escaped = escapes.is_some_and(|escapes| !escapes.all.is_empty());
        let (version, why) = if let Some(version) = said.version {
            (version, "as you say")
        } else if log.is_export && names_sessions {
            (GatewayVersion::V0_1_179, "its database has ids of sessions, which no older one has")
        } else if log.is_export {
            (GatewayVersion::V0_1_133, "its database has no ids of sessions, as those of newer ones have")
        } else {
            (
                GatewayVersion::default(),
                "which is assumed: a log of this kind does not show it (--gateway-version, --mode)",
            )
        };
        let (mode, because) = match version {
            GatewayVersion::V0_1_133 => (Some(Mode::Advanced), ""),
            GatewayVersion::V0_1_179 if said.mode.is_some() => (said.mode, ""),
            GatewayVersion::V0_1_179 if escaped => (Some(Mode::Advanced), "it escapes, which no other mode does"),
            GatewayVersion::V0_1_179 => (None, ""),
        };
        let end_ms = log.epoch_ms.map(|start| start + (log.span_s() * 1e3) as i64);
        let before = said.version.is_none()
            && version == GatewayVersion::V0_1_179
            && end_ms.is_some_and(|end_ms| end_ms < DAY_OF_0_1_179_MS);
        let why = if before { format!("{why} ({BEFORE})") } else { why.to_owned() };
        let why = if because.is_empty() { why } else { format!("{why}, and {because}") };
        Self { version, mode, why }
    }

    /// With the mode whose simulations come nearest to the record; `distances` of each mode that was tried, none where
    /// simulations could not distinguish modes at all.
    pub fn nearest(self, distances: &[(Mode, f64)]) -> Self {
        let mut sorted = distances.to_vec();
        sorted.sort_by(|a, b| a.1.total_cmp(&b.1));
        let least = sorted.first().map_or(0.0, |(_, off)| *off);
        let near: Vec<Mode> = sorted.iter().filter(|(_, off)| off * NEARER <= least).map(|(mode, _)| *mode).collect();
        let (mode, because) = match near[..] {
            [mode] => (mode, "simulations of that mode come nearest to the record".to_owned()),
            [] => (
                Mode::Legacy,
                format!("that mode is assumed because {USUAL}: without sessions modes cannot be distinguished"),
            ),
            _ if near.contains(&Mode::Legacy) => (
                Mode::Legacy,
                format!("that mode is assumed because {USUAL}: the log does not distinguish {}", names(&near)),
            ),
            _ => (Mode::Advanced, format!("that mode is assumed: the log does not distinguish {}", names(&near))),
        };
        let distances: Vec<String> = sorted.iter().map(|(mode, off)| format!("{} {off:.1}", mode.name())).collect();
        let distances =
            if distances.is_empty() { String::new() } else { format!(" (distances: {})", distances.join(", ")) };
        Self { mode: Some(mode), why: format!("{}, and {because}{distances}", self.why), ..self }
    }

    /// The sentence of the report.
    pub fn words(&self) -> String {
        let mode = self.mode.map_or("", Mode::name);
        format!("the gateway is taken to be {} in the mode {mode}: {}", self.version.name(), self.why)
    }

    /// Puts them into the settings.
    pub fn put_into(&self, settings: &mut Scenario) {
        (settings.gateway_version, settings.mode) = (Some(self.version), self.mode.or(settings.mode));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::escapes::Escape;
    use crate::calibrate::records::{Record, RecordedEnd};

    fn log(is_export: bool, names_sessions: bool) -> Log {
        let record = Record {
            at_s: 0.0,
            exact_arrival: true,
            end_s: 1.0,
            session: names_sessions.then(|| "sid:1".into()),
            proxy: 0,
            user: None,
            kind: 0,
            input_tokens: None,
            output_tokens: None,
            cached_tokens: None,
            outcome: RecordedEnd::Ok,
            account: Some(1),
            ttft_s: None,
            duration_s: None,
            before_s: None,
            failed: Vec::new(),
        };
        Log { is_export, records: vec![record], ..Log::default() }
    }

    #[test]
    fn what_the_user_says_goes_before_what_the_log_tells_and_that_before_what_is_assumed() {
        let silent = Said::default();
        let older = Revision::of(silent, &log(true, false), None);
        assert_eq!((older.version, older.mode), (GatewayVersion::V0_1_133, Some(Mode::Advanced)));
        let newer = Revision::of(silent, &log(true, true), None);
        assert_eq!((newer.version, newer.mode), (GatewayVersion::V0_1_179, None));
        let escape = Escape { at_s: 1.0, account: Some(1), reason: 0 };
        let escapes = Escapes { all: vec![escape], is_complete: true, notes: Vec::new() };
        let escaping = Revision::of(silent, &log(true, true), Some(&escapes));
        assert_eq!(escaping.mode, Some(Mode::Advanced));
        let said = Said { version: Some(GatewayVersion::V0_1_179), mode: Some(Mode::Weighted) };
        let said = Revision::of(said, &log(true, false), Some(&escapes));
        assert_eq!((said.version, said.mode), (GatewayVersion::V0_1_179, Some(Mode::Weighted)));
        let assumed = Revision::of(silent, &log(false, false), None);
        assert!(assumed.version == GatewayVersion::V0_1_133 && assumed.words().contains("--gateway-version"));
    }

    #[test]
    fn the_mode_is_the_nearest_one_if_it_is_clearly_nearer() {
        let open = Revision::of(Said::default(), &log(true, true), None);
        let clear = open.clone().nearest(&[(Mode::Legacy, 4.0), (Mode::Advanced, 9.0), (Mode::Weighted, 1.0)]);
        assert_eq!(clear.mode, Some(Mode::Weighted));
        let unclear = open.clone().nearest(&[(Mode::Legacy, 1.1), (Mode::Advanced, 9.0), (Mode::Weighted, 1.0)]);
        assert_eq!(unclear.mode, Some(Mode::Legacy));
        assert!(unclear.words().contains("does not distinguish legacy and weighted"), "{}", unclear.words());
        let gateless = open.clone().nearest(&[(Mode::Legacy, 9.0), (Mode::Advanced, 1.1), (Mode::Weighted, 1.0)]);
        assert_eq!(gateless.mode, Some(Mode::Advanced));
        assert_eq!(open.nearest(&[]).mode, Some(Mode::Legacy));
    }
}
