//! A seeded mutator: from a corpus of good inputs to inputs that nearly are.

use stickysim::engine::{Luck, Stream};

/// Values at which parsers and arithmetic like to fail.
const TOKENS: &[&str] = &[
    "0",
    "-1",
    "1",
    "2",
    "1e308",
    "-1e308",
    "1e-308",
    "NaN",
    "inf",
    "null",
    "true",
    "{}",
    "[]",
    "\"\"",
    "~",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "4294967296",
    "1e19",
    "0.1",
    "1h",
    "1ns",
    "1000000h",
    "-5s",
    "\u{feff}",
    "\u{202e}",
    "\u{0}",
    "é",
    "日本",
    "'",
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\n",
    "\r\n",
    "\t",
    " ",
    "- ",
    "&a",
    "*a",
    "<<: ",
    "!!str ",
    "# ",
    "%",
    "=",
    "..",
    "count: 1000000",
    "2026-02-30T25:61:61Z",
    "1969-12-31T23:59:59Z",
    "9999-12-31T23:59:59.999999999Z",
];

/// Makes inputs out of a corpus; the same (seed, number) gives the same input.
pub struct Mutator<'a> {
    corpus: &'a [Vec<u8>],
    luck: Luck,
}

impl<'a> Mutator<'a> {
    pub fn new(corpus: &'a [Vec<u8>], seed: u64) -> Self {
        assert!(!corpus.is_empty(), "a corpus without inputs");
        Self { corpus, luck: Luck::new(seed) }
    }

    /// Input `number`: one of the corpus with one to six changes.
    pub fn input(&self, number: u64) -> Vec<u8> {
        let mut stream = self.luck.stream(0x46_55_5a_5a, number, 0);
        let mut input = self.corpus[below(&mut stream, self.corpus.len())].clone();
        for _ in 0..=below(&mut stream, 6) {
            self.change(&mut input, &mut stream);
        }
        input.truncate(1 << 20);
        input
    }

    fn change(&self, input: &mut Vec<u8>, stream: &mut Stream) {
        let at = below(stream, input.len() + 1);
        match below(stream, 10) {
            0 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << below(stream, 8);
                }
            }
            1 => input.truncate(at),
            2 => {
                let end = (at + below(stream, 24)).min(input.len());
                input.drain(at..end);
            }
            3 => {
                let end = (at + below(stream, 200)).min(input.len());
                let piece = input[at..end].to_vec();
                input.splice(at..at, piece);
            }
            4 => {
                let other = &self.corpus[below(stream, self.corpus.len())];
                let from = below(stream, other.len() + 1);
                let to = (from + below(stream, 300)).min(other.len());
                input.splice(at..at, other[from..to].iter().copied());
            }
            5 => lines(input, stream),
            6 | 7 => number(input, stream),
            _ => {
                let token = TOKENS[below(stream, TOKENS.len())];
                input.splice(at..at, token.bytes());
            }
        }
    }
}

/// Drops, doubles or swaps whole lines.
fn lines(input: &mut Vec<u8>, stream: &mut Stream) {
    let mut all: Vec<&[u8]> = input.split_inclusive(|byte| *byte == b'\n').collect();
    if all.is_empty() {
        return;
    }
    let (one, other) = (below(stream, all.len()), below(stream, all.len()));
    match below(stream, 3) {
        0 => drop(all.remove(one)),
        1 => all.insert(other, all[one]),
        _ => all.swap(one, other),
    }
    *input = all.concat();
}

/// Replaces a run of digits by another value.
fn number(input: &mut Vec<u8>, stream: &mut Stream) {
    let starts: Vec<usize> = (0..input.len())
        .filter(|&at| input[at].is_ascii_digit() && (at == 0 || !input[at - 1].is_ascii_digit()))
        .collect();
    if starts.is_empty() {
        return;
    }
    let start = starts[below(stream, starts.len())];
    let length = input[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let token = TOKENS[below(stream, TOKENS.len())];
    input.splice(start..start + length, token.bytes());
}

fn below(stream: &mut Stream, bound: usize) -> usize {
    (stream.bits() % bound.max(1) as u64) as usize
}
