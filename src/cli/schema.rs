//! `stickysim schema`.

use clap::Args;

use super::{End, terminal};
use crate::scenario;

/// Print the JSON Schema of scenario files, for editors.
///
/// With the YAML language server, put this line at the top of a scenario:
/// # yaml-language-server: $schema=path/to/scenario.schema.json
#[derive(Args)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn run(self) -> anyhow::Result<End> {
        terminal::print(&serde_json::to_string_pretty(&scenario::json_schema())?)?;
        Ok(End::Done)
    }
}
