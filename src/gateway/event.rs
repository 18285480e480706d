//! The events of the request loop, and the order of events at one instant.

/// An event of the request loop. Those about a request carry its slot and a token: if the token is not the request's
/// current one, the event is obsolete and is dropped.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// An account's ground truth changes by itself.
    Health,
    /// Restart number i of the configuration.
    Restart(u32),
    /// A replica polls for changes of accounts: the list of candidates is built anew.
    ListPoll,
    /// A replica's periodic full rebuild; the second number counts its restarts.
    ListRebuild(u32, u32),
    /// A forward ends at the upstream.
    AttemptEnd(Ticket),
    /// The client's patience is over.
    ClientGone(Ticket),
    /// A wait plan (of an account or of a user) times out.
    WaitTimeout(Ticket),
    /// One more try for a slot.
    WaitPoll(Ticket),
    /// The pause before the same account is tried again is over.
    Retry(Ticket),
    /// The pause before a client's next try is over.
    ClientRetry(Ticket),
}

/// Which request an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub life: u32,
    pub token: u32,
}

/// The rank of arrivals, which are not in the calendar.
pub(super) const ARRIVAL_RANK: u8 = 10;

impl Event {
    /// The order of equal times: first what changes the world (health, restarts, the list), then ends, which free
    /// slots, then departures, then timeouts before polls (a timeout makes no last try), then new tries, then arrivals.
    pub(super) const fn rank(self) -> u8 {
        match self {
            Self::Health => 0,
            Self::Restart(_) => 1,
            Self::ListPoll => 2,
            Self::ListRebuild(..) => 3,
            Self::AttemptEnd(_) => 4,
            Self::ClientGone(_) => 5,
            Self::WaitTimeout(_) => 6,
            Self::WaitPoll(_) => 7,
            Self::Retry(_) => 8,
            Self::ClientRetry(_) => 9,
        }
    }
}
