//! A scenario file once parsed, from which scenarios are made: as it stands, or with overrides, as often as wanted.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::check::{Check, Checker};
use super::config_looks;
use super::environment;
use super::error::{ErrorKind, ScenarioError};
use super::gateway_keys::{COOLDOWN, LOAD_CACHE, NotRead, canonical, known_keys, look_through_quotes, what_ifs};
use super::model::Scenario;
use super::origins::{Given, Layer, LayerKind, Setting, settle};
use super::read::read;
use super::set::Set;
use super::tree::{Entry, Node, Origin, Place, Source, Value, parse};
use super::workload::{Preset, Synth};

/// The largest scenario file that is read.
const LARGEST_FILE: u64 = 64 << 20;

/// A parsed scenario file. Cheap to make scenarios from (tens of microseconds): a sweep keeps one.
#[derive(Clone, Debug)]
pub struct Document {
    tree: Node,
    file: PathBuf,
    base: PathBuf,
    /// A trace whose path is no text, and the text that stands for it in the tree.
    trace: Option<(PathBuf, PathBuf)>,
}

/// A scenario that can be run, and what there is to say about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The scenario: checked, with all defaults filled in.
    pub scenario: Scenario,
    /// Keys of the gateway that change nothing in a simulation (listed with `-v`).
    pub ignored_gateway_keys: Vec<String>,
    /// What was understood differently from how it was written.
    pub notes: Vec<String>,
    /// Keys that are not read but nearly are, and what matters and is not simulated.
    pub warnings: Vec<String>,
    /// Version, mode, and every setting of the gateway that somebody gave, with where it came from.
    pub settings: Vec<Setting>,
}

impl Loaded {
    /// The settings of the gateway that an option such as `--set` gave.
    pub fn given(&self) -> impl Iterator<Item = &Setting> {
        self.settings.iter().filter(|setting| setting.from.starts_with("--"))
    }
}

impl Document {
    /// Reads and parses a file, YAML or JSON.
    ///
    /// # Errors
    /// When it cannot be read or is no YAML.
    pub fn read(path: &Path) -> Result<Self, ScenarioError> {
        let text = read_text(path).map_err(|why| unreadable(path, &why, "scenario"))?;
        // what comes through standard input lies where the caller is
        let is_device = path.starts_with("/dev");
        let base = path.parent().filter(|_| !is_device).map_or_else(PathBuf::new, Path::to_path_buf);
        Self::parse(&text, path, &base)
    }

    /// Parses a text. `name` is what errors call it and, without its ending, the scenario's name if it gives itself
    /// none; paths in it are relative to `base`.
    ///
    /// # Errors
    /// When it is no YAML, or no map.
    pub fn parse(text: &str, name: &Path, base: &Path) -> Result<Self, ScenarioError> {
        let tree = parse_file(text, name)?;
        if !matches!(tree.value, Value::Map(_) | Value::Null) {
            return Err(ScenarioError::new(
                ErrorKind::WrongType,
                format!("a scenario is a map of keys, found {}", tree.describe()),
            )
            .help(Some("see `docs/reference/scenario.md`, or start from a file in `scenarios/`".to_owned()))
            .place(Some(tree.place)));
        }
        Ok(Self { tree, file: name.to_path_buf(), base: base.to_path_buf(), trace: None })
    }

    /// Puts a trace in the place of the workload: a replay of `trace` from its first request to its last, with what the
    /// scenario says of a replay kept but for the format. The scenario's `duration` and `warmup` belong to the workload
    /// that goes, and go with it; overrides may set them again.
    ///
    /// # Errors
    /// When the scenario's `workload` is no map.
    pub fn with_trace(mut self, trace: &Path) -> Result<Self, ScenarioError> {
        let path = std::path::absolute(trace).map_err(|error| unreadable(trace, &error.to_string(), "trace"))?;
        let shown = path.to_string_lossy().into_owned();
        self.trace = path.to_str().is_none().then(|| (path, PathBuf::from(&shown)));
        let path = serde_json::Value::from(shown).to_string();
        let changes = [
            ("workload.synth", "null"),
            ("workload.replay.format", "null"),
            ("workload.replay.file", path.as_str()),
            ("duration", "null"),
            ("warmup", "0s"),
        ];
        for (key, value) in changes {
            Set::new(key, value)?.apply(&mut self.tree)?;
        }
        Ok(self)
    }

