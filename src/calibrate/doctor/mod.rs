//! Whether the gateway's config, a log, an accounts file and an escape log fit together, what is missing, and what to
//! type next. Nothing is fitted or simulated: this is the look that comes before `stickysim calibrate`.

mod checks;
mod next;
pub mod papers;
mod text;

use std::path::PathBuf;

use serde::Serialize;

use self::papers::Role;
use crate::workload::Error;

/// The files to look at: those that are recognised by their content, and those whose role was given.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Any files and folders.
    pub paths: Vec<PathBuf>,
    /// The account snapshot.
    pub accounts: Option<PathBuf>,
    /// The gateway's own log.
    pub escape_log: Vec<PathBuf>,
    /// The gateway's config.yaml.
    pub gateway_config: Option<PathBuf>,
    /// The gateway's environment.
    pub gateway_env: Option<PathBuf>,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// The requests.
    Log,
    /// The account snapshot.
    Accounts,
    /// The gateway's own log.
    EscapeLog,
    /// The gateway's settings.
    Config,
    /// A scenario.
    Scenario,
}

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Good,
    /// Worth knowing, and no fault.
    Note,
    /// Not there, with what that costs.
    Missing,
    /// There is too little of it to say anything by.
    TooLittle,
    /// It cannot be read, or does not belong to the rest.
    Wrong,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about.
    pub about: About,
    /// How it is.
    pub state: State,
    /// A whole sentence for people.
    pub text: String,
    /// What to do about it; a command, or a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// What it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Diagnosed {
    /// Nothing contradicts anything; what is missing is said.
    Fits,
    /// There is no log, or too little of it.
    TooLittle,
    /// Something cannot be used, or does not belong to the rest.
    DoesNotFit,
}

/// A file and what it is taken for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// The file as it was given, or as it was found in a folder.
    pub path: PathBuf,
    /// What it is, in words.
    pub is: String,
}

/// All that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// The files, in the order in which they were given.
    pub files: Vec<Seen>,
    /// By what they are about, in the order of [`About`].
    pub findings: Vec<Finding>,
    /// What it comes to.
    pub verdict: Diagnosed,
    /// The command to type next.
    pub next: String,
}

/// The files by what they are used for.
#[derive(Clone, Debug, Default)]
struct Sorted {
    logs: Vec<(PathBuf, Option<crate::workload::replay::Format>)>,
    accounts: Vec<PathBuf>,
    escape_logs: Vec<PathBuf>,
    configs: Vec<PathBuf>,
    environments: Vec<PathBuf>,
    scenarios: Vec<PathBuf>,
}

/// Looks at all of it.
///
/// # Errors
/// When a file cannot be read at all.
pub fn diagnose(given: &Given) -> Result<Diagnosis, Error> {
    let papers = papers::sort(&given.paths)?;
    let mut files: Vec<Seen> =
        papers.iter().map(|paper| Seen { path: paper.path.clone(), is: paper.role.words() }).collect();
    let mut sorted = Sorted::default();
    for paper in papers {
        match paper.role {
            Role::Log(format) => sorted.logs.push((paper.path, Some(format))),
            Role::Accounts => sorted.accounts.push(paper.path),
            Role::EscapeLog => sorted.escape_logs.push(paper.path),
            Role::Config => sorted.configs.push(paper.path),
            Role::Environment => sorted.environments.push(paper.path),
            Role::Scenario => sorted.scenarios.push(paper.path),
            Role::Other(_) => {}
        }
    }
    let mut said = |path: &PathBuf, role: &Role, to: &mut Vec<PathBuf>| {
        files.push(Seen { path: path.clone(), is: format!("{}, as was said", role.words()) });
        to.push(path.clone());
    };
    given.accounts.iter().for_each(|path| said(path, &Role::Accounts, &mut sorted.accounts));
    given.escape_log.iter().for_each(|path| said(path, &Role::EscapeLog, &mut sorted.escape_logs));
    given.gateway_config.iter().for_each(|path| said(path, &Role::Config, &mut sorted.configs));
    given.gateway_env.iter().for_each(|path| said(path, &Role::Environment, &mut sorted.environments));
    let findings = checks::all(&sorted);
    let has = |state| findings.iter().any(|finding| finding.state == state);
    let verdict = if has(State::Wrong) {
        Diagnosed::DoesNotFit
    } else if has(State::TooLittle) || (sorted.logs.is_empty() && sorted.scenarios.is_empty()) {
        Diagnosed::TooLittle
    } else {
        Diagnosed::Fits
    };
    let next = next::command(&sorted, verdict, &findings);
    Ok(Diagnosis { files, findings, verdict, next })
}
