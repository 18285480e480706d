//! The discrete-event engine: event calendar and keyed random streams. Knows nothing of gateways.
pub mod calendar;
pub mod id_map;
pub mod luck;

pub use calendar::Calendar;
pub use id_map::IdMap;
pub use luck::{Luck, Stream};