    /// The scenario with these overrides, in order (those that name an account by its id last), checked and complete.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn resolve(&self, sets: &[Set]) -> Result<Loaded, ScenarioError> {
        let mut tree = self.tree.clone();
        for by_id in [false, true] {
            for set in sets.iter().filter(|set| set.is_by_id() == by_id) {
                set.apply(&mut tree)?;
            }
        }
        let mut not_read = NotRead::default();
        let layers = self.read_gateway(&mut tree, &mut not_read)?;
        fill_accounts(&mut tree);
        fill_preset(&mut tree);
        let mut scenario: Scenario = read(&tree)?;
        let mut checker = Checker::default();
        scenario.check(&mut checker);
        checker.first(&tree).map_err(|error| error.or_file(&self.file))?;
        scenario.base.clone_from(&self.base);
        if let (Some((path, shown)), Some(replay)) = (&self.trace, &mut scenario.workload.replay)
            && replay.file == *shown
        {
            replay.file.clone_from(path);
        }
        let given = Given { version: scenario.gateway_version, mode: scenario.mode };
        let mut notes = scenario.finish(&self.file);
        let settings = settle(&mut scenario, &given, &layers, &mut notes)?;
        let NotRead { ignored, warnings } = not_read;
        Ok(Loaded { scenario, ignored_gateway_keys: ignored, notes, warnings, settings })
    }

    /// Brings `gateway` into one spelling and lays it over that of `gateway_env`, and that over `gateway_config`. Gives
    /// the layers, the lowest first.
    fn read_gateway(&self, tree: &mut Node, not_read: &mut NotRead) -> Result<Vec<Layer>, ScenarioError> {
        move_older_key(tree);
        let mut layers = Vec::new();
        for (key, kind) in [("gateway_config", LayerKind::Config), ("gateway_env", LayerKind::Environment)] {
            // Anything that is not text is reported for its type later on.
            let Some(Entry { node: Node { value: Value::Text(file), .. }, place, .. }) = tree.entry(key) else {
                continue;
            };
            let tree = match kind {
                LayerKind::Environment => self.gateway_env(file, place, not_read)?,
                LayerKind::Config | LayerKind::Scenario => self.gateway_config(file, place, not_read)?,
            };
            layers.push(Layer { kind, tree });
        }
        let mut own = Node { value: Value::Map(Vec::new()), place: tree.place.clone() };
        for key in ["gateway", "rate_limit"] {
            let Some(entry) = tree.entry(key) else { continue };
            let mut entry = entry.clone();
            if key == "gateway" && matches!(entry.node.value, Value::Map(_)) {
                put_what_ifs(tree, what_ifs(&entry.node));
                entry.node = canonical(&entry.node, None, not_read)?;
            }
            own.put(entry);
        }
        layers.push(Layer { kind: LayerKind::Scenario, tree: own });
        let mut merged = Node { value: Value::Map(Vec::new()), place: tree.place.clone() };
        for layer in &layers {
            merged.merge_from(&layer.tree);
            // Errors should point at the upper layer, not at the file below it.
            for upper in layer.tree.entries() {
                if let Some(all) = merged.entries_mut()
                    && let Some(entry) = all.iter_mut().find(|entry| entry.key == upper.key)
                {
                    entry.place = upper.place.clone();
                }
            }
        }
        for entry in merged.entries() {
            // of the file: what the scenario says itself comes first, and is there by now
            match entry.key.as_str() {
                "what_if" => put_what_ifs(tree, entry.node.entries().to_vec()),
                _ => tree.put(entry.clone()),
            }
        }
        Ok(layers)
    }

    /// What the gateway's environment says of `gateway` and `rate_limit`.
    fn gateway_env(&self, file: &str, place: &Place, not_read: &mut NotRead) -> Result<Node, ScenarioError> {
        let path = self.base.join(file);
        let text = read_text(&path).map_err(|why| {
            unreadable(&path, &why, "gateway's environment").place(Some(place.clone())).path("gateway_env")
        })?;
        let name = path.display().to_string();
        let mut tree = environment::tree(&text, &name, not_read)?;
        let Some(entries) = tree.entries_mut() else { return Ok(tree) };
        for entry in entries {
            match entry.key.as_str() {
                "gateway" => entry.node = canonical(&entry.node, Some(&name), not_read)?,
                _ => {
                    for cooldown in entry.node.entries_mut().into_iter().flatten() {
                        look_through_quotes(&mut cooldown.node, COOLDOWN);
                    }
                }
            }
        }
        Ok(tree)
    }

    /// `gateway` and `rate_limit` of the gateway's own config file.
    fn gateway_config(&self, file: &str, place: &Place, not_read: &mut NotRead) -> Result<Node, ScenarioError> {
        let path = self.base.join(file);
        let text = read_text(&path).map_err(|why| {
            unreadable(&path, &why, "gateway's config").place(Some(place.clone())).path("gateway_config")
        })?;
        let config = parse_file(&text, &path)?;
        let name = path.display().to_string();
        config_looks::check(&config, &name, &known_keys())?;
        let mut out = Node { value: Value::Map(Vec::new()), place: config.place.clone() };
        for entry in config.entries() {
            let key = entry.key.to_lowercase();
            let mut node = entry.node.clone();
            match key.as_str() {
                "gateway" => {
                    let what_ifs = what_ifs(&entry.node);
                    if !what_ifs.is_empty() {
                        let node = Node { value: Value::Map(what_ifs), place: entry.node.place.clone() };
                        out.put(Entry { key: "what_if".to_owned(), place: entry.place.clone(), node });
                    }
                    node = canonical(&entry.node, Some(&name), not_read)?;
                }
                "rate_limit" => {
                    let Some(cooldown) =
                        entry.node.entries().iter().find(|e| e.key.to_lowercase() == "overload_cooldown_minutes")
                    else {
                        continue;
                    };
                    let mut cooldown = cooldown.clone();
                    cooldown.key = "overload_cooldown_minutes".to_owned();
                    look_through_quotes(&mut cooldown.node, COOLDOWN);
                    node.value = Value::Map(vec![cooldown]);
                }
                _ => continue,
            }
            out.put(Entry { key, place: entry.place.clone(), node });
        }
        Ok(out)
    }
}

