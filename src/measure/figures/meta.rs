//! The meaning of a figure: the entry that the registry has for each path.

/// The unit of a figure. Its path ends in the unit as well, unless the figure is a count or a plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Milliseconds.
    Ms,
    /// Seconds.
    Seconds,
    /// A share, 0 to 1 where it is one of a whole.
    Ratio,
    /// Things a second.
    PerSecond,
    /// Tokens.
    Tokens,
    /// Money, in the currency of the scenario's prices.
    Money,
    /// A plain number of the gateway's own.
    Plain,
}

/// Which way a figure should go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
    /// Neither is better: the figure only describes.
    Neutral,
}

/// The part of the results that a figure belongs to, in the order of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Numbers of requests.
    Requests,
    /// Tail latency per request.
    Latency,
    /// Tail latency per session.
    Sessions,
    /// Escapes and what became of them.
    Escapes,
    /// Detection against ground truth.
    Detection,
    /// Cost of moving.
    Cost,
    /// Waiting.
    Waiting,
    /// Outcomes.
    Outcomes,
    /// The gateway's own metrics.
    Scheduler,
    /// A row per account.
    Accounts,
    /// A row per condition.
    Conditions,
    /// The simulator itself: the only group that may differ between two runs of one seed.
    Engine,
}

impl Group {
    /// Its heading in reports.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Requests => "Requests",
            Self::Latency => "Tail latency per request",
            Self::Sessions => "Tail latency per session",
            Self::Escapes => "Escapes",
            Self::Detection => "Detection against ground truth",
            Self::Cost => "Cost of moving",
            Self::Waiting => "Waiting",
            Self::Outcomes => "Outcomes",
            Self::Scheduler => "Scheduler (the gateway's own metrics)",
            Self::Accounts => "Accounts",
            Self::Conditions => "Conditions",
            Self::Engine => "Engine",
        }
    }
}

/// One figure of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Its dotted path in the result document, unit included.
    pub path: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// Whether less or more of it is better.
    pub better: Better,
    /// The part of the results that it belongs to.
    pub group: Group,
}
