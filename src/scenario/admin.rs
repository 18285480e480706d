//! Settings of the gateway's admin pages, under the names that they have in its database (spec scheduler-modes.md,
//! section 1). They lie over the environment, and that over the file.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::gateway::{OpenAiWs, Weights};
use super::settings::Mode;

/// The raw text of a database setting. In a scenario a number or `true` may stand without quotes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Raw(pub String);

/// `admin_settings`: what the admin pages keep in the database. What a setting does not take (a negative weight, text
/// that is no number) is passed over, as the gateway does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdminSettings {
    /// `true` switches from the mode `legacy` to `advanced`, or to `weighted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openai_advanced_scheduler_enabled: Option<Raw>,
    /// `true` as well: the mode `weighted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openai_advanced_scheduler_sticky_weighted_enabled: Option<Raw>,
    /// `true`: OAuth accounts with a paid plan are asked before all others. Not in `legacy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openai_advanced_scheduler_subscription_priority_enabled: Option<Raw>,
    /// In the place of `openai_ws.lb_top_k`. Not in `legacy`, as all that follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openai_advanced_scheduler_lb_top_k: Option<Raw>,
    /// In the place of the weight `priority`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openai_advanced_scheduler_weight_priority: Option<Raw>,
    /// In the place of the weight `load`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openai_advanced_scheduler_weight_load: Option<Raw>,
    /// In the place of the weight `queue`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openai_advanced_scheduler_weight_queue: Option<Raw>,
    /// In the place of the weight `error_rate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openai_advanced_scheduler_weight_error_rate: Option<Raw>,
    /// In the place of the weight `ttft`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openai_advanced_scheduler_weight_ttft: Option<Raw>,
    /// In the place of the weight `reset`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openai_advanced_scheduler_weight_reset: Option<Raw>,
    /// In the place of the weight `quota_headroom`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openai_advanced_scheduler_weight_quota_headroom: Option<Raw>,
    /// In the place of the weight `upstream_cost`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openai_advanced_scheduler_weight_upstream_cost: Option<Raw>,
    /// In the place of the weight `previous_response`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openai_advanced_scheduler_weight_previous_response: Option<Raw>,
    /// In the place of the weight `session_sticky`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openai_advanced_scheduler_weight_session_sticky: Option<Raw>,
    /// What an OAuth account costs, for the weight `upstream_cost`; a number above 0, otherwise 1 holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openai_oauth_scheduling_rate_multiplier: Option<Raw>,
    /// The admin page's cool-down after a 529, as it stands in the database:
    /// `'{"enabled":true,"cooldown_minutes":10}'`, over `rate_limit.overload_cooldown_minutes`. In every mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overload_cooldown_settings: Option<Raw>,
}

impl Raw {
    /// "true" in any case, trimmed.
    fn is_true(&self) -> bool {
        self.0.trim().eq_ignore_ascii_case("true")
    }

    /// A finite number from 0 on, trimmed.
    fn weight(&self) -> Option<f64> {
        self.0.trim().parse().ok().filter(|weight: &f64| weight.is_finite() && *weight >= 0.0)
    }

    /// A positive whole number, trimmed; a sign is allowed.
    fn positive(&self) -> Option<u64> {
        self.0.trim().parse::<i64>().ok().and_then(|number| u64::try_from(number).ok()).filter(|&number| number > 0)
    }
}

fn is_true(setting: Option<&Raw>) -> bool {
    setting.is_some_and(Raw::is_true)
}

impl AdminSettings {
    /// Whether there is any.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The mode that the two switches choose; `None` where neither is given.
    pub fn mode(&self) -> Option<Mode> {
        let (advanced, weighted) = (
            self.openai_advanced_scheduler_enabled.as_ref(),
            self.openai_advanced_scheduler_sticky_weighted_enabled.as_ref(),
        );
        (advanced.is_some() || weighted.is_some()).then(|| match (is_true(advanced), is_true(weighted)) {
            (false, _) => Mode::Legacy,
            (true, false) => Mode::Advanced,
            (true, true) => Mode::Weighted,
        })
    }

    /// Whether subscriptions are asked first, in a mode that looks at it.
    pub fn subscription_priority(&self) -> bool {
        is_true(self.openai_advanced_scheduler_subscription_priority_enabled.as_ref())
    }

    /// Minutes of cool-down after a 529, 0 where that is switched off; `None` where nothing is given or it cannot be
    /// read.
    pub(super) fn overload_minutes(&self) -> Option<i64> {
        const DEFAULT: i64 = 10;
        let given: serde_json::Value = serde_json::from_str(&self.overload_cooldown_settings.as_ref()?.0).ok()?;
        let is_on = given.as_object()?.get("enabled").is_none_or(|on| on.as_bool() != Some(false));
        let minutes = given.get("cooldown_minutes").and_then(serde_json::Value::as_i64).filter(|&minutes| minutes > 0);
        Some(if is_on { minutes.unwrap_or(DEFAULT) } else { 0 })
    }

    /// What an OAuth account costs.
    pub fn oauth_rate(&self) -> f64 {
        let rate = self.openai_oauth_scheduling_rate_multiplier.as_ref().and_then(Raw::weight);
        rate.filter(|&rate| rate > 0.0).unwrap_or(1.0)
    }

