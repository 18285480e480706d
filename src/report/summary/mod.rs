//! The summary for people: sections of tables and sentences, made once from the document and laid out for a terminal or
//! as Markdown.

mod blocks;
mod brief;
mod harm;
pub(super) mod markdown;
mod sections;
mod text;

pub use blocks::{Block, Section, Table};
pub use sections::sections;
pub use text::{lay_out, lay_out_answer};
