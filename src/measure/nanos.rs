//! Nanoseconds, as histograms give them, in the units of figures.

/// Milliseconds of nanoseconds.
pub fn millis(nanos: f64) -> f64 {
    nanos / 1e6
}

/// Seconds of nanoseconds.
pub fn secs(nanos: f64) -> f64 {
    nanos / 1e9
}
