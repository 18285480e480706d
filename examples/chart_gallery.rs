//! Draws every chart with made-up data, the odd cases too, and pages of them, to look at:
//! `cargo run --release --example chart_gallery -- DIR [PREFIX] [dark] [svg]`.

#[path = "../tests/common/charts.rs"]
mod charts;
#[path = "../tests/common/pages.rs"]
mod pages;

use std::path::Path;

use stickysim::report::chart::{Theme, png, svg};
use stickysim::report::html::page;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let dir = Path::new(args.first().map_or("charts", String::as_str));
    let prefix = args.get(1).map_or("", String::as_str);
    let (theme, suffix) =
        if args.iter().any(|arg| arg == "dark") { (Theme::Dark, "-dark") } else { (Theme::Light, "") };
    std::fs::create_dir_all(dir)?;
    for (name, figure) in charts::gallery().into_iter().filter(|(name, _)| name.starts_with(prefix)) {
        std::fs::write(dir.join(format!("{name}{suffix}.png")), png(&figure, theme)?)?;
        if args.iter().any(|arg| arg == "svg") {
            std::fs::write(dir.join(format!("{name}{suffix}.svg")), svg(&figure, theme)?)?;
        }
    }
    for (file, name, accounts, requests) in [
        ("page", "slow-account", 5, 6_000),
        ("page-hostile", charts::HOSTILE, 3, 2_000),
        ("page-million", "a million requests", 10, 1_000_000),
    ] {
        if file.starts_with(prefix) {
            std::fs::write(dir.join(format!("{file}.html")), page(&pages::page_of(name, accounts, requests))?)?;
        }
    }
    Ok(())
}
