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

#[test]
fn a_hundred_thousand_numbers_of_hundreds_of_digits_take_no_time() {
    again("vary", b"a=0:1e308:lin:100000");
    again("vary", b"a=1e-308:1e-300:lin:100000");
}

#[test]
fn a_long_list_is_not_searched_for_each_of_its_values() {
    let list: Vec<String> = (0..200_000).map(|number| format!("x{number}")).collect();
    again("vary", format!("a={}", list.join(",")).as_bytes());
}
