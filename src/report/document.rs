//! A Markdown document, piece by piece.

use crate::report::table::TextTable;
use crate::results::manifest::{BlockEntry, Manifest};

/// A report that is to be written.
pub(super) struct Report {
    /// What the summary calls it and its like: reports of one group stand in one folder.
    pub(super) group: String,
    /// Its place within the folder of results, by `/`.
    pub(super) path: String,
    pub(super) text: String,
}

/// A list of links to reports, one for each group: to the report, or to the folder of several.
pub(super) fn links(reports: &[Report]) -> String {
    let mut text = String::new();
    for group in reports.chunk_by(|a, b| a.group == b.group) {
        let (first, n) = (&group[0], group.len());
        let folder = first.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        text += &match n {
            1 => format!("- [{}]({})\n", first.group, first.path),
            _ => format!("- [{}]({folder}/), {n} of them\n", first.group),
        };
    }
    text
}

/// A document in the making. A heading appears only where something stands below it.
#[derive(Clone, Debug)]
pub(super) struct Document {
    text: String,
    /// Headings that nothing stands below yet, by level.
    pending: Vec<(usize, String)>,
}

impl Document {
    pub(super) fn new(title: &str) -> Self {
        Self { text: format!("# {title}\n"), pending: Vec::new() }
    }

    pub(super) fn section(&mut self, title: &str) {
        self.heading(2, title);
    }

    pub(super) fn subsection(&mut self, title: &str) {
        self.heading(3, title);
    }

    /// The section of a block with its question, where there are several blocks.
    pub(super) fn block(&mut self, manifest: &Manifest, block: &BlockEntry) {
        if manifest.blocks.len() > 1 {
            self.section(&format!("Block {}", block.name));
            self.paragraph(block.question.as_deref().unwrap_or_default());
        }
    }

    /// A section on a block: below the block's own, where it has one.
    pub(super) fn section_of_block(&mut self, manifest: &Manifest, title: &str) {
        match manifest.blocks.len() {
            1 => self.section(title),
            _ => self.subsection(title),
        }
    }

    fn heading(&mut self, level: usize, title: &str) {
        self.pending.retain(|(above, _)| *above < level);
        self.pending.push((level, title.to_owned()));
    }

    /// Nothing where the text is empty.
    pub(super) fn paragraph(&mut self, text: &str) {
        if !text.is_empty() {
            self.put(text);
        }
    }

    /// Nothing where it has no rows.
    pub(super) fn table(&mut self, table: &TextTable) {
        if !table.is_empty() {
            self.put(table.markdown().trim_end());
        }
    }

    /// Nothing where there are no items.
    pub(super) fn list<T: AsRef<str>>(&mut self, items: impl IntoIterator<Item = T>) {
        let lines: Vec<String> = items.into_iter().map(|i| format!("- {}", i.as_ref())).collect();
        self.paragraph(&lines.join("\n"));
    }

    fn put(&mut self, block: &str) {
        for (level, title) in self.pending.drain(..) {
            self.text.push_str(&format!("\n{} {title}\n", "#".repeat(level)));
        }
        self.text.push_str(&format!("\n{block}\n"));
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_without_anything_below_it_is_left_out() {
        let mut document = Document::new("Day");
        document.section("Empty");
        document.table(&TextTable::new(["a", "b"]));
        document.list(Vec::<String>::new());
        document.section("Full");
        document.subsection("None");
        document.subsection("Some");
        document.paragraph("Text.");
        document.list(["one", "two"]);
        document.section("Last");
        let text = "# Day\n\n## Full\n\n### Some\n\nText.\n\n- one\n- two\n";
        assert_eq!(document.finish(), text);
    }
}
