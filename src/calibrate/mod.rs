//! From the gateway's own logs to a scenario that replays them, and how far to trust it (docs/guide/calibrate.md).
//!
//! ```text
//! log --records--> tries of each account --normalise--> residuals --segments--> spans
//!                                       \--fit--> healthy accounts        /
//!                                                   scenario + trace <---/--> back-test: simulate, compare, verdict
//! ```
//!
//! | module | what it answers |
//! | --- | --- |
//! | [`records`] | what the log says, and what was left out of it |
//! | [`tries`] | every attempt on every account, when it began and how it went |
//! | [`robust`] | location and scale that isolated slow requests do not move |
//! | [`segments`] | at which level was a series when: penalised segmentation, solved exactly |
//! | [`normalise`] | what a time to first token owes to account, model and size |
//! | [`spans`] | when was an account slow, when did it fail |
//! | [`fit`] | what a healthy account is like |
//! | [`revision`] | which gateway it was, and in which mode |
//! | [`scenario`] | all that as a scenario |
//! | [`backtest`], [`envelope`] | does the scenario do what really happened |
//! | [`resolution`], [`advice`] | what that says about a setting, and what may be asked |
//! | [`doctor`] | do the files fit together, before any of this |

pub mod accounts;
pub mod advice;
pub mod anonymise;
pub mod backtest;
pub mod cache;
mod calibrated;
pub mod doctor;
pub mod envelope;
pub mod escapes;
pub mod export;
pub mod fit;
pub mod gateway_log;
pub mod handed;
pub mod input;
mod looks;
pub mod normalise;
pub mod observed;
pub mod options;
pub mod prefill;
pub mod records;
pub mod report;
pub mod resolution;
pub mod revision;
pub mod robust;
pub mod run;
pub mod scenario;
pub mod search;
pub mod segments;
pub mod sessions;
pub mod shape;
pub mod spans;
pub mod staged;
pub mod tails;
mod too_little;
pub mod trace;
pub mod tries;

pub use calibrated::{Agreement, Calibrated};
pub use options::{CalibrateError, Options};
pub use run::calibrate;