    /// Lays top k and weights over those of the file, in a mode that looks at them. Gives the names of the settings
    /// that took hold, with the keys of the file that they lie over.
    pub(super) fn lie_over(&self, ws: &mut OpenAiWs) -> Vec<(&'static str, &'static str)> {
        let mut held = Vec::new();
        if let Some(top_k) = self.openai_advanced_scheduler_lb_top_k.as_ref().and_then(Raw::positive) {
            ws.lb_top_k = top_k;
            held.push(("openai_advanced_scheduler_lb_top_k", "openai_ws.lb_top_k"));
        }
        let mut weights = ws.scheduler_score_weights;
        let mut replaced = Vec::new();
        for (name, path, setting, weight) in self.weights(&mut weights) {
            if let Some(value) = setting.as_ref().and_then(Raw::weight) {
                *weight = value;
                replaced.push((name, path));
            }
        }
        // if nothing would be weighed, all replacements are dropped
        let sum = weights.sum();
        if sum.is_finite() && sum > 0.0 {
            ws.scheduler_score_weights = weights;
            held.append(&mut replaced);
        }
        held
    }

    fn weights<'a>(
        &'a self,
        weights: &'a mut Weights,
    ) -> [(&'static str, &'static str, &'a Option<Raw>, &'a mut f64); 10] {
        macro_rules! row {
            ($name:ident, $field:ident) => {
                (
                    stringify!($name),
                    concat!("openai_ws.scheduler_score_weights.", stringify!($field)),
                    &self.$name,
                    &mut weights.$field,
                )
            };
        }
        [
            row!(openai_advanced_scheduler_weight_priority, priority),
            row!(openai_advanced_scheduler_weight_load, load),
            row!(openai_advanced_scheduler_weight_queue, queue),
            row!(openai_advanced_scheduler_weight_error_rate, error_rate),
            row!(openai_advanced_scheduler_weight_ttft, ttft),
            row!(openai_advanced_scheduler_weight_reset, reset),
            row!(openai_advanced_scheduler_weight_quota_headroom, quota_headroom),
            row!(openai_advanced_scheduler_weight_upstream_cost, upstream_cost),
            row!(openai_advanced_scheduler_weight_previous_response, previous_response),
            row!(openai_advanced_scheduler_weight_session_sticky, session_sticky),
        ]
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl Visitor<'_> for Scalar {
            type Value = Raw;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("text, a number, true or false")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Raw, E> {
                Ok(Raw(text.to_owned()))
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Raw, E> {
                Ok(Raw(value.to_string()))
            }
            fn visit_i128<E: de::Error>(self, value: i128) -> Result<Raw, E> {
                Ok(Raw(value.to_string()))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Raw, E> {
                Ok(Raw(value.to_string()))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Raw, E> {
                Ok(Raw(value.to_string()))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Raw, E> {
                Ok(Raw(value.to_string()))
            }
        }
        deserializer.deserialize_any(Scalar)
    }
}

impl JsonSchema for Raw {
    fn schema_name() -> Cow<'static, str> {
        "AdminSetting".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The raw text of a database setting; a number or a boolean may stand without quotes.",
            "type": ["string", "number", "boolean"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Option<Raw> {
        Some(Raw(text.to_owned()))
    }

    #[test]
    fn the_two_switches_choose_the_mode() {
        let mode = |advanced: Option<Raw>, weighted: Option<Raw>| {
            AdminSettings {
                openai_advanced_scheduler_enabled: advanced,
                openai_advanced_scheduler_sticky_weighted_enabled: weighted,
                ..AdminSettings::default()
            }
            .mode()
        };
        assert_eq!(mode(None, None), None);
        assert_eq!(mode(raw(" TRUE "), None), Some(Mode::Advanced));
        assert_eq!(mode(raw("1"), raw("true")), Some(Mode::Legacy), "only \"true\" is true");
        assert_eq!(mode(raw("true"), raw("True")), Some(Mode::Weighted));
    }

    #[test]
    fn what_is_no_number_is_passed_over_on_its_own() {
        let mut ws = OpenAiWs::default();
        let settings = AdminSettings {
            openai_advanced_scheduler_lb_top_k: raw(" +3 "),
            openai_advanced_scheduler_weight_load: raw("-1"),
            openai_advanced_scheduler_weight_queue: raw(" 0.25 "),
            openai_advanced_scheduler_weight_ttft: raw("NaN"),
            openai_advanced_scheduler_weight_session_sticky: raw("0"),
            ..AdminSettings::default()
        };
        let held = settings.lie_over(&mut ws);
        assert_eq!(held.len(), 3);
        assert_eq!(ws.lb_top_k, 3);
        let expected = Weights { queue: 0.25, session_sticky: 0.0, ..Weights::default() };
        assert_eq!(ws.scheduler_score_weights, expected);
        for bad in ["0", "-3", "2.5", "many", ""] {
            let settings = AdminSettings { openai_advanced_scheduler_lb_top_k: raw(bad), ..AdminSettings::default() };
            settings.lie_over(&mut ws);
            assert_eq!(ws.lb_top_k, 3, "{bad:?} is ignored");
        }
    }

    #[test]
    fn weights_that_would_all_be_zero_are_dropped_together() {
        let mut ws = OpenAiWs::default();
        let settings = AdminSettings {
            openai_advanced_scheduler_weight_priority: raw("0"),
            openai_advanced_scheduler_weight_load: raw("0"),
            openai_advanced_scheduler_weight_queue: raw("0"),
            openai_advanced_scheduler_weight_error_rate: raw("0"),
            openai_advanced_scheduler_weight_ttft: raw("0"),
            openai_advanced_scheduler_weight_session_sticky: raw("9"),
            ..AdminSettings::default()
        };
        assert!(settings.lie_over(&mut ws).is_empty());
        assert_eq!(ws.scheduler_score_weights, Weights::default());
    }
}
