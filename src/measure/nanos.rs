//! Nanoseconds, as histograms give them, in the units of figures.

/// Converts nanoseconds to milliseconds.
pub fn millis(nanos: f64) -> f64 {
    nanos / 1e6
}

/// Converts nanoseconds to seconds.
pub fn secs(nanos: f64) -> f64 {
    nanos / 1e9
}
