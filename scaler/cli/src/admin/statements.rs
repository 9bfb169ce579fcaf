//! Splits SQL text into statements at each `;` that ends a line outside quotes and comments.

/// Fed line by line, so that statements of a pipe run as they come.
#[derive(Default)]
pub struct Splitter {
    text: String,
    /// The line in which the text begins, and the number of lines read.
    first_line: usize,
    lines: usize,
    state: State,
    /// Whether there is anything but white space and comments so far.
    has_code: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Code,
    Quoted(char),
    BlockComment,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub sql: String,
    /// Counted from 1.
    pub line: usize,
}

impl Splitter {
    /// Takes the next line and gives the statement that ends with it, if one does.
    pub fn push(&mut self, line: &str) -> Option<Statement> {
        let line = line.trim_end_matches(['\r', '\n']);
        self.lines += 1;
        if !self.has_code && self.state == State::Code {
            // Comments before a statement are not part of it, so that its line is the one it begins in.
            self.text.clear();
            self.first_line = self.lines;
        }
        let start = self.text.len();
        let end = self.scan(line).map(|position| start + position);
        self.text.push_str(line);
        match end {
            Some(end) => {
                self.text.truncate(end);
                self.finish()
            }
            None => {
                self.text.push('\n');
                None
            }
        }
    }

    /// The statement that the text ends with, without its `;`.
    pub fn finish(&mut self) -> Option<Statement> {
        let sql = std::mem::take(&mut self.text).trim().to_owned();
        let has_code = std::mem::take(&mut self.has_code);
        self.state = State::Code;
        has_code.then_some(Statement { sql, line: self.first_line })
    }

    /// Where the `;` lies that ends the statement in this line: only white space and comments follow it.
    fn scan(&mut self, line: &str) -> Option<usize> {
        let mut end = None;
        let mut characters = line.char_indices().peekable();
        while let Some((position, c)) = characters.next() {
            let rest = &line[position..];
            match self.state {
                State::Quoted(quote) if c == quote => self.state = State::Code,
                State::Quoted(quote) => {
                    if c == '\\' && quote != '`' {
                        characters.next();
                    }
                }
                State::BlockComment => {
                    if rest.starts_with("*/") {
                        characters.next();
                        self.state = State::Code;
                    }
                }
                State::Code if c == '#' || is_dash_comment(rest) => break,
                // A comment that MySQL executes is code; its end needs no notice here.
                State::Code if rest.starts_with("/*") && !rest.starts_with("/*!") && !rest.starts_with("/*M!") => {
                    characters.next();
                    self.state = State::BlockComment;
                }
                State::Code if c == ';' => end = Some(position),
                State::Code if c.is_whitespace() => {}
                State::Code => {
                    end = None;
                    self.has_code = true;
                    if matches!(c, '\'' | '"' | '`') {
                        self.state = State::Quoted(c);
                    }
                }
            }
        }
        end.filter(|_| self.state == State::Code)
    }
}

/// `--` begins a comment only before white space, a control character or the end of the line.
fn is_dash_comment(rest: &str) -> bool {
    rest.strip_prefix("--").is_some_and(|rest| rest.chars().next().is_none_or(|c| c.is_whitespace() || c.is_control()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(usize, &str)]) {
        let mut splitter = Splitter::default();
        let mut found: Vec<Statement> = text.lines().filter_map(|line| splitter.push(line)).collect();
        found.extend(splitter.finish());
        let found: Vec<(usize, &str)> = found.iter().map(|found| (found.line, found.sql.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn statements_end_at_semicolons_that_end_lines() {
        check("SELECT 1;\nSELECT\n 2 ; \nSELECT 3", &[(1, "SELECT 1"), (2, "SELECT\n 2"), (4, "SELECT 3")]);
        check("SELECT 1; SELECT 2;\n", &[(1, "SELECT 1; SELECT 2")]);
        check("\n;\n;;\n", &[]);
        check("SELECT 1;;\n", &[(1, "SELECT 1;")]);
    }

    #[test]
    fn semicolons_in_quotes_do_not_count() {
        check("SELECT 'a;\nb';\nSELECT 2;", &[(1, "SELECT 'a;\nb'"), (3, "SELECT 2")]);
        check(r"SELECT 'it\';", &[(1, r"SELECT 'it\';")]);
        check(r"SELECT 'it\\';", &[(1, r"SELECT 'it\\'")]);
        check("SELECT 'it''s;', \"x\"\"y;\", `a``b;`;", &[(1, "SELECT 'it''s;', \"x\"\"y;\", `a``b;`")]);
        check(r"SELECT `a\`;", &[(1, r"SELECT `a\`")]);
    }

    #[test]
    fn comments_are_not_statements() {
        check("-- first;\n# second;\n/* third;\n;*/\nSELECT 1; -- done;\n", &[(5, "SELECT 1")]);
        check("SELECT 1 -- it's;\n, 2;", &[(1, "SELECT 1 -- it's;\n, 2")]);
        check("SELECT 1--1;", &[(1, "SELECT 1--1")]);
        check("SELECT /* ' ; */ 1;", &[(1, "SELECT /* ' ; */ 1")]);
        check("SELECT 1; /* and\n more */ ", &[(1, "SELECT 1; /* and\n more */")]);
        check("/*! SET x = 1 */;", &[(1, "/*! SET x = 1 */")]);
    }
}
