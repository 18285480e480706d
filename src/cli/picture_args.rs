//! Charts and pages, as every verb with results offers them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::places::Places;
use super::{fonts, terminal};
use crate::files::PendingFile;
use crate::report::chart::Theme;
use crate::report::html::{Page, page};
use crate::report::picture::{Chart, write_charts};
use crate::units::{agree, count};

/// Where pictures go.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct PictureArgs {
    /// Also draw charts into this folder, each as SVG and as PNG.
    #[arg(long, value_name = "DIR")]
    pub(crate) plot: Option<PathBuf>,
    /// The background of charts.
    #[arg(long, value_enum, default_value_t = Paper::Light, requires = "plot")]
    pub(crate) theme: Paper,
    /// Draw letters of PNG charts that the built-in font lacks with this font; otherwise with one of the machine's
    /// fonts.
    #[arg(long, value_name = "FILE")]
    pub(crate) font: Option<PathBuf>,
    /// Also write a page with charts and figures to this file: one HTML file that needs no network.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

/// Light or dark paper, or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Paper {
    /// Dark ink on white.
    #[default]
    Light,
    /// Light ink on near black; names end in -dark.
    Dark,
    /// Both.
    Both,
}

impl Paper {
    pub(crate) const fn themes(self) -> &'static [Theme] {
        match self {
            Self::Light => &[Theme::Light],
            Self::Dark => &[Theme::Dark],
            Self::Both => &[Theme::Light, Theme::Dark],
        }
    }
}

/// Pictures that were asked for; the page's file is open.
pub(crate) struct Pictures {
    args: PictureArgs,
    html: Option<PendingFile>,
}

impl PictureArgs {
    /// Whether any were asked for.
    pub(crate) const fn wanted(&self) -> bool {
        self.plot.is_some() || self.html.is_some()
    }

    /// The files that it writes.
    pub(crate) fn places(&self, places: Places) -> Places {
        let places = match &self.font {
            Some(font) => places.reads("--font", font),
            None => places,
        };
        places.writes("--plot", self.plot.as_deref()).writes("--html", self.html.as_deref())
    }

    /// Opens what cannot be written without, before the long work.
    pub(crate) fn open(&self) -> anyhow::Result<Pictures> {
        if let Some(font) = &self.font {
            fonts::read(font)?;
        }
        if let Some(directory) = &self.plot {
            std::fs::create_dir_all(directory)
                .map_err(|error| anyhow::anyhow!("cannot make {}: {error}", directory.display()))?;
        }
        let html = self.html.as_ref().map(PendingFile::create).transpose()?;
        Ok(Pictures { args: self.clone(), html })
    }
}

impl Pictures {
    /// Makes and writes what was asked for.
    pub(crate) fn write(
        self,
        charts: impl FnOnce() -> Vec<Chart>,
        contents: impl FnOnce(&str) -> Page,
    ) -> anyhow::Result<()> {
        if let Some(directory) = &self.args.plot {
            let charts = charts();
            let fonts = fonts::fallback(&charts, self.args.font.as_deref())?;
            let files = write_charts(directory, &charts, self.args.theme.themes(), &fonts)?;
            let drawn = files.len() as u64 / 2;
            let are = agree(drawn, "is", "are");
            terminal::remark(&format!("{} {are} in {}", count(drawn, "chart"), directory.display()));
        }
        if let Some(mut file) = self.html {
            let path = file.path().to_owned();
            file.put(page(&contents(&command()))?.as_bytes())?;
            file.commit()?;
            terminal::remark(&format!("the page is {}", path.display()));
        }
        Ok(())
    }
}

/// The command line as one can type it again.
pub(crate) fn command() -> String {
    let quoted = std::env::args_os().skip(1).map(|arg| quoted(&arg));
    std::iter::once("stickysim".to_owned()).chain(quoted).collect::<Vec<_>>().join(" ")
}

/// An argument as a shell takes it. Names of files are bytes, not always text.
fn quoted(arg: &std::ffi::OsStr) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    match arg.to_str() {
        Some(arg) if !arg.is_empty() && arg.chars().all(plain) => arg.to_owned(),
        Some(arg) => format!("'{}'", arg.replace('\'', r"'\''")),
        None => {
            let byte = |&byte: &u8| match byte {
                b'\'' | b'\\' => format!("\\{}", char::from(byte)),
                b' '..=b'~' => char::from(byte).to_string(),
                _ => format!("\\x{byte:02x}"),
            };
            format!("$'{}'", arg.as_encoded_bytes().iter().map(byte).collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn arguments_can_be_typed_again_also_when_they_are_no_text() {
        assert_eq!(quoted("a/b.yaml".as_ref()), "a/b.yaml");
        assert_eq!(quoted("it's".as_ref()), r"'it'\''s'");
        assert_eq!(quoted("".as_ref()), "''");
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt as _;
            assert_eq!(quoted(std::ffi::OsStr::from_bytes(b"a\xff'b")), r"$'a\xff\'b'");
        }
    }
}
