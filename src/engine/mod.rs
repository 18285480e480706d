//! The discrete-event engine: event calendar, keyed random streams, distributions. Knows nothing of gateways.
pub mod agenda;
pub mod calendar;
pub mod dist;
pub mod exp;
pub mod id_map;
pub mod luck;
pub mod quantile;

pub use agenda::Agenda;
pub use calendar::Calendar;
pub use dist::{BadParameter, Distribution};
pub use id_map::IdMap;
pub use luck::{Luck, Stream};
