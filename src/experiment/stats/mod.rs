//! The statistics of experiments: what may be said, and how surely, from a handful of replications.
//!
//! Pure functions over slices of figures, one figure a replication; nothing here knows of schedulers or scenarios.
//! A figure that does not exist in a replication (no escape, so no delay until one) is `None`, and every answer says
//! how many were missing. Where a question cannot be answered (one replication has no interval), the answer is `None`
//! and not a number that looks like one. All transcendental functions are `libm`'s, so that every machine prints the
//! same digits.
//!
//! | module | what it answers |
//! | --- | --- |
//! | [`interval`] | the interval of values that can be averaged |
//! | [`mean`] | how surely is the mean of a figure known |
//! | [`mod@paired`] | how much does B differ from A on the same luck, and how much did the pairing gain |
//! | `ranked` | the same where some replication has no time, only a rank |
//! | [`verdict`] | better, worse, or nothing shown; and what of sixty figures looked at together |
//! | [`along`] | where along a key are cliffs, and stretches over which it does nothing |
//! | [`sequential`] | how many replications more until an interval is narrow enough |
//! | [`halving`] | which arms of a search deserve further replications |
//! | [`known`] | truths to test simulations against: goodness of fit, Erlang B, Poisson |
//! | [`distribution`], [`special`] | Student and chi-square; the two incomplete functions under them |
pub mod along;
pub mod best;
pub mod distribution;
pub mod halving;
pub mod interval;
pub mod known;
pub mod mean;
pub mod paired;
mod ranked;
pub mod sequential;
pub mod smooth;
pub mod special;
pub mod verdict;

pub use interval::{Interval, Level};
pub use mean::{gate_interval_of, mean_interval, mean_interval_of};
pub use paired::{Paired, excess_of, paired, paired_of};
pub use verdict::{Direction, Verdict};
