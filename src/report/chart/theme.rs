//! Colours by meaning. The hues are those of Okabe and Ito (*Color Universal Design*, 2008), moved in lightness so that
//! those that meet in one chart differ in grey too; what carries meaning also differs in dash, marker or hatching.

/// What a colour means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ink {
    /// Text.
    Text,
    /// Text of less weight, ticks.
    Muted,
    /// Lines of the grid.
    Grid,
    /// The paper.
    Paper,
    /// The ground of a plot.
    Ground,
    /// The first of two sides.
    A,
    /// The second of two sides.
    B,
    /// Median.
    P50,
    /// 95th percentile.
    P95,
    /// 99th percentile.
    P99,
    /// Escapes for TTFT.
    Ttft,
    /// Escapes for error rate.
    ErrorRate,
    /// Escapes for want of a slot.
    Full,
    /// Ground truth: degraded.
    Degraded,
    /// Blocked.
    Blocked,
    /// Off the list of candidates.
    Away,
    /// Load balance without an escape.
    Balanced,
    /// Single observations.
    Dots,
    /// Good news.
    Good,
    /// Bad news.
    Bad,
    /// Emphasis: the recommended value.
    Accent,
    /// A step from harmless (0) to bad (6): below the SLO, up to the gate, and beyond.
    Step(usize),
    /// One of several names.
    Category(usize),
    /// A place on the ramp from 0 to 1.
    Ramp(f64),
    /// Text over a place on the ramp.
    OnRamp(f64),
}

impl Ink {
    /// For text about what has this colour: the colour where it can be read, else that of lesser text.
    pub fn of_text(self) -> Self {
        match self {
            Self::Ttft | Self::ErrorRate | Self::B | Self::P99 | Self::Good | Self::Bad | Self::Accent => self,
            Self::Text | Self::Muted | Self::OnRamp(_) | Self::Blocked => self,
            _ => Self::Muted,
        }
    }
}

/// Light or dark paper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark ink on white.
    #[default]
    Light,
    /// Light ink on near black.
    Dark,
}

type Rgb = (u8, u8, u8);

/// Greys for what is within bounds, then warm colours: the further the step, the further from the paper.
const STEPS: [(u32, u32); 7] = [
    (0xEEF1F4, 0x222932),
    (0xDDE3E9, 0x2E3742),
    (0xCAD2DA, 0x3B4654),
    (0xB0BCC8, 0x4C5A6B),
    (0xF2AE3C, 0x9C6A10),
    (0xD7591B, 0xF08434),
    (0x7A120C, 0xFFD2B8),
];

const CATEGORIES: [(u32, u32); 8] = [
    (0x0B4F8A, 0x5AB0F2),
    (0xE08E00, 0xFFC04D),
    (0x007A5A, 0x2FC79B),
    (0xC06A9C, 0xF0A5CF),
    (0xB8400A, 0xF07A45),
    (0x5B3FA0, 0xB49CF5),
    (0x4FA3D8, 0x9AD8FF),
    (0x6B6B2A, 0xD0CE7A),
];

/// Cividis (Nuñez, Anderton and Renslow, 2018) at every eighth of its length: even in lightness, the same to all eyes.
const RAMP: [u32; 9] = [0x00224E, 0x123570, 0x3B496C, 0x575D6D, 0x707173, 0x8A8678, 0xA59C74, 0xC3B369, 0xFEE838];

impl Theme {
    /// The colour of an ink on this paper.
    pub fn rgb(self, ink: Ink) -> Rgb {
        let (light, dark) = match ink {
            Ink::Text => (0x1B2430, 0xE8EBF0),
            Ink::Muted => (0x5A6675, 0xA3ADBA),
            Ink::Grid => (0xE3E7EC, 0x2C333D),
            Ink::Paper => (0xFFFFFF, 0x14181E),
            Ink::Ground => (0xF8F9FB, 0x191E25),
            Ink::A => (0xDB8A00, 0xFFB938),
            Ink::B => (0x0A4C86, 0x57AFF5),
            Ink::P50 => (0x7DBBE8, 0x2F6FA8),
            Ink::P95 => (0x2F7FC1, 0x5CA8E6),
            Ink::P99 => (0x06325C, 0xBFE0FF),
            Ink::Ttft => (0xC94A00, 0xFF8A4C),
            Ink::ErrorRate => (0x5E2A8C, 0x9A66E0),
            Ink::Full => (0x3FA7C9, 0x8FDDF5),
            Ink::Degraded => (0xFBE2CF, 0x4A3020),
            Ink::Blocked => (0x8B1E3F, 0xF08AA8),
            Ink::Away => (0x4A5A6A, 0x9FB0C2),
            Ink::Balanced => (0xC3CBD4, 0x4B5562),
            Ink::Dots => (0x6A7F94, 0x8296AB),
            Ink::Good => (0x00795A, 0x35C79A),
            Ink::Bad => (0xB83A00, 0xFF8350),
            Ink::Accent => (0x00795A, 0x35C79A),
            Ink::Step(i) => STEPS[i.min(STEPS.len() - 1)],
            Ink::Category(i) => CATEGORIES[i % CATEGORIES.len()],
            Ink::Ramp(at) => return ramp(at),
            Ink::OnRamp(at) => return if luma(ramp(at)) > 128.0 { (0x10, 0x14, 0x1A) } else { (0xFF, 0xFF, 0xFF) },
        };
        rgb(if self == Self::Light { light } else { dark })
    }
}

