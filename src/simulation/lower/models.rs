//! Models as numbers. The scheduler and the upstream know a model by the number that the workload gives its name.

use crate::ids::ModelId;
use crate::scenario::{Course, Scenario};

/// A number that no workload gives. It stands for models that never occur, so that a list of only such models is not
/// mistaken for an empty list.
const NEVER: ModelId = ModelId(u16::MAX);

/// Names in the order in which the workload numbers them, from 1.
pub(super) struct Models(Vec<String>);

impl Models {
    /// For a synthetic workload, its own list; for a replay, the models that conditions name, because a replay numbers
    /// them first.
    pub(super) fn of(scenario: &Scenario) -> Self {
        if let Some(synth) = &scenario.workload.synth {
            return Self(synth.models.iter().map(|model| model.name.clone()).collect());
        }
        let mut names: Vec<String> = Vec::new();
        for condition in &scenario.conditions {
            let states = match &condition.when {
                Course::Markov(markov) => markov.states.as_slice(),
                _ => &[],
            };
            let effects = std::iter::once(&condition.effect).chain(states.iter().map(|state| &state.effect));
            for name in effects.flat_map(|effect| &effect.only_models) {
                if !name.trim().is_empty() && !names.iter().any(|known| known == name.trim()) {
                    names.push(name.trim().to_owned());
                }
            }
        }
        Self(names)
    }

    /// The numbers of these models, without those that never occur. The result is never empty.
    pub(super) fn numbers(&self, wanted: &[String]) -> Vec<ModelId> {
        let mut numbers = Vec::new();
        for name in wanted {
            let name = name.trim();
            if name.is_empty() {
                numbers.push(ModelId::BLANK);
            }
            let places = self.0.iter().enumerate().filter(|(_, known)| known.trim() == name);
            numbers.extend(places.filter_map(|(place, _)| u16::try_from(place + 1).ok().map(ModelId)));
        }
        if numbers.is_empty() && !wanted.is_empty() {
            numbers.push(NEVER);
        }
        numbers
    }

    /// The names, in the order of their numbers from 1.
    pub(super) fn names(&self) -> &[String] {
        &self.0
    }
}
