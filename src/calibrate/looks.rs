//! What a file looks like that was given in the place of a log.

/// A text that may hold anything, for a message: control characters written out, cut short.
pub(super) fn shown(text: &str, longest: usize) -> String {
    let cut: String = text.chars().take(longest).collect();
    let plain: String =
        cut.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect();
    if cut.len() < text.len() { format!("{plain}...") } else { plain }
}

/// Files that are no text, by their first bytes.
pub(super) fn of_bytes(bytes: &[u8]) -> Option<String> {
    let magic: [(&[u8], &str); 8] = [
        (b"PK\x03\x04", "an Excel file or a zip archive"),
        (b"\xd0\xcf\x11\xe0", "an old Excel file"),
        (b"PAR1", "a Parquet file"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"\xfd7zXZ\0", "a file packed with xz"),
        (b"BZh", "a file packed with bzip2"),
        (b"%PDF", "a PDF"),
        (b"LPKSHHRH", "a binary journal of systemd (write it out: journalctl -o cat)"),
    ];
    let tar = (bytes.get(257..262) == Some(b"ustar")).then(|| "a tar archive".to_owned());
    magic.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, is)| (*is).to_owned()).or(tar)
}

/// What a text looks like, as the end of a sentence.
pub(super) fn of_text(text: &str) -> String {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let has = |key: &str| text.contains(&format!("\"{key}\""));
    let named = if has("outcome") && has("arrival_ms") {
        "the export of its requests, which is given as LOG"
    } else if has("account_id") && has("concurrency") {
        "the account snapshot, which is given with --accounts"
    } else if has("stickysim_trace") || has("at_s") {
        "a trace of stickysim"
    } else if first.contains("] \"") && first.contains(" HTTP/") {
        "an access log of nginx or the like"
    } else if text.lines().take(40).any(|line| line.starts_with("gateway:") || line.starts_with("accounts:")) {
        "a config or scenario in YAML"
    } else if first.trim_start().starts_with('<') {
        "a page of HTML or XML"
    } else if first.starts_with("# HELP") || first.starts_with("# TYPE") {
        "metrics of Prometheus"
    } else {
        return format!("it starts with: {}", shown(first, 120));
    };
    format!("it looks like {named}")
}
