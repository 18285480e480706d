//! Settings that an operator makes in the admin's pages: raw texts in the database, which lie over the file (spec
//! scheduler-modes.md, section 1).

use super::config::{Config, Mode, Weights};

/// What the names of all these settings begin with.
pub const PREFIX: &str = "openai_advanced_scheduler_";

/// The settings with top k and weights as these texts make them: pairs of a setting's name, with or without the prefix,
/// and its raw text. Other names are ignored, and so is a text that says nothing usable. In `legacy` nothing of it
/// counts.
pub fn overlay<'a>(config: &Config, texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Config {
    let mut found = config.clone();
    if config.mode == Mode::Legacy {
        return found;
    }
    for (name, text) in texts {
        let name = name.strip_prefix(PREFIX).unwrap_or(name);
        if name == "lb_top_k" {
            found.lb_top_k = top_k(text).unwrap_or(found.lb_top_k);
        } else if let Some(place) = name.strip_prefix("weight_").and_then(|name| weight_of(&mut found.weights, name)) {
            *place = weight(text).unwrap_or(*place);
        }
    }
    if !usable(&found.weights) {
        found.weights = config.weights;
    }
    found
}

/// A positive whole number in decimal, with or without a sign.
pub fn top_k(text: &str) -> Option<usize> {
    text.trim().parse::<i64>().ok().filter(|&k| k > 0).and_then(|k| usize::try_from(k).ok())
}

/// A finite number >= 0.
pub fn weight(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|weight| weight.is_finite() && *weight >= 0.0)
}

/// Whether the first eight weights sum to a finite number that is not 0; the two bonuses do not count.
pub fn usable(weights: &Weights) -> bool {
    let Weights { priority, load, queue, error_rate, ttft, reset, quota_headroom, upstream_cost, .. } = *weights;
    let sum = priority + load + queue + error_rate + ttft + reset + quota_headroom + upstream_cost;
    sum.is_finite() && sum > 0.0
}

fn weight_of<'a>(weights: &'a mut Weights, name: &str) -> Option<&'a mut f64> {
    Some(match name {
        "priority" => &mut weights.priority,
        "load" => &mut weights.load,
        "queue" => &mut weights.queue,
        "error_rate" => &mut weights.error_rate,
        "ttft" => &mut weights.ttft,
        "reset" => &mut weights.reset,
        "quota_headroom" => &mut weights.quota_headroom,
        "upstream_cost" => &mut weights.upstream_cost,
        "previous_response" => &mut weights.previous_response,
        "session_sticky" => &mut weights.session_sticky,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(texts: &[(&str, &str)]) -> Weights {
        overlay(&Config::default(), texts.iter().copied()).weights
    }

    #[test]
    fn each_unusable_text_is_ignored_on_its_own() {
        let file = Weights::default();
        for text in ["", "-1", "NaN", "Inf", "1e999", "1.5x", "abc"] {
            assert_eq!(weights(&[("weight_load", text)]), file, "{text}");
        }
        let found = weights(&[("openai_advanced_scheduler_weight_load", " 4.5 "), ("weight_queue", "x")]);
        assert_eq!(found, Weights { load: 4.5, ..file });
    }

    #[test]
    fn weights_that_sum_to_nothing_or_too_much_drop_all_replacements() {
        let names = ["priority", "load", "queue", "error_rate", "ttft"].map(|name| format!("weight_{name}"));
        let mut texts: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "0")).collect();
        texts.push(("weight_session_sticky", "9"));
        assert_eq!(weights(&texts), Weights::default(), "the bonus as well");
        assert_eq!(weights(&[("weight_load", "1e308"), ("weight_queue", "1e308")]), Weights::default());
    }

    #[test]
    fn top_k_is_a_positive_whole_number_and_legacy_looks_at_nothing() {
        let k = |text| overlay(&Config::default(), [("lb_top_k", text)]).lb_top_k;
        assert_eq!([" 3 ", "+4", "0", "-1", "4.5", ""].map(k), [3, 4, 7, 7, 7, 7]);
        let legacy = Config { mode: Mode::Legacy, ..Config::default() };
        assert_eq!(overlay(&legacy, [("lb_top_k", "3"), ("weight_load", "3")]), legacy);
    }
}
