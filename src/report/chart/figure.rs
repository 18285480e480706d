//! What a chart says, as plain data: panels, axes, series. No coordinates, no colours, no renderer.

use super::format::Format;
use super::theme::Ink;

/// A picture: rows of panels under a title, over a footer.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What it shows, in a few words.
    pub title: String,
    /// How to read it, in a sentence; may be empty.
    pub subtitle: String,
    /// From top to bottom.
    pub rows: Vec<Row>,
    /// Names of series in the order of the legend; those that are not here come after them.
    pub legend: Vec<String>,
    /// Remarks under the panels, a line each.
    pub notes: Vec<String>,
    /// Where it comes from.
    pub provenance: Provenance,
}

/// Where a figure comes from: the footer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Provenance {
    /// The scenario's name, or its file.
    pub scenario: String,
    /// The seed, in words where there are several.
    pub seed: String,
    /// How many replications; `None` for a single run.
    pub replications: Option<u32>,
    /// The version of stickysim.
    pub version: String,
}

/// Panels side by side. On narrow paper they stand under each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Height of the plots in px, without titles and ticks.
    pub height: f64,
    /// From left to right.
    pub panels: Vec<Panel>,
}

/// One plot with its axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// Its name, printed over it; may be empty.
    pub title: String,
    /// Printed over it at the right; may be empty.
    pub remark: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn, in this order.
    pub series: Vec<Series>,
    /// Columns of text at the right of the plot, for category axes.
    pub columns: Vec<Column>,
    /// What to say where nothing can be drawn.
    pub nothing: String,
    /// Whether a reader may zoom along x where the output allows it.
    pub zoom: bool,
    /// Its share of the width of its row.
    pub weight: f64,
    /// Lanes for flags over the highest value.
    pub lanes: u32,
    /// Whether its series have their keys beside its title, not over all panels.
    pub keys: bool,
}

/// A column of text beside a category axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Over the column.
    pub head: String,
    /// One for each category, from the top.
    pub cells: Vec<(String, Ink)>,
}

/// An axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What it measures, with the unit.
    pub label: String,
    /// How values are placed.
    pub scale: Scale,
    /// How ticks and tooltips read.
    pub format: Format,
    /// The range; `None`: what the data need.
    pub range: Option<(f64, f64)>,
    /// Whether ticks and label are printed (a shared axis prints them once).
    pub shown: bool,
    /// Values that the range must hold, be there data or not.
    pub include: Vec<f64>,
    /// Names that stand out, by their place.
    pub strong: Vec<usize>,
}

/// How an axis places values.
#[derive(Clone, Debug, PartialEq)]
pub enum Scale {
    /// Evenly.
    Linear,
    /// By their logarithm; values that are not positive have no place.
    Log,
    /// Names; value i is the middle of the i-th, from the left or from the top.
    Category(Vec<String>),
}

/// Something drawn, with a name for the legend.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name in the legend and for switching it on and off; empty: never in the legend.
    pub name: String,
    /// Its colour.
    pub ink: Ink,
    /// What it is.
    pub mark: Mark,
    /// Tooltips, one for each point, in their order; may be empty.
    pub tips: Vec<String>,
}

