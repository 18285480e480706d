//! A varied key as the axis of a chart, and the values on it that deserve a mark: the gateway's default, the scenario's
//! own.

use serde_json::Value;

use crate::experiment::current::lookup;
use crate::experiment::vary::{Axis, Scale};
use crate::report::chart::{self, Format};
use crate::scenario::{Scenario, full_key};

/// A varied key.
#[derive(Clone, Debug)]
pub(super) struct Key<'a> {
    axis: &'a Axis,
    /// As charts draw it.
    pub chart: chart::Axis,
    /// Where each value lies on it.
    pub at: Vec<f64>,
    /// From the key's own unit to the axis'.
    factor: f64,
}

/// Values whose largest is so many times their smallest are spread by their logarithm.
const WIDE: f64 = 8.0;

impl<'a> Key<'a> {
    pub(super) fn new(axis: &'a Axis) -> Self {
        let numbers: Option<Vec<f64>> = axis.points.iter().map(|point| point.number).collect();
        let Some(numbers) = numbers else {
            let names: Vec<String> = axis.points.iter().map(|point| point.text.clone()).collect();
            let at = (0..names.len()).map(|i| i as f64).collect();
            return Self { axis, chart: chart::Axis::names(axis.key.clone(), names), at, factor: 1.0 };
        };
        let (format, factor) = if axis.key.ends_with("_ms") {
            (Format::Seconds, 1e-3)
        } else if axis.key.ends_with("_seconds") {
            (Format::Seconds, 1.0)
        } else {
            (Format::Number, 1.0)
        };
        let unit = if format == Format::Seconds { " in seconds" } else { "" };
        let (low, high) =
            numbers.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
        let log = match axis.scale {
            Scale::Log => true,
            Scale::Lin => false,
            Scale::List => low > 0.0 && high / low > WIDE,
        };
        let chart = if log {
            chart::Axis::log(format!("{}{unit} (log scale)", axis.key), format)
        } else {
            chart::Axis::linear(format!("{}{unit}", axis.key), format)
        };
        Self { axis, chart, at: numbers.iter().map(|number| number * factor).collect(), factor }
    }

    /// Whether its values are numbers, between which others may lie.
    pub(super) const fn is_number(&self) -> bool {
        matches!(self.chart.scale, chart::Scale::Linear | chart::Scale::Log)
    }

    /// A value by its number, as people read it.
    pub(super) fn name(&self, point: usize) -> String {
        match (&self.chart.scale, self.at.get(point)) {
            (chart::Scale::Linear | chart::Scale::Log, Some(&at)) => self.chart.format.value(at),
            _ => self.axis.points.get(point).map_or_else(String::new, |point| point.text.clone()),
        }
    }

    /// What the gateway has where nothing is set; `None` for keys that are not the gateway's.
    pub(super) fn default(&self) -> Option<f64> {
        let gateway = serde_json::to_value(Scenario::default()).ok()?;
        let full = full_key(&self.axis.key);
        let of_gateway = matches!(full.split('.').next(), Some("gateway" | "rate_limit"));
        self.place(lookup(&gateway, &full).filter(|_| of_gateway)?)
    }

    /// What the scenario has as it stands.
    pub(super) fn own(&self, scenario: &Value) -> Option<f64> {
        self.place(lookup(scenario, &self.axis.key)?)
    }

    /// Which of the values the scenario has as it stands.
    pub(super) fn own_point(&self, scenario: &Value) -> Option<usize> {
        let own = self.own(scenario)?;
        self.at.iter().position(|&at| (at - own).abs() <= 1e-9 * own.abs())
    }

    fn place(&self, value: &Value) -> Option<f64> {
        if matches!(self.chart.scale, chart::Scale::Linear | chart::Scale::Log) {
            return Some(value.as_f64()? * self.factor);
        }
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let same = |number: Option<f64>| number.is_some() && number == value.as_f64();
        let at = self.axis.points.iter().position(|point| point.text == text || same(point.number))?;
        Some(at as f64)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_scenarios_own_value_lies_on_the_axis_in_its_unit_and_words_by_their_place() {
        let scenario = json!({ "gateway": { "openai_scheduler": { "sticky_escape_ttft_ms": 8000 } }, "kind": "b" });
        let own = |spec: &str| Key::new(&Axis::parse(spec).unwrap()).own(&scenario);
        assert_eq!(own("sticky_escape_ttft_ms=1000,2000"), Some(8.0));
        assert_eq!(own("kind=a,b"), Some(1.0));
        assert_eq!(own("kind=a,c"), None);
        assert_eq!(own("nothing.of.this=1,2"), None);
    }

    #[test]
    fn the_default_is_the_gateways() {
        let default = |spec: &str| Key::new(&Axis::parse(spec).unwrap()).default();
        assert_eq!(default("sticky_escape_ttft_ms=1000,2000"), Some(15.0));
        assert_eq!(default("sticky_escape_enabled=false,true"), Some(1.0));
        assert_eq!(default("accounts[0].concurrency=1,2"), None);
    }

    #[test]
    fn numbers_have_an_axis_and_words_are_names() {
        let scale = |spec: &str| Key::new(&Axis::parse(spec).unwrap()).chart.scale;
        assert_eq!(scale("lb_top_k=1,3,7"), chart::Scale::Linear);
        assert_eq!(scale("sticky_escape_ttft_ms=1000:60000:log:3"), chart::Scale::Log);
        assert_eq!(scale("sticky_escape_ttft_ms=1000,60000"), chart::Scale::Log);
        assert_eq!(scale("transport=http,websocket"), chart::Scale::Category(vec!["http".into(), "websocket".into()]));
    }
}
