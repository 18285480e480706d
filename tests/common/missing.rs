//! What a test does where a tool is missing: it says that it is skipped, and under `CI=true` it fails. `.ci/run` installs
//! these tools, so there a missing tool would be a test that nobody runs.

/// Says that the test is skipped for lack of `tool`, which `remedy` installs.
///
/// # Panics
/// Under `CI=true`.
pub fn skip(tool: &str, remedy: &str) {
    #[expect(clippy::disallowed_methods, reason = "CI must not skip what a user may")]
    let is_ci = std::env::var("CI").as_deref() == Ok("true");
    assert!(!is_ci, "{tool} is missing: {remedy}");
    println!("skipped: no {tool} ({remedy})");
}