/// Every ink that has one colour a theme, with the name that style sheets know it by.
pub(super) const NAMED: [(Ink, &str); 36] = {
    use Ink::*;
    [
        (Text, "text"),
        (Muted, "muted"),
        (Grid, "grid"),
        (Paper, "paper"),
        (Ground, "ground"),
        (A, "a"),
        (B, "b"),
        (P50, "p50"),
        (P95, "p95"),
        (P99, "p99"),
        (Ttft, "ttft"),
        (ErrorRate, "errors"),
        (Full, "full"),
        (Degraded, "degraded"),
        (Blocked, "blocked"),
        (Away, "away"),
        (Balanced, "balanced"),
        (Dots, "dots"),
        (Good, "good"),
        (Bad, "bad"),
        (Accent, "accent"),
        (Step(0), "s0"),
        (Step(1), "s1"),
        (Step(2), "s2"),
        (Step(3), "s3"),
        (Step(4), "s4"),
        (Step(5), "s5"),
        (Step(6), "s6"),
        (Category(0), "c0"),
        (Category(1), "c1"),
        (Category(2), "c2"),
        (Category(3), "c3"),
        (Category(4), "c4"),
        (Category(5), "c5"),
        (Category(6), "c6"),
        (Category(7), "c7"),
    ]
};

const fn rgb(hex: u32) -> Rgb {
    ((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

fn ramp(at: f64) -> Rgb {
    let place = if at.is_nan() { 0.0 } else { at.clamp(0.0, 1.0) } * (RAMP.len() - 1) as f64;
    let low = (place as usize).min(RAMP.len() - 2);
    let part = place - low as f64;
    let mix = |a: u8, b: u8| (f64::from(a) + part * (f64::from(b) - f64::from(a)) + 0.5) as u8;
    let (a, b) = (rgb(RAMP[low]), rgb(RAMP[low + 1]));
    (mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

fn luma((r, g, b): Rgb) -> f64 {
    0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_meets_in_one_chart_differs_in_grey() {
        for theme in [Theme::Light, Theme::Dark] {
            let grey = |ink| luma(theme.rgb(ink));
            let sets: [&[Ink]; 4] = [
                &[Ink::P50, Ink::P95, Ink::P99],
                &[Ink::A, Ink::B],
                &[Ink::Ttft, Ink::ErrorRate, Ink::Full],
                &[Ink::Text, Ink::Muted, Ink::Grid],
            ];
            for set in sets {
                for (i, a) in set.iter().enumerate() {
                    for b in &set[i + 1..] {
                        assert!((grey(*a) - grey(*b)).abs() > 25.0, "{theme:?}: {a:?} {} {b:?} {}", grey(*a), grey(*b));
                    }
                }
            }
        }
    }

    #[test]
    fn the_ramp_rises_in_lightness_and_takes_anything() {
        let lights: Vec<f64> = (0..=100).map(|i| luma(ramp(f64::from(i) / 100.0))).collect();
        assert!(lights.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(ramp(f64::NAN), ramp(0.0));
        assert_eq!(ramp(7.0), ramp(1.0));
    }

    #[test]
    fn text_stands_out_from_paper() {
        for theme in [Theme::Light, Theme::Dark] {
            let paper = luma(theme.rgb(Ink::Paper));
            for ink in [Ink::Text, Ink::Muted, Ink::Good, Ink::Bad, Ink::Accent, Ink::A, Ink::B] {
                assert!((luma(theme.rgb(ink)) - paper).abs() > 90.0, "{theme:?} {ink:?}");
            }
        }
    }
}
