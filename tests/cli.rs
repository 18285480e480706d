//! Command-line sessions as readable transcripts: tests/cmd/*.md, and the README's own.

#[test]
fn transcripts() {
    trycmd::TestCases::new().case("tests/cmd/*.md").case("README.md");
}
