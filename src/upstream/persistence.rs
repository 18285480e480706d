//! How alike the answers of one session are.

/// How alike the base noise of one session's attempts is. The distribution over all requests stays as it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Persistence {
    /// Correlation of the normal scores of two attempts of a session, 0 to 1.
    pub correlation: f64,
    /// The share of attempts, 0 to 1, that are slow by themselves: the slowest ones strike single attempts, whatever
    /// their session.
    pub lone_share: f64,
}
