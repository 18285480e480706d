//! How text is laid out on a terminal.

/// How a summary is laid out on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether to use colour (whoever calls knows of terminals and NO_COLOR).
    pub colour: bool,
    /// The columns that there are.
    pub width: u16,
    /// Whether to show every table, not only the answer with what belongs to it.
    pub verbose: bool,
}

impl Default for Style {
    /// 80 columns without colour, in short.
    fn default() -> Self {
        Self { colour: false, width: 80, verbose: false }
    }
}
