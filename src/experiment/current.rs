//! The current values of a scenario: the value of a key in it, and how far a varied value is from that.

use serde_json::Value;

use super::vary::{Axis, Point};
use crate::scenario::full_key;

/// The value of a key in an effective scenario; accounts and conditions by their place (`accounts[0]`), their id or
/// their name.
pub fn lookup<'v>(scenario: &'v Value, key: &str) -> Option<&'v Value> {
    let full = full_key(key);
    let mut value = scenario;
    for part in full.split('.') {
        let (name, places) = part.split_once('[').map_or((part, ""), |(name, rest)| (name, rest));
        if !name.is_empty() {
            value = match value {
                Value::Array(items) => items.iter().find(|item| {
                    let is = |key: &str| {
                        item.get(key).is_some_and(|v| {
                            v.as_str() == Some(name) || (v.is_i64() && v.as_i64() == name.parse().ok())
                        })
                    };
                    is("id") || is("name")
                })?,
                value => value.get(name)?,
            };
        }
        for place in places.split('[').filter(|place| !place.is_empty()) {
            value = value.get(place.trim_end_matches(']').parse::<usize>().ok()?)?;
        }
    }
    Some(value)
}

/// The value of a key as one would write it; `None` if the scenario has no such key.
pub fn text(scenario: &Value, key: &str) -> Option<String> {
    let value = lookup(scenario, key)?;
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// Whether a varied value is the one that the scenario has.
pub fn is_own(scenario: &Value, axis: &Axis, point: &Point) -> bool {
    let Some(own) = lookup(scenario, &axis.key) else { return false };
    match (own.as_f64(), point.number) {
        (Some(own), Some(number)) => (own - number).abs() <= 1e-9 * own.abs(),
        _ => text(scenario, &axis.key).is_some_and(|own| own == point.text),
    }
}

/// How far a combination of values is from that of the scenario. Each key that changes counts one half plus the
/// absolute logarithm of the ratio of the two values, or 1 in place of the logarithm if there is no ratio (a word, or
/// 0). The result is 0 for the values of the scenario.
pub fn moves<'a>(scenario: &Value, combination: impl IntoIterator<Item = (&'a Axis, &'a Point)>) -> f64 {
    let one = |(axis, point): (&Axis, &Point)| {
        if is_own(scenario, axis, point) {
            return 0.0;
        }
        let own = lookup(scenario, &axis.key).and_then(Value::as_f64).filter(|&own| own > 0.0);
        let by = own.zip(point.number.filter(|&to| to > 0.0)).map_or(1.0, |(own, to)| libm::log(to / own).abs());
        0.5 + by
    };
    combination.into_iter().map(one).sum()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scenario() -> Value {
        json!({
            "gateway": { "openai_scheduler": { "sticky_escape_ttft_ms": 8000 }, "openai_ws": { "lb_top_k": 7 } },
            "accounts": [{ "id": 1, "concurrency": 4 }, { "id": 3, "concurrency": 9 }],
            "conditions": [{ "name": "slow", "effect": { "ttft_factor": 20.0 } }],
        })
    }

    #[test]
    fn a_key_is_found_by_its_short_name_by_place_by_id_and_by_name() {
        let own = |key: &str| text(&scenario(), key);
        assert_eq!(own("sticky_escape_ttft_ms").as_deref(), Some("8000"));
        assert_eq!(own("accounts[1].concurrency").as_deref(), Some("9"));
        assert_eq!(own("accounts.3.concurrency").as_deref(), Some("9"));
        assert_eq!(own("conditions.slow.effect.ttft_factor").as_deref(), Some("20.0"));
        assert_eq!(own("nothing.of.this"), None);
    }

    #[test]
    fn what_there_is_is_no_move_and_a_nearer_value_is_a_smaller_one() {
        let axes = ["sticky_escape_ttft_ms=8000,6000,2000", "lb_top_k=7,3"].map(|spec| Axis::parse(spec).unwrap());
        let moved =
            |a: usize, b: usize| moves(&scenario(), [(&axes[0], &axes[0].points[a]), (&axes[1], &axes[1].points[b])]);
        assert_eq!(moved(0, 0), 0.0);
        assert!(moved(0, 0) < moved(1, 0) && moved(1, 0) < moved(2, 0) && moved(1, 0) < moved(1, 1));
    }
}
