//! Aligned columns for people.

use std::io::{self, Write};

/// A table that is written once its column widths are known.
pub struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    text: String,
    align: Align,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Align {
    Left,
    Right,
    /// As the other cells of the column.
    Neutral,
}

impl Cell {
    pub fn text(text: &str) -> Cell {
        Cell { text: printable(text), align: Align::Left }
    }

    pub fn number(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), align: Align::Right }
    }

    pub fn aligned_left(self) -> Cell {
        Cell { align: Align::Left, ..self }
    }

    /// What stands for a value that is not known: no number, and no nothing that could be overlooked.
    pub fn unknown() -> Cell {
        Cell { text: "-".to_owned(), align: Align::Neutral }
    }

    /// The database's NULL.
    pub fn null() -> Cell {
        Cell { text: "NULL".to_owned(), align: Align::Neutral }
    }
}

impl Table {
    pub fn new(headings: impl IntoIterator<Item = impl AsRef<str>>) -> Table {
        Table { headings: headings.into_iter().map(|text| printable(text.as_ref())).collect(), rows: Vec::new() }
    }

    /// Adds a row of as many cells as there are headings.
    pub fn push(&mut self, row: Vec<Cell>) {
        debug_assert_eq!(row.len(), self.headings.len());
        self.rows.push(row);
    }

    /// Writes headings and rows, two spaces between columns. A column of numbers is right-aligned.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let columns = self.columns(width);
        write_line(out, self.headings.iter().map(String::as_str), &columns)?;
        self.write_body(out, &columns)
    }

    /// Writes the rows alone.
    pub fn write_rows(&self, out: &mut dyn Write) -> io::Result<()> {
        self.write_body(out, &self.columns(|_| 0))
    }

    /// Width and alignment of each column.
    fn columns(&self, heading_width: impl Fn(&str) -> usize) -> Vec<(usize, Align)> {
        let column = |(index, heading): (usize, &String)| {
            let cells = || self.rows.iter().map(move |row| &row[index]);
            let widths = cells().map(|cell| width(&cell.text));
            let is_text = cells().any(|cell| cell.align == Align::Left) || cells().all(|c| c.align == Align::Neutral);
            let align = if is_text { Align::Left } else { Align::Right };
            (widths.chain([heading_width(heading)]).max().unwrap_or(0), align)
        };
        self.headings.iter().enumerate().map(column).collect()
    }

    fn write_body(&self, out: &mut dyn Write, columns: &[(usize, Align)]) -> io::Result<()> {
        self.rows.iter().try_for_each(|row| write_line(out, row.iter().map(|cell| cell.text.as_str()), columns))
    }
}

fn write_line<'c>(
    out: &mut dyn Write,
    cells: impl Iterator<Item = &'c str>,
    columns: &[(usize, Align)],
) -> io::Result<()> {
    let mut line = String::new();
    for (text, &(column_width, align)) in cells.zip(columns) {
        let padding = " ".repeat(column_width - width(text));
        match align {
            Align::Right => line.extend([&padding, text]),
            Align::Left | Align::Neutral => line.extend([text, &padding]),
        }
        line.push_str("  ");
    }
    writeln!(out, "{}", line.trim_end())
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// Without characters that would break the line or, in a terminal, do worse: values come from the database.
fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { printable.extend(c.escape_default()) } else { printable.push(c) }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_control_characters_shown() {
        let mut table = Table::new(["NAME", "ROWS"]);
        table.push(vec![Cell::text("é\n"), Cell::number("1")]);
        table.push(vec![Cell::text("\u{1b}[2J"), Cell::number("12345")]);
        table.push(vec![Cell::text(""), Cell::unknown()]);
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        NAME        ROWS
        é\n            1
        \u{1b}[2J  12345
                       -
        ");
    }
}
