//! What came of an experiment, told: on a terminal, in Markdown, as JSON.

pub mod json;
pub mod markdown;
pub mod terminal;
pub mod timeline;
