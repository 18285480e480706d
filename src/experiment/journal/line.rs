//! One line of a journal: JSON that ends in the checksum of what stands before it.

use serde::Deserialize;
use xxhash_rust::xxh64::xxh64;

use super::header::{Fingerprint, Header};

/// `,"xxh64":"0123456789abcdef"}` without the line feed.
const TAIL: usize = 10 + 16 + 2;
const KEY: &[u8] = br#","xxh64":""#;

/// Closes a JSON object (given without its last brace) with its checksum and a line feed.
fn seal(mut open_object: Vec<u8>, seed: u64) -> Vec<u8> {
    let sum = xxh64(&open_object, seed);
    open_object.extend_from_slice(KEY);
    open_object.extend_from_slice(format!("{sum:016x}\"}}\n").as_bytes());
    open_object
}

/// Whether a line (without line feed) is as [`seal`] made it.
fn is_sealed(line: &[u8], seed: u64) -> bool {
    let Some(at) = line.len().checked_sub(TAIL) else { return false };
    let (before, tail) = line.split_at(at);
    tail.starts_with(KEY) && tail[KEY.len()..] == *format!("{:016x}\"}}", xxh64(before, seed)).as_bytes()
}

/// The seed of a journal's cell lines. The header cannot be sealed with what it holds; its seed is 0.
const fn seed(fingerprint: Fingerprint) -> u64 {
    fingerprint.0
}

#[derive(Deserialize)]
struct HeaderLine {
    journal: Header,
}

/// Any version's header: enough to say that it is another one.
#[derive(Deserialize)]
struct AnyHeaderLine {
    journal: AnyHeader,
}

#[derive(Deserialize)]
struct AnyHeader {
    schema_version: u32,
}

/// The first line of a journal.
pub(super) fn encode_header(header: &Header) -> Result<Vec<u8>, serde_json::Error> {
    let mut object = br#"{"journal":"#.to_vec();
    serde_json::to_writer(&mut object, header)?;
    Ok(seal(object, 0))
}

/// What a first line turned out to be.
pub(super) enum First {
    Header(Header),
    OtherVersion(u32),
    Nothing,
}

/// Reads a first line (without line feed).
pub(super) fn decode_header(line: &[u8]) -> First {
    if !is_sealed(line, 0) {
        return First::Nothing;
    }
    match serde_json::from_slice::<AnyHeaderLine>(line) {
        Ok(any) if any.journal.schema_version != super::SCHEMA_VERSION => {
            First::OtherVersion(any.journal.schema_version)
        }
        _ => serde_json::from_slice::<HeaderLine>(line).map_or(First::Nothing, |line| First::Header(line.journal)),
    }
}

/// The line of a cell.
pub(super) fn encode_cell<R: serde::Serialize>(
    cell: usize,
    result: &R,
    fingerprint: Fingerprint,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut object = format!("{{\"cell\":{cell},\"result\":").into_bytes();
    serde_json::to_writer(&mut object, result)?;
    Ok(seal(object, seed(fingerprint)))
}

/// Reads a cell's line (without line feed): the cell and the text of its result; `None` when the line is not whole.
pub(super) fn decode_cell(line: &[u8], fingerprint: Fingerprint) -> Option<(usize, &str)> {
    if !is_sealed(line, seed(fingerprint)) {
        return None;
    }
    // A sealed line was written by `encode_cell`: its layout is known to the byte.
    let line = std::str::from_utf8(&line[..line.len() - TAIL]).ok()?;
    let (cell, result) = line.strip_prefix("{\"cell\":")?.split_once(",\"result\":")?;
    Some((cell.parse().ok()?, result))
}
