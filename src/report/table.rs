//! A table of text, for the console and for Markdown.

/// Header and rows of equal length; the first columns are left-aligned, the others are right-aligned.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextTable {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    n_left: usize,
}

impl TextTable {
    /// The first column is text, the others are numbers.
    pub(crate) fn new<T: Into<String>>(header: impl IntoIterator<Item = T>) -> Self {
        let header = header.into_iter().map(Into::into).collect();
        Self { header, rows: Vec::new(), n_left: 1 }
    }

    /// The first `n_left` columns are text.
    pub(crate) fn with_texts<T: Into<String>>(
        header: impl IntoIterator<Item = T>,
        n_left: usize,
    ) -> Self {
        Self { n_left, ..Self::new(header) }
    }

    pub(crate) fn push(&mut self, row: Vec<String>) {
        assert_eq!(row.len(), self.header.len(), "a row has as many cells as the header");
        self.rows.push(row);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn n_columns(&self) -> usize {
        self.header.len()
    }

    pub(crate) fn console(&self) -> String {
        let widths: Vec<usize> = (0..self.header.len())
            .map(|c| self.all().map(|row| row[c].chars().count()).max().unwrap_or(0))
            .collect();
        let mut text = String::new();
        for row in self.all() {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(c, (cell, width))| {
                    if c < self.n_left {
                        format!("{cell:<width$}")
                    } else {
                        format!("{cell:>width$}")
                    }
                })
                .collect();
            text.push_str(cells.join("  ").trim_end());
            text.push('\n');
        }
        text
    }

    pub(crate) fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let mut rule = vec!["---:".to_owned(); self.header.len()];
        rule[..self.n_left].fill("---".to_owned());
        let mut text = line(&self.header) + &line(&rule);
        self.rows.iter().for_each(|row| text.push_str(&line(row)));
        text
    }

    fn all(&self) -> impl Iterator<Item = &Vec<String>> {
        std::iter::once(&self.header).chain(&self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = TextTable::new(["variant", "n"]);
        table.push(vec!["a|b".into(), "12".into()]);
        table.push(vec!["longer name".into(), "3".into()]);
        assert_eq!(table.console(), "variant       n\na|b          12\nlonger name   3\n");
        assert!(table.markdown().starts_with("| variant | n |\n| --- | ---: |\n| a\\|b | 12 |\n"));
        let mut table = TextTable::with_texts(["metric", "why"], 2);
        table.push(vec!["cost".into(), "so".into()]);
        table.push(vec!["availability".into(), "not so".into()]);
        assert_eq!(table.console(), "metric        why\ncost          so\navailability  not so\n");
        assert!(table.markdown().starts_with("| metric | why |\n| --- | --- |\n"));
    }
}
