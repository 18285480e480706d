//! Inputs that once ended badly.

use super::attempt;
use super::targets::TARGETS;

fn again(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of this name");
    attempt(target, input, "an input that once ended badly");
}

#[test]
fn an_unfinished_quote_is_an_error() {
    again("scenario", b"duration: \"1h\naccounts: [{count: 1}]\n");
}
