//! The README in Chinese keeps in step with the English one: the same commands in the same order, the same glossary,
//! links both ways.

use std::path::Path;

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Lines of code without comments: those that are indented, and the commands of fenced blocks. What a command prints is
/// left out.
fn commands(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut is_fenced = false;
    for line in text.lines() {
        if line.starts_with("```") {
            is_fenced = !is_fenced;
        } else if let (true, Some(command)) = (is_fenced, line.strip_prefix("$ ")) {
            commands.push(command.to_owned());
        } else if let (false, Some(code)) = (is_fenced, line.strip_prefix("    ")) {
            let code = code.split("  # ").next().unwrap_or_default().trim();
            commands.extend((!code.is_empty() && !code.starts_with('#')).then(|| code.to_owned()));
        }
    }
    commands
}

#[test]
fn both_readmes_have_the_same_commands() {
    let (english, chinese) = (commands(&read("README.md")), commands(&read("README.zh-CN.md")));
    assert!(english.len() > 15, "{english:?}");
    for (number, (one, other)) in english.iter().zip(&chinese).enumerate() {
        assert_eq!(one, other, "command {number}: bring README.md and README.zh-CN.md in step");
    }
    assert_eq!(english.len(), chinese.len(), "one of README.md and README.zh-CN.md has more commands");
}

#[test]
fn the_glossary_in_chinese_has_every_word_of_the_english_one() {
    let chinese = read("README.zh-CN.md");
    let docs = read("docs/README.md");
    let (_, glossary) = docs.split_once("## Glossary").unwrap();
    let words: Vec<&str> = glossary
        .lines()
        .take_while(|line| !line.starts_with("## "))
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .filter(|word| *word != "word" && !word.starts_with('-'))
        .collect();
    assert!(words.len() > 10, "{words:?}");
    for word in words {
        assert!(chinese.contains(&format!("| {word} |")), "README.zh-CN.md does not explain `{word}`");
    }
}

#[test]
fn the_readmes_link_to_each_other() {
    assert!(read("README.md").contains("(README.zh-CN.md)") && read("README.zh-CN.md").contains("(README.md)"));
}

#[test]
fn commands_are_told_from_what_they_print_and_from_comments() {
    let text =
        "x\n\n    # a question\n    run A   # what\n    run B \\\n      --c\n\n```console\n$ run D\nprinted\n```\n";
    assert_eq!(commands(text), ["run A", "run B \\", "--c", "run D"]);
}
