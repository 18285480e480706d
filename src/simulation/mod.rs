//! Puts the rooms together: one run from (scenario, seed).

pub mod lower;
