//! Which values of a setting the log cannot distinguish: with each of them the simulations agree with the record as
//! well as with the value that the gateway had. A verdict of `agrees` says no more than that about the setting.

use super::backtest::Profile;
use super::options::CalibrateError;
use crate::scenario::{Mode, Scenario};

/// Values of a setting that the log cannot distinguish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The key of the gateway, in its short form.
    pub key: &'static str,
    /// What the gateway had.
    pub now: u64,
    /// The least value; `None`: none of those tried is too small.
    pub from: Option<u64>,
    /// The largest value; `None`: none of those tried is too large.
    pub to: Option<u64>,
}

/// Simulations of each value.
pub const RUNS: u64 = 5;
/// Thresholds are this factor apart, ...
const STEP: f64 = 1.25;
/// ... and so many to either side are looked at.
const STEPS: i32 = 10;

/// The settings of a gateway whose resolution is looked for, each with the values below and above it, outwards.
pub fn settings(scenario: &Scenario) -> Vec<(&'static str, u64, Vec<u64>, Vec<u64>)> {
    let gateway = &scenario.gateway;
    let mut settings = Vec::new();
    let mode = scenario.scheduler_mode();
    if mode == Mode::Advanced && gateway.openai_scheduler.sticky_escape_enabled {
        let now = gateway.openai_scheduler.sticky_escape_ttft_ms;
        let at = |step: i32| two_digits(now as f64 * libm::pow(STEP, f64::from(step)));
        let side = |sign: i32| (1..=STEPS).map(|step| at(sign * step)).filter(|&value| value > 0).collect();
        settings.push(("sticky_escape_ttft_ms", now, side(-1), side(1)));
    }
    let now = gateway.openai_ws.lb_top_k;
    let accounts = scenario.accounts.len() as u64;
    let values = [1, 2, 3, 5, 7, 10, 15, 20];
    let below = values.iter().rev().copied().filter(|&value| value < now.min(accounts)).collect();
    let above = values.iter().copied().filter(|&value| value > now && value <= accounts).collect();
    if mode != Mode::Legacy && accounts > 1 {
        settings.push(("lb_top_k", now, below, above));
    }
    settings
}

fn two_digits(value: f64) -> u64 {
    let unit = libm::pow(10.0, libm::floor(libm::log10(value.max(1.0))) - 1.0).max(1.0);
    ((value / unit).round() * unit) as u64
}

/// The furthest of `values` (outwards) that cannot be distinguished from the present one; `now` if the first can,
/// `None` if none can. A value that can be distinguished stays so further out: the place is found by halving.
fn edge(
    now: u64,
    values: &[u64],
    is_alike: &mut dyn FnMut(u64) -> Result<bool, CalibrateError>,
) -> Result<Option<u64>, CalibrateError> {
    let Some(&last) = values.last() else { return Ok(None) };
    if is_alike(last)? {
        return Ok(None);
    }
    // values[..alike] cannot be distinguished, values[different] can
    let (mut alike, mut different) = (0, values.len() - 1);
    while alike < different {
        let middle = (alike + different) / 2;
        if is_alike(values[middle])? {
            alike = middle + 1;
        } else {
            different = middle;
        }
    }
    Ok(Some(if alike == 0 { now } else { values[alike - 1] }))
}

/// Plays the record with a key set to a value; what each simulation of it saw.
pub type Player<'a> = &'a dyn Fn(&str, u64) -> Result<Vec<super::observed::Seen>, CalibrateError>;

/// The resolution of the settings of `scenario`; `simulate` plays the record with a setting changed.
///
/// # Errors
/// When the trace cannot be played.
pub fn resolution(
    profile: &Profile,
    scenario: &Scenario,
    simulate: Player<'_>,
) -> Result<Vec<Resolution>, CalibrateError> {
    settings(scenario)
        .into_iter()
        .map(|(key, now, below, above)| {
            let mut is_alike = |value: u64| Ok(profile.is_like(&simulate(key, value)?));
            let (from, to) = (edge(now, &below, &mut is_alike)?, edge(now, &above, &mut is_alike)?);
            Ok(Resolution { key, now, from, to })
        })
        .collect()
}

impl Resolution {
    /// As the part of a sentence: "`lb_top_k` of 2 to 7 (it is 3)".
    pub fn words(&self) -> String {
        let Self { key, now, .. } = self;
        match (self.from, self.to) {
            (Some(from), Some(to)) if from == to => format!("`{key}` is known to be {now}"),
            (Some(from), Some(to)) => format!("`{key}` of {from} to {to} cannot be distinguished (it is {now})"),
            (Some(from), None) => format!("`{key}` of {from} and more cannot be distinguished (it is {now})"),
            (None, Some(to)) => format!("`{key}` of {to} and less cannot be distinguished (it is {now})"),
            (None, None) => format!("`{key}`: no value can be distinguished from another (it is {now})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edge_is_the_last_value_that_cannot_be_told() {
        let values = [5, 4, 3, 2, 1];
        for (can_from, expected) in [(0, Some(6)), (1, Some(5)), (3, Some(3)), (4, Some(2)), (5, None)] {
            let mut asked = 0;
            let mut is_alike = |value: u64| {
                asked += 1;
                Ok(values.iter().position(|&each| each == value).unwrap() < can_from)
            };
            assert_eq!(edge(6, &values, &mut is_alike).unwrap(), expected);
            assert!(asked <= 4, "{asked}");
        }
        assert_eq!(edge(6, &[], &mut |_| Ok(false)).unwrap(), None);
        assert_eq!([two_digits(15_000.0 / 1.25), two_digits(15_000.0 * 1.25), two_digits(7.4)], [12_000, 19_000, 7]);
    }
}
