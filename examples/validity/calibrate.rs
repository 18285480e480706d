//! How often `calibrate` calls a model off that made the log, and how often one that did not.
//!
//! A pool is simulated with many seeds, and each run handed over in the files that an operator would export. Calibrated
//! from its own log, a pool is the true model as well as it can be learnt; held against the log, wrong ones are not.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use stickysim::calibrate::handed::Handed;
use stickysim::calibrate::{Agreement, Calibrated, Options, calibrate};
use stickysim::experiment::replicate::Threads;
use stickysim::scenario::{Document, Set};

/// A pool whose wrong models are known.
#[derive(Clone, Copy)]
pub struct Pool {
    pub file: &'static str,
    /// Its conditions with their factors.
    factors: &'static [(&'static str, f64)],
    /// Half the slots of its accounts.
    half: u32,
    /// Times to first token that are 25 % longer.
    longer: &'static str,
}

/// The pool from whose logs true models are learnt.
pub const SMALL: &str = "tests/validity/pool.yaml";

/// The pools of which wrong models are held against the logs.
pub const POOLS: [Pool; 2] = [
    Pool {
        file: "tests/validity/three-depths.yaml",
        factors: &[("slow1", 3.0), ("slow2", 8.0), ("slow3", 25.0)],
        half: 4,
        longer: "{lognormal: {p50: 1500ms, p90: 3250ms}}",
    },
    Pool {
        file: "tests/validity/day-and-night.yaml",
        factors: &[("slow1", 10.0)],
        half: 4,
        longer: "{lognormal: {p50: 1250ms, p90: 3000ms}}",
    },
];

impl Pool {
    /// What is wrong with each model, and the overrides that make it so. The first is the truth.
    pub fn models(&self) -> Vec<(&'static str, Vec<String>)> {
        let factors = |times: f64| {
            let of = |(name, factor): &(&str, f64)| format!("conditions.{name}.effect.ttft_factor={}", factor * times);
            self.factors.iter().map(of).collect::<Vec<_>>()
        };
        let one = |set: &str| vec![set.to_owned()];
        vec![
            ("nothing", Vec::new()),
            ("no account was ever slow", one("conditions=[]")),
            ("slow accounts were half as slow", factors(0.5)),
            ("slow accounts were twice as slow", factors(2.0)),
            ("half the slots", vec![format!("account_defaults.concurrency={}", self.half)]),
            ("TTFT 25 % longer", vec![format!("account_defaults.ttft={}", self.longer)]),
            ("prompt caches that live for 1 min", one("account_defaults.prompt_cache.ttl=60s")),
            ("`lb_top_k` 1 for 7", one("lb_top_k=1")),
            ("threshold 3 s for 8 s", one("sticky_escape_ttft_ms=3000")),
            ("threshold 30 s for 8 s", one("sticky_escape_ttft_ms=30000")),
            ("escape off", one("sticky_escape_enabled=false")),
        ]
    }

    /// Which of the models is called off by the log of this seed.
    pub fn called_off(&self, seed: u64, threads: &Threads) -> Result<Vec<bool>> {
        self.called_off_of(seed, usize::MAX, threads)
    }

    /// Which of the first so many models is.
    pub fn called_off_of(&self, seed: u64, models: usize, threads: &Threads) -> Result<Vec<bool>> {
        let logged = Logged::of(self.file, seed)?;
        let against = |(_, sets): (&str, Vec<String>)| {
            let sets = sets.iter().map(|set| Set::parse(set)).collect::<Result<_, _>>()?;
            let held = Options { against: Some(PathBuf::from(self.file)), sets, force: true, ..logged.options() };
            Ok(calibrate(&held, threads)?.verdict == Agreement::Off)
        };
        self.models().into_iter().take(models).map(against).collect()
    }
}

/// A run of a pool in the files of an operator; the folder goes with it.
pub struct Logged {
    folder: PathBuf,
    handed: Handed,
}

