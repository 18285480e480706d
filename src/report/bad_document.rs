//! Why a document cannot be read back.

/// The error for a document that does not have the form of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadDocument(pub String);

impl From<serde_json::Error> for BadDocument {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}
