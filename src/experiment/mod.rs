//! Many runs: replications, comparisons, sweeps, tuning, their journal and shards, and the statistics behind them.
pub mod gate;
pub mod stats;
pub mod vary;
