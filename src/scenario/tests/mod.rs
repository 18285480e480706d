//! What a user of scenario files sees.

mod effective;
mod layers;
pub(crate) mod schema;
mod transcripts;

use std::path::Path;

use super::{Document, Loaded, ScenarioError, Set};

/// A scenario from a text and `--set` arguments.
fn load(text: &str, sets: &[&str]) -> Result<Loaded, ScenarioError> {
    let sets = sets.iter().map(|set| Set::parse(set)).collect::<Result<Vec<_>, _>>()?;
    Document::parse(text, Path::new("a.yaml"), Path::new("/nowhere"))?.resolve(&sets)
}
