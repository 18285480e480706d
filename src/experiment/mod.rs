//! Many runs: replications, comparisons, sweeps, tuning, their journal and shards, and the statistics behind them.
pub mod gate;
pub mod grid;
pub mod journal;
pub mod replicate;
pub mod shard;
pub mod stats;
pub mod vary;
