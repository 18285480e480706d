//! What several integration tests share.
#![allow(dead_code)]

pub mod golden_files;
pub mod script;
