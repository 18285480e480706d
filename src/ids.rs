//! Names of things inside one run: dense numbers, so that nothing in the hot loop is looked up by a string.

/// An account's place in the pool, counted from 0 in the order of account ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountIx(pub u32);

impl AccountIx {
    /// As an index into a `Vec` over the pool.
    pub const fn at(self) -> usize {
        self.0 as usize
    }
}

/// A model name's place in the run's table of models. Number 0 is the blank model, which every account supports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId(pub u16);

impl ModelId {
    /// The blank model.
    pub const BLANK: Self = Self(0);

    /// As an index into a `Vec` over the models.
    pub const fn at(self) -> usize {
        self.0 as usize
    }
}

/// A session, as everything except the scheduler's draw knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionRef {
    /// A dense number, used again by another session after this one is over: an index into a `Vec`.
    pub slot: u32,
    /// A number that is not used again within a run. Compare it before you trust what you kept under `slot`.
    pub number: u64,
}

/// One response of a WebSocket connection, which `previous_response_id` names. Its text is `resp_{connection}_{turn}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResponseId {
    /// The connection that it was made on.
    pub connection: u64,
    /// The turn of that connection, from 0.
    pub turn: u32,
}