/// Puts the averages' weights among the what-ifs, unless the scenario says something there itself.
fn put_what_ifs(tree: &mut Node, found: Vec<Entry>) {
    let Some(first) = found.first() else { return };
    if tree.get("what_if").is_none_or(|node| node.value == Value::Null) {
        let node = Node { value: Value::Map(Vec::new()), place: first.node.place.clone() };
        tree.put(Entry { key: "what_if".to_owned(), place: first.place.clone(), node });
    }
    let what_if = tree.entries_mut().and_then(|all| all.iter_mut().find(|entry| entry.key == "what_if"));
    let Some(what_if) = what_if else { return };
    for entry in found {
        if what_if.node.get(&entry.key).is_none() {
            what_if.node.put(entry);
        }
    }
}

/// `what_if.load_batch_cache_ms` is one of the gateway's own keys by now.
fn move_older_key(tree: &mut Node) {
    let what_if = tree.entries_mut().and_then(|all| all.iter_mut().find(|entry| entry.key == "what_if"));
    let Some(entries) = what_if.and_then(|entry| entry.node.entries_mut()) else { return };
    let Some(at) = entries.iter().position(|entry| entry.key == "load_batch_cache_ms") else { return };
    let mut moved = entries.remove(at);
    // where both are given, the reading of the gateway's keys distinguishes them
    for (place, key) in LOAD_CACHE.split('.').rev().enumerate() {
        if place == 0 {
            moved.key = key.to_owned();
        } else {
            let node = Node { value: Value::Map(vec![moved.clone()]), place: moved.place.clone() };
            moved = Entry { key: key.to_owned(), place: moved.place.clone(), node };
        }
    }
    let place = moved.place.clone();
    let Some(all) = tree.entries_mut() else { return };
    match all.iter_mut().find(|entry| entry.key == "gateway").map(|entry| entry.node.entries_mut()) {
        Some(Some(keys)) => keys.push(moved),
        Some(None) => {} // reported for its type later on
        None => {
            let node = Node { value: Value::Map(vec![moved]), place: place.clone() };
            all.push(Entry { key: "gateway".to_owned(), place, node });
        }
    }
}

