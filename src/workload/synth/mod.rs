//! Synthetic workloads: sessions from distributions.
mod presets;