/// The kinds of things that are drawn. Points that are not finite are left out; they interrupt lines and bands.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// A line through points, with a marker at each.
    Line {
        /// (x, y)
        points: Vec<(f64, f64)>,
        /// Its pattern.
        dash: Dash,
        /// The marker at each point.
        marker: Option<Shape>,
    },
    /// A line that keeps its value until the next point.
    Step {
        /// (x, y)
        points: Vec<(f64, f64)>,
        /// Its pattern.
        dash: Dash,
    },
    /// The area between two curves.
    Band {
        /// (x, low, high)
        points: Vec<(f64, f64, f64)>,
        /// 0 to 1.
        opacity: f64,
    },
    /// Points.
    Dots {
        /// (x, y)
        points: Vec<(f64, f64)>,
        /// Their form.
        shape: Shape,
        /// Diameter in px.
        size: f64,
        /// 0 to 1.
        opacity: f64,
    },
    /// Markers in a lane at the top of the plot.
    Flags {
        /// Its position.
        at: Vec<f64>,
        /// Their form.
        shape: Shape,
        /// Which lane, from 0 at the top.
        lane: u32,
        /// How many each stands for; empty: one. Where markers would merge, these become bars.
        counts: Vec<u64>,
    },
    /// Rectangles with a weight each, for what would be too many points.
    Density {
        /// (x0, x1, y0, y1, weight from 0 to 1)
        cells: Vec<(f64, f64, f64, f64, f64)>,
    },
    /// Coloured rectangles (heat map); the ink is ignored.
    Cells {
        /// (x0, x1, y0, y1, place on the colour ramp from 0 to 1, text)
        cells: Vec<(f64, f64, f64, f64, f64, String)>,
        /// What the lower end of the ramp is.
        low: String,
        /// What the upper end of the ramp is.
        high: String,
    },
    /// Outlines around sets of unit squares on category axes.
    Outline {
        /// (column, row)
        squares: Vec<(usize, usize)>,
        /// Their pattern.
        dash: Dash,
    },
    /// Bars from `low` to `high`.
    Bars {
        /// (x0, x1, low, high)
        bars: Vec<(f64, f64, f64, f64)>,
    },
    /// Stretches of the x axis.
    Spans(Vec<Span>, SpanKind),
    /// A line across the plot at this x, with a label over the plot.
    RuleX {
        /// Its position.
        at: f64,
        /// Its label; may be empty.
        label: String,
        /// Its pattern.
        dash: Dash,
    },
    /// A line across the plot at this y, with a label at its right.
    RuleY {
        /// Its position.
        at: f64,
        /// Its label; may be empty.
        label: String,
        /// Its pattern.
        dash: Dash,
    },
    /// Values with an interval, lying.
    Intervals {
        /// (y, low, value, high); low and high may be missing (NaN).
        rows: Vec<(f64, f64, f64, f64)>,
        /// Marker of the value.
        shape: Shape,
    },
    /// Words at points, placed where they hit nothing; left out where there is no room.
    Words(Vec<(f64, f64, String)>),
    /// Corners of unit squares on category axes, to mark them.
    Corners(Vec<(usize, usize)>),
    /// Straight connections.
    Links(Vec<((f64, f64), (f64, f64))>),
}

/// A stretch of the x axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Its beginning.
    pub from: f64,
    /// Its end.
    pub to: f64,
}

/// How a span is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// A tint over the whole height.
    Shaded,
    /// Strokes over the whole height.
    Hatched(Texture),
    /// A bracket over the plot with this series' name.
    Bracket,
}

/// The direction of hatching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texture {
    /// Like a slash.
    Rising,
    /// Like a backslash.
    Falling,
}

/// The pattern of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dash {
    /// Unbroken.
    Solid,
    /// Long strokes.
    Dashed,
    /// Dots.
    Dotted,
    /// Long and short strokes.
    DashDot,
}

/// The form of a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A disc.
    Disc,
    /// A circle.
    Ring,
    /// A square.
    Square,
    /// A triangle that points up.
    Up,
    /// A triangle that points down: escapes, nothing else.
    Down,
    /// A triangle that points to the right.
    Right,
    /// A rhombus.
    Diamond,
    /// A saltire.
    Cross,
    /// A Greek cross.
    Plus,
}

impl Shape {
    /// Filled ones that are told apart at a glance, for categories.
    pub const CATEGORIES: [Self; 6] = [Self::Disc, Self::Square, Self::Up, Self::Diamond, Self::Right, Self::Plus];
}

impl Axis {
    /// A linear axis.
    pub fn linear(label: impl Into<String>, format: Format) -> Self {
        Self::new(label, format, Scale::Linear)
    }

    /// A logarithmic axis.
    pub fn log(label: impl Into<String>, format: Format) -> Self {
        Self::new(label, format, Scale::Log)
    }

    /// An axis of names.
    pub fn names(label: impl Into<String>, names: Vec<String>) -> Self {
        Self::new(label, Format::Number, Scale::Category(names))
    }

    fn new(label: impl Into<String>, format: Format, scale: Scale) -> Self {
        Self { label: label.into(), scale, format, range: None, shown: true, include: Vec::new(), strong: Vec::new() }
    }

    /// The range must hold this value.
    #[must_use]
    pub fn with(mut self, value: f64) -> Self {
        self.include.push(value);
        self
    }

    /// Exactly this range.
    #[must_use]
    pub fn over(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }

    /// Without ticks and label.
    #[must_use]
    pub fn hidden(mut self) -> Self {
        self.shown = false;
        self
    }
}

impl Panel {
    /// An empty plot.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self {
            title: title.into(),
            remark: String::new(),
            x,
            y,
            series: Vec::new(),
            columns: Vec::new(),
            nothing: "nothing to show".to_owned(),
            zoom: false,
            weight: 1.0,
            lanes: 0,
            keys: false,
        }
    }

    /// With one series more.
    #[must_use]
    pub fn with(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }
}

impl Series {
    /// A series without tooltips.
    pub fn new(name: impl Into<String>, ink: Ink, mark: Mark) -> Self {
        Self { name: name.into(), ink, mark, tips: Vec::new() }
    }

    /// With tooltips, one for each point.
    #[must_use]
    pub fn tips(mut self, tips: Vec<String>) -> Self {
        self.tips = tips;
        self
    }
}