impl Logged {
    /// The run of this seed.
    pub fn of(file: &str, seed: u64) -> Result<Self> {
        let seeded = Set::parse(&format!("seed={seed}"))?;
        let scenario = Document::read(Path::new(file))?.resolve(&[seeded])?.scenario;
        let name = Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let folder = std::env::temp_dir().join(format!("stickysim-logged-{}-{name}-{seed}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { handed: Handed::over(&scenario, &folder)?, folder })
    }

    /// Calibrates from it.
    pub fn options(&self) -> Options {
        self.handed.options(&self.folder.join("out"))
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        // nothing to be done about a folder that cannot be removed
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What calibration says of the small pool by its log of this seed.
pub fn fitted(seed: u64, threads: &Threads) -> Result<Calibrated> {
    Ok(calibrate(&Logged::of(SMALL, seed)?.options(), threads)?)
}

/// Verdicts on true and wrong models.
pub struct Verdicts {
    /// Logs of the small pool, and how many of them call off the model that was learnt from them.
    fitted: (u64, u64),
    /// Logs of each other pool.
    logs: u64,
    /// Of each of these pools, and each of its models: how many logs call it off.
    held: Vec<(Pool, Vec<u64>)>,
}

/// Measures so many logs of the small pool, and an eighth of that of each other one.
pub fn measure(logs: u64, threads: &Threads) -> Result<Verdicts> {
    let mut off = 0;
    for seed in seeds(logs) {
        off += u64::from(fitted(seed, threads)?.verdict == Agreement::Off);
    }
    let mut held = Vec::new();
    let few = (logs / 8).max(1);
    for pool in POOLS {
        let mut counts = vec![0; pool.models().len()];
        for seed in seeds(few) {
            for (count, off) in counts.iter_mut().zip(pool.called_off(seed, threads)?) {
                *count += u64::from(off);
            }
        }
        held.push((pool, counts));
    }
    Ok(Verdicts { fitted: (logs, off), logs: few, held })
}

const fn seeds(logs: u64) -> Range<u64> {
    100..100 + logs
}

impl Verdicts {
    /// Whether true models are called off at most 7 times in 100 (and as often as so few logs let one tell), and every
    /// wrong one by most logs.
    pub fn hold(&self) -> bool {
        let (logs, off) = self.fitted;
        let slack = 2.0 * (0.05 * 0.95 / logs as f64).sqrt();
        let wrong = self.held.iter().flat_map(|(_, counts)| &counts[1..]);
        off as f64 <= (0.07 + slack) * logs as f64 && wrong.into_iter().all(|&count| count * 2 > self.logs)
    }

    /// The chapter of the page.
    pub fn chapter(&self) -> String {
        let (logs, off) = self.fitted;
        let mut text = format!(
            "## Calibration: models called off by a log\n\n\
             `{SMALL}` is run with {logs} seeds, each run handed over as an operator exports reality, and \
             calibrated from that: \
             {off} of {logs} models that are as true as can be learnt are called off (`stickysim calibrate \
             log.jsonl --accounts accounts.jsonl --escape-log escapes.log --gateway-config config.yaml --out out`).\n\n\
             Models that are wrong in one thing are held against {} logs of two other pools (the same with \
             `--against {} --set KEY=VALUE`). How many of these logs call them off:\n\n| wrong is |",
            self.logs, self.held[0].0.file,
        );
        for (pool, _) in &self.held {
            let _ = write!(text, " `{}` |", pool.file);
        }
        let _ = writeln!(text, "\n| --- |{}", " ---: |".repeat(self.held.len()));
        for (place, (name, _)) in POOLS[0].models().iter().enumerate() {
            let _ = write!(text, "| {name} |");
            for (_, counts) in &self.held {
                let _ = write!(text, " {} of {} |", counts[place], self.logs);
            }
            text.push('\n');
        }
        text
    }
}
