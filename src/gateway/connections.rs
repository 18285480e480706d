//! Connections over HTTP/1.1: a replica opens at most `concurrency` to an account. A client that went away has given
//! its slot back while its upstream request still holds the connection, so a later forward may hold a slot and yet
//! wait here, first come first served and without limit (spec gateway.md, step 5).

use std::collections::VecDeque;

use crate::ids::AccountIx;

/// Connections of one replica.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    /// Per account; `None`: no limit (HTTP/2, or an account without a limit on slots).
    lanes: Vec<Option<Lane>>,
}

#[derive(Clone, Debug)]
struct Lane {
    limit: usize,
    open: usize,
    /// Requests that wait for a connection, by slot.
    queue: VecDeque<u32>,
}

impl Connections {
    /// With a limit for those accounts that have one.
    pub fn new(limits: impl Iterator<Item = Option<usize>>) -> Self {
        let lane = |limit| Lane { limit, open: 0, queue: VecDeque::new() };
        Self { lanes: limits.map(|limit| limit.map(lane)).collect() }
    }

    /// Takes a connection, or queues for one. Returns whether there is one at once.
    pub fn open(&mut self, account: AccountIx, life: u32) -> bool {
        match &mut self.lanes[account.at()] {
            Some(lane) if lane.open >= lane.limit => {
                lane.queue.push_back(life);
                false
            }
            Some(lane) => {
                lane.open += 1;
                true
            }
            None => true,
        }
    }

    /// A request that waits for a connection no longer wants it.
    pub fn withdraw(&mut self, account: AccountIx, life: u32) {
        if let Some(lane) = &mut self.lanes[account.at()] {
            lane.queue.retain(|waiting| *waiting != life);
        }
    }

    /// Gives a connection back. Returns the request that gets it, if one waits.
    pub fn close(&mut self, account: AccountIx) -> Option<u32> {
        let lane = self.lanes[account.at()].as_mut()?;
        let next = lane.queue.pop_front();
        if next.is_none() {
            lane.open -= 1;
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_limited_and_handed_on_in_order() {
        let (limited, free) = (AccountIx(0), AccountIx(1));
        let mut connections = Connections::new([Some(2), None].into_iter());
        assert!((1..=2).all(|life| connections.open(limited, life)));
        assert!(!connections.open(limited, 3) && !connections.open(limited, 4));
        assert!((5..50).all(|life| connections.open(free, life)));
        assert_eq!([connections.close(limited), connections.close(limited)], [Some(3), Some(4)]);
        assert_eq!([connections.close(limited), connections.close(free)], [None, None]);
        assert!(connections.open(limited, 9) && !connections.open(limited, 10));
    }
}
