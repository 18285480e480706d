//! Charts: from plain inputs to a [`Figure`], and from a figure to SVG, PNG or the inline SVG of the HTML page.
//!
//! A chart function (`key_sweep`, `heat_map`, `distribution`, ...) knows what a picture says; [`layout`] knows where
//! everything goes, measured with the font that is built in, so that nothing overlaps or is cut off; the renderers only
//! draw what the layout placed. One layout for all of them: what is tested once holds for every output.

mod axis;
mod compare;
mod detection;
mod distribution;
mod draw;
mod estimate;
mod extent;
mod fallback;
mod figure;
mod font;
mod format;
mod heat;
mod heat_map;
mod incident;
mod inline;
mod journey;
mod keyed;
mod labels;
mod layout;
mod legend;
mod marks;
mod measures;
mod palette;
mod panel;
mod path;
mod scene;
mod search;
mod suffered;
mod sweep;
mod theme;
mod timeline;

pub use compare::{Comparison, Difference, Finding, compare};
pub use detection::{Alarms, ConditionDetection, Delay, Detection, RocPoint, detection};
pub use distribution::{Ccdf, Distribution, Side, distribution};
pub use draw::{DrawError, WIDTH, png, png_with, svg};
pub use estimate::Estimate;
pub use fallback::{Fallback, NoFont, lacking};
pub use figure::{
    Axis, Column, Dash, Figure, Mark, Panel, Provenance, Row, Scale, Series, Shape, Span, SpanKind, Texture,
};
pub use font::BrokenFont;
pub use format::Format;
pub use heat_map::{HeatMap, heat_map};
pub use incident::{Escaped, Felt, Incident, Lane, incident};
pub use inline::inline_svg;
pub(in crate::report) use inline::{colours, escaped};
pub use journey::{Journey, Turn, journey};
pub use keyed::KeyMarks;
pub use layout::layout;
pub use scene::{Scene, TextBox, outline};
pub use search::{KeySearch, Searched, key_search};
pub use suffered::{Dot, Half, Level, Line, Suffered, suffered};
pub use sweep::{KeySweep, Other, SweepPoint, key_sweep};
pub use theme::{Ink, Theme};
pub use timeline::{AccountTrack, Counted, Escapes, Share, Timeline, timeline};