/// `account_defaults` goes into every account that does not say otherwise, key by key.
fn fill_accounts(tree: &mut Node) {
    let Some(defaults) = tree.get("account_defaults").cloned() else { return };
    let Some(entries) = tree.entries_mut() else { return };
    let Some(accounts) = entries.iter_mut().find(|entry| entry.key == "accounts") else { return };
    let Value::List(items) = &mut accounts.node.value else { return };
    for item in items {
        // `id` and `count` of all accounts would make no sense: the check of `account_defaults` reports it.
        item.fill_from(&defaults);
    }
}

/// A preset's values go where the workload says nothing itself.
fn fill_preset(tree: &mut Node) {
    let Some(workload) = tree.entries_mut().and_then(|all| all.iter_mut().find(|entry| entry.key == "workload")) else {
        return;
    };
    let Some(synth) = workload.node.entries_mut().and_then(|all| all.iter_mut().find(|entry| entry.key == "synth"))
    else {
        return;
    };
    let preset = match synth.node.get("preset").map(|node| &node.value) {
        Some(Value::Text(name)) if name == "chat" => Preset::Chat,
        _ => return,
    };
    let Ok(json) = serde_json::to_value(Synth::preset(preset)) else { return };
    let source = Arc::new(Source { origin: Origin::BuiltIn, text: "preset chat".to_owned() });
    let values = Node::from_json(&json, &Place::new(&source, 0..0));
    synth.node.fill_from(&values);
    // One level deeper: a scenario may say something of the input only.
    let inner = synth.node.entries_mut().and_then(|all| all.iter_mut().find(|entry| entry.key == "input_tokens"));
    if let (Some(inner), Some(values)) = (inner, values.get("input_tokens")) {
        inner.node.fill_from(values);
    }
}

fn parse_file(text: &str, name: &Path) -> Result<Node, ScenarioError> {
    let shown = name.display().to_string();
    let source = Arc::new(Source { origin: Origin::File(shown.clone()), text: text.to_owned() });
    parse(&source, 0).map_err(|error| {
        ScenarioError::new(ErrorKind::Syntax, format!("not YAML: {}", error.message)).place(error.place).file(shown)
    })
}

fn read_text(path: &Path) -> Result<String, String> {
    let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if about.is_dir() {
        return Err("it is a folder".to_owned());
    }
    if about.len() > LARGEST_FILE {
        return Err(format!("it has {} bytes; at most {LARGEST_FILE} are read", about.len()));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LARGEST_FILE {
        // a device has no length of its own
        return Err(format!("it does not end; at most {LARGEST_FILE} bytes are read"));
    }
    String::from_utf8(bytes)
        .map_err(|error| format!("it is not UTF-8 text (byte {})", error.utf8_error().valid_up_to() + 1))
}

fn unreadable(path: &Path, why: &str, what: &str) -> ScenarioError {
    ScenarioError::new(ErrorKind::Unreadable, format!("cannot read the {what} `{}`: {why}", path.display()))
}
