//! What each file is, recognised by its content: an operator gives the files that there are, in any order.

use std::path::{Path, PathBuf};

use crate::calibrate::{escapes, looks};
use crate::engine::Luck;
use crate::workload::replay::{Format, TraceReader, usage};
use crate::workload::{Error, ReadConfig};

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Requests: the gateway's log, its usage export, or a trace.
    Log(Format),
    /// The account snapshot.
    Accounts,
    /// The gateway's own log, with its escapes.
    EscapeLog,
    /// The gateway's config.yaml, or what was given for it.
    Config,
    /// The gateway's environment variables.
    Environment,
    /// A scenario.
    Scenario,
    /// None of these, in words.
    Other(String),
}

impl Role {
    /// With its article.
    pub fn words(&self) -> String {
        match self {
            Self::Log(Format::GatewayLog) => "the export of the gateway's requests".to_owned(),
            Self::Log(Format::Usage) => "an export of the gateway's usage page".to_owned(),
            Self::Log(format) => format!("a trace ({})", format.name()),
            Self::Accounts => "the account snapshot".to_owned(),
            Self::EscapeLog => "the gateway's own log".to_owned(),
            Self::Config => "the gateway's config".to_owned(),
            Self::Environment => "the gateway's environment".to_owned(),
            Self::Scenario => "a scenario".to_owned(),
            Self::Other(what) => format!("not used: {what}"),
        }
    }
}

/// A file with what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paper {
    /// The file as it was given, or as it was found in a folder.
    pub path: PathBuf,
    /// What it is.
    pub role: Role,
}

/// All files, those of folders one by one.
///
/// # Errors
/// When one cannot be read.
pub fn sort(paths: &[PathBuf]) -> Result<Vec<Paper>, Error> {
    let mut papers = Vec::new();
    for path in paths {
        if std::fs::metadata(path).map_err(|error| Error::io(path, "read it", &error))?.is_dir() {
            papers.extend(of_folder(path)?);
        } else {
            papers.push(Paper { role: role(path)?, path: path.clone() });
        }
    }
    Ok(papers)
}

fn of_folder(folder: &Path) -> Result<Vec<Paper>, Error> {
    // sessions lie in folders of their own kinds, and are one log together
    if let Some(format) = format_of(folder) {
        return Ok(vec![Paper { path: folder.to_path_buf(), role: Role::Log(format) }]);
    }
    let entries = std::fs::read_dir(folder).map_err(|error| Error::io(folder, "list it", &error))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    files.sort();
    let is_hidden = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let is_env = |path: &Path| path.file_name().is_some_and(|name| name == ".env");
    files.retain(|path| path.is_file() && (!is_hidden(path) || is_env(path)));
    files.into_iter().map(|path| Ok(Paper { role: role(&path)?, path })).collect()
}

fn format_of(path: &Path) -> Option<Format> {
    let config = ReadConfig { path: path.to_path_buf(), ..ReadConfig::default() };
    TraceReader::open(&config, Luck::new(1)).ok().map(|reader| reader.format())
}

/// What one file is.
fn role(path: &Path) -> Result<Role, Error> {
    std::fs::File::open(path).map_err(|error| Error::io(path, "read it", &error))?;
    let head = escapes::head(path);
    if usage::is_usage(&head) {
        return Ok(Role::Log(Format::Usage));
    }
    if let Some(what) = looks::of_bytes(&head) {
        return Ok(Role::Other(what));
    }
    let text = String::from_utf8_lossy(&head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    Ok(if text.is_empty() { Role::Other("an empty file".to_owned()) } else { of_text(path, text) })
}

fn of_text(path: &Path, text: &str) -> Role {
    let first = text.lines().next().unwrap_or_default();
    let has = |key: &str| first.contains(&format!("\"{key}\""));
    if first.starts_with('{') && has("account_id") && has("concurrency") && !has("outcome") {
        return Role::Accounts;
    }
    if let Some(format) = format_of(path) {
        return Role::Log(format);
    }
    if escapes::is_gateway_log(text) {
        return Role::EscapeLog;
    }
    let top = |names: &[&str]| {
        text.lines()
            .any(|line| names.iter().any(|name| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'))))
    };
    if top(&["accounts", "workload", "conditions"]) {
        return Role::Scenario;
    }
    if top(&["gateway", "rate_limit", "openai_scheduler", "openai_ws", "advanced_scheduler", "services", "apiVersion"])
        || (top(&["server", "database", "redis"]) && top(&["server", "run_mode", "jwt", "log"]))
    {
        return if top(&["services"]) { Role::Environment } else { Role::Config };
    }
    let is_variable =
        |line: &str| line.trim_start_matches("export ").split_once('=').is_some_and(|(name, _)| is_name(name));
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).collect();
    if !lines.is_empty() && lines.iter().all(|line| is_variable(line)) {
        return Role::Environment;
    }
    Role::Other(looks::of_text(text))
}

/// Whether this is the name of an environment variable.
fn is_name(name: &str) -> bool {
    let name = name.trim();
    !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognised(name: &str, text: &str) -> Role {
        let folder = std::env::temp_dir().join(format!("stickysim-papers-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        let role = role(&path).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        role
    }

    #[test]
    fn files_are_told_by_their_content() {
        for (name, text, role) in [
            ("a.jsonl", "{\"account_id\":1,\"concurrency\":3,\"groups\":[1]}\n", Role::Accounts),
            ("l.jsonl", "{\"outcome\":\"ok\",\"arrival_ms\":1,\"account_id\":1}\n", Role::Log(Format::GatewayLog)),
            ("t.csv", "at_s,session\n0,a\n", Role::Log(Format::NativeCsv)),
            ("u.csv", "时间,模型,首 Token,耗时\n", Role::Log(Format::Usage)),
            ("g.log", "{\"level\":\"INFO\",\"time\":\"2026-01-05T09:00:00Z\",\"msg\":\"x\"}\n", Role::EscapeLog),
            ("c.yaml", "server: {port: 1}\ngateway:\n  max_account_switches: 3\n", Role::Config),
            ("s.yaml", "accounts: [{count: 2}]\n", Role::Scenario),
            (".env", "# x\nGATEWAY_OPENAI_WS_LB_TOP_K=3\nPORT=1\n", Role::Environment),
            ("compose.yaml", "services:\n  a: {image: x}\n", Role::Environment),
        ] {
            assert_eq!(recognised(name, text), role, "{name}");
        }
        assert!(matches!(recognised("n.txt", "nothing\n"), Role::Other(_)));
        assert!(matches!(recognised("e.txt", ""), Role::Other(what) if what == "an empty file"));
    }
}
