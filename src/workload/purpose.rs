//! What the workload draws luck for. Numbers of this room start with its own prefix, so that no other room's meet them.

const PREFIX: u64 = 0x574f_524b_0000;

/// Arrivals of synthetic sessions.
pub(super) const ARRIVALS: u64 = PREFIX + 1;
/// What a synthetic session is like, by its number.
pub(super) const SESSION: u64 = PREFIX + 2;
/// Which sessions and requests of a trace are played how often, by name.
pub(super) const COPIES: u64 = PREFIX + 3;
/// How much later a session's copy starts, by name and copy.
pub(super) const SHIFT: u64 = PREFIX + 4;
/// Assumed sessions of a trace without them, by number.
pub(super) const ASSUMED: u64 = PREFIX + 5;
/// Patience of a replayed request, by its luck.
pub(super) const PATIENCE: u64 = PREFIX + 6;
/// Where sessions without a common clock are put.
pub(super) const PLACING: u64 = PREFIX + 7;
/// The deal that a trace's session hashes are made from.
pub(super) const DEAL: u64 = PREFIX + 8;
/// Sessions that are under way when a synthetic workload begins: how many, by 0, and each one's state, by its number.
pub(super) const UNDER_WAY: u64 = PREFIX + 9;
/// How often a session of a trace was drawn, by name.
pub(super) const RESAMPLE: u64 = PREFIX + 10;
