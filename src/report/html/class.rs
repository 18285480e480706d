//! The classes by which a page's style knows what has a tone.

use crate::report::answer::Tone;

/// The class of what has a tone.
pub(super) const fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Undecided => "undecided",
        Tone::Neutral => "",
    }
}
