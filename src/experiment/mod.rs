//! Many runs: replications, comparisons, sweeps, tuning, their journal and shards, and the statistics behind them.
pub mod cell;
pub mod choice;
pub mod compare;
pub mod current;
pub mod explain;
pub mod gate;
pub mod grid;
pub mod identity;
pub mod jobs;
pub mod journal;
pub mod replicate;
pub mod shard;
pub mod stats;
pub mod sweep;
pub mod tune;
pub mod variant;
pub mod vary;
