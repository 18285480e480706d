//! Sessions inferred without their ids: the proxy against the truth, which is hidden.

use super::*;
use serde_json::Value;
use stickysim::calibrate::sessions::{ProxyQuality, infer};

fn traffic(seed: u64) -> String {
    format!(
        "seed: {seed}\nduration: 4h\ngroup_id: 1\naccounts:\n  - id: 1\n    count: 4\n    concurrency: 60\n    \
         ttft: {{lognormal: {{p50: 1s, sigma: 0.35}}}}\nworkload:\n  synth:\n    sessions_per_hour: 120\n    turns: \
         {{constant: 12}}\n    think_time: {{lognormal: {{p50: 25s, sigma: 0.8}}}}\n    input_tokens: {{start: \
         {{lognormal: {{p50: 6000, sigma: 0.7}}}}, growth: {{lognormal: {{p50: 900, sigma: 0.8}}}}}}\n"
    )
}

/// The log with so many sessions sharing each key, and without cached tokens if the upstreams do not report them; ids
/// stay where `named` says so.
fn shared(export: &str, sessions_per_key: usize, cached: bool, named: bool) -> stickysim::calibrate::records::Log {
    let mut keys: Vec<String> = Vec::new();
    let mut text = String::new();
    for line in export.lines() {
        let mut row: Value = serde_json::from_str(line).unwrap();
        let session = row["session"].as_str().unwrap().to_owned();
        let place = keys.iter().position(|known| *known == session).unwrap_or_else(|| {
            keys.push(session);
            keys.len() - 1
        });
        row["api_key_id"] = (place / sessions_per_key).into();
        let fields = row.as_object_mut().unwrap();
        if !named {
            fields.remove("session");
        }
        if !cached {
            let input = fields["input_tokens"].as_u64().unwrap() + fields["cache_read_tokens"].as_u64().unwrap();
            fields.insert("input_tokens".to_owned(), input.into());
            fields.insert("cache_read_tokens".to_owned(), 0.into());
        }
        text.push_str(&format!("{row}\n"));
    }
    let out = folder("proxy");
    std::fs::write(out.join("log.jsonl"), text).unwrap();
    let log = gateway_log::read(&out.join("log.jsonl")).unwrap();
    std::fs::remove_dir_all(out).unwrap();
    log
}

/// Share of pairs of requests that the proxy puts into one session and that are of one (precision), and the other way
/// round (recall), over all pairs.
fn pairs(truth: &[Option<Box<str>>], inferred: &[Option<Box<str>>]) -> (f64, f64) {
    use std::collections::BTreeMap;
    let count = |names: &mut dyn Iterator<Item = String>| -> f64 {
        let mut sizes: BTreeMap<String, f64> = BTreeMap::new();
        names.for_each(|name| *sizes.entry(name).or_default() += 1.0);
        sizes.values().map(|n| n * (n - 1.0) / 2.0).sum()
    };
    let known = || truth.iter().zip(inferred).filter_map(|(a, b)| Some((a.as_ref()?, b.as_ref()?)));
    let both = count(&mut known().map(|(a, b)| format!("{a}|{b}")));
    (both / count(&mut known().map(|(_, b)| b.to_string())), both / count(&mut known().map(|(a, _)| a.to_string())))
}

#[test]
fn the_proxy_finds_sessions_whose_ids_are_hidden() {
    // sessions that share a key, whether upstreams tell cached tokens, and the least shares of pairs and of neighbours
    for (sessions_per_key, cached, of_pairs, of_neighbours) in
        [(1, true, 0.99, 0.99), (1, false, 0.99, 0.99), (2, true, 0.88, 0.95), (4, true, 0.6, 0.8)]
    {
        for seed in 1..4 {
            let (export, _) = exported(&traffic(seed));
            let named = shared(&export, sessions_per_key, cached, true);
            let hidden = shared(&export, sessions_per_key, cached, false);
            let inferred = infer(&hidden);
            // a handful of requests of one key may look like a crowd
            assert_eq!(inferred.named, 0);
            assert!(
                inferred.unknown * 50 <= hidden.records.len(),
                "{sessions_per_key} a key, seed {seed}: {}",
                inferred.unknown
            );
            let truth = infer(&named);
            assert_eq!(truth.named, named.records.len());
            let (precision, recall) = pairs(&truth.of, &inferred.of);
            let ProxyQuality { usable, pure, whole } = truth.agreement.unwrap();
            println!(
                "{sessions_per_key} sessions a key, seed {seed}, cached tokens {cached}: precision {precision:.3}, \
                 recall {recall:.3}; neighbours {pure:.3}, {whole:.3}"
            );
            assert!(
                precision > of_pairs && recall > of_pairs,
                "{sessions_per_key} a key, seed {seed}: {precision} {recall}"
            );
            assert!(usable > 0.98 && pure > of_neighbours && whole > of_neighbours, "{pure} {whole}");
        }
    }
}

#[test]
fn a_crowd_behind_one_key_is_no_session_and_is_said_to_be_none() {
    let (export, _) = exported(&traffic(5));
    let inferred = infer(&shared(&export, usize::MAX, false, false));
    assert_eq!((inferred.named, inferred.proxied), (0, 0));
    assert!(inferred.words().iter().any(|words| words.contains("are unknown")), "{:?}", inferred.words());
    let named = infer(&shared(&export, usize::MAX, false, true));
    assert_eq!(named.agreement.unwrap().usable, 0.0);
    assert!(named.words().iter().any(|words| words.contains("none of the sessions")), "{:?}", named.words());
}

#[test]
fn the_share_of_ids_proxies_and_neither_is_counted() {
    let (export, _) = exported(&traffic(6));
    let mut log = shared(&export, 1, true, true);
    let n = log.records.len();
    for record in log.records.iter_mut().step_by(2) {
        record.session = None;
    }
    let inferred = infer(&log);
    assert_eq!((inferred.named, inferred.proxied, inferred.unknown), (n / 2, n - n / 2, 0));
    assert!(inferred.words()[0].starts_with(&format!("50.0 % of {n} requests carry a session id, 50.0 % a proxy")));
}
