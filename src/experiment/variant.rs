//! A variant: the scenario with some keys changed, ready to run, with the name that reports use.
//!
//! All variants of an experiment run on the seed of the unchanged scenario, so that they share their luck.

use crate::scenario::{Document, Scenario, ScenarioError, Set, Setting};
use crate::simulation::{LowerError, Lowered, lower};

/// One way of running a scenario.
#[derive(Clone, Debug)]
pub struct Variant {
    /// What reports call it: `escape off`, `sticky_escape_ttft_ms=8000`.
    pub name: String,
    /// The overrides that make it, as typed.
    pub sets: Vec<String>,
    /// Ready to run.
    pub lowered: Lowered,
    /// The effective scenario.
    pub scenario: Scenario,
    /// What its files hold that looks like a mistake.
    pub warnings: Vec<String>,
    /// How the scenario was understood differently from how it was written.
    pub notes: Vec<String>,
    /// The settings of the gateway that options gave.
    pub given: Vec<Setting>,
}

/// A setting that an option gave and that changes nothing in any of the variants that it was given to.
pub fn idle_everywhere<'a>(variants: impl IntoIterator<Item = &'a Variant> + Clone) -> Option<&'a Setting> {
    let all = |key: &str| {
        let of = variants.clone().into_iter().flat_map(|variant| &variant.given);
        of.filter(move |setting| setting.key == key).all(|setting| setting.idle.is_some())
    };
    let given = variants.clone().into_iter().flat_map(|variant| &variant.given);
    // experiments add escape off as their reference, whoever asks for it
    given.filter(|setting| !setting.key.ends_with(".sticky_escape_enabled")).find(|setting| all(&setting.key))
}

/// A scenario with its overrides, from which variants are made.
#[derive(Clone, Debug)]
pub struct Base {
    /// The parsed file.
    pub document: Document,
    /// Overrides of all variants.
    pub sets: Vec<Set>,
}

/// Why a variant cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum VariantError {
    /// The scenario with these overrides is not valid.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A file that it names cannot be used.
    #[error(transparent)]
    Lower(#[from] LowerError),
    /// The seed is what variants share.
    #[error(
        "`seed` cannot be varied, because all settings run on the same seeds; use --seed for other seeds and \
         --replications for more"
    )]
    Seed,
}

/// The override that switches escape off.
pub const ESCAPE_OFF: &str = "sticky_escape_enabled=false";

impl Base {
    /// The scenario with these further overrides (`KEY=VALUE`).
    ///
    /// # Errors
    /// When one is no override, or the scenario is not valid with them.
    pub fn variant(&self, name: impl Into<String>, sets: &[String]) -> Result<Variant, VariantError> {
        self.variant_of("--set", name, sets)
    }

    /// The same; errors name this option as the source of the overrides.
    ///
    /// # Errors
    /// As [`Base::variant`].
    pub fn variant_of(
        &self,
        option: &'static str,
        name: impl Into<String>,
        sets: &[String],
    ) -> Result<Variant, VariantError> {
        let mut all = self.sets.clone();
        for text in sets {
            if text.split('=').next().map(str::trim) == Some("seed") {
                return Err(VariantError::Seed);
            }
            all.push(Set::parse_of(option, text)?);
        }
        let loaded = self.document.resolve(&all)?;
        let given = loaded.given().cloned().collect();
        let lowered = lower(&loaded.scenario)?;
        let (scenario, warnings, notes) = (loaded.scenario, loaded.warnings, loaded.notes);
        Ok(Variant { name: name.into(), sets: sets.to_vec(), lowered, scenario, warnings, notes, given })
    }
}
