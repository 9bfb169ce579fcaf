//! Splits SQL text into statements at each `;` outside quotes and comments.

/// Fed line by line, so that statements of a pipe run as they come.
#[derive(Default)]
pub struct Splitter {
    text: String,
    /// The line in which the text begins, and the number of lines read.
    first_line: usize,
    lines: usize,
    state: State,
    /// Within an executable comment, `/*! … */`: what it holds is code, but the statement goes on behind it.
    in_executable: bool,
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
    /// Takes the next line and gives the statements that end in it.
    pub fn push(&mut self, line: &str) -> Vec<Statement> {
        let mut rest = line.trim_end_matches(['\r', '\n']);
        self.lines += 1;
        let mut ended = Vec::new();
        loop {
            if !self.has_code && self.state == State::Code {
                // Comments before a statement are not part of it, so that its line is the one it begins in.
                self.text.clear();
                self.first_line = self.lines;
            }
            let Some(end) = self.scan(rest) else { break };
            let (last, behind) = rest.split_at(end);
            self.text.push_str(last);
            ended.extend(self.finish());
            rest = behind.strip_prefix(';').unwrap_or(behind);
        }
        self.text.push_str(rest);
        self.text.push('\n');
        ended
    }

    /// The statement that the text ends with, without its `;`.
    pub fn finish(&mut self) -> Option<Statement> {
        let sql = std::mem::take(&mut self.text).trim().to_owned();
        let has_code = std::mem::take(&mut self.has_code);
        (self.state, self.in_executable) = (State::Code, false);
        has_code.then_some(Statement { sql, line: self.first_line })
    }

    /// Where the first `;` lies that ends a statement.
    fn scan(&mut self, line: &str) -> Option<usize> {
        let mut characters = line.char_indices();
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
                State::Code if c == '#' || is_dash_comment(rest) => return None,
                State::Code if rest.starts_with("/*!") || rest.starts_with("/*M!") => {
                    characters.find(|(_, c)| *c == '!');
                    (self.in_executable, self.has_code) = (true, true);
                }
                State::Code if rest.starts_with("/*") => {
                    characters.next();
                    self.state = State::BlockComment;
                }
                State::Code if self.in_executable && rest.starts_with("*/") => {
                    characters.next();
                    self.in_executable = false;
                }
                State::Code if c == ';' && !self.in_executable => return Some(position),
                State::Code if c.is_whitespace() => {}
                State::Code => {
                    self.has_code = true;
                    if matches!(c, '\'' | '"' | '`') {
                        self.state = State::Quoted(c);
                    }
                }
            }
        }
        None
    }
}

/// `--` begins a comment only before white space, a control character or the end of the line.
fn is_dash_comment(rest: &str) -> bool {
    rest.strip_prefix("--").is_some_and(|rest| rest.chars().next().is_none_or(|c| c.is_whitespace() || c.is_control()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(usize, &str)]) {
        let mut splitter = Splitter::default();
        let mut found: Vec<Statement> = text.lines().flat_map(|line| splitter.push(line)).collect();
        found.extend(splitter.finish());
        let found: Vec<(usize, &str)> = found.iter().map(|found| (found.line, found.sql.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn statements_end_at_semicolons_wherever_lines_end() {
        check("SELECT 1;\nSELECT\n 2 ; \nSELECT 3", &[(1, "SELECT 1"), (2, "SELECT\n 2"), (4, "SELECT 3")]);
        check("SELECT 1; SELECT 2;\n", &[(1, "SELECT 1"), (1, "SELECT 2")]);
        check("SELECT 1;SELECT\n2;SELECT 3", &[(1, "SELECT 1"), (1, "SELECT\n2"), (2, "SELECT 3")]);
        check("SELECT 'a' ; ; SELECT `b`", &[(1, "SELECT 'a'"), (1, "SELECT `b`")]);
        check("\n;\n;;\n", &[]);
        check("SELECT 1;;\n", &[(1, "SELECT 1")]);
        check("SELECT 1;\r\nSELECT 2\r\n", &[(1, "SELECT 1"), (2, "SELECT 2")]);
    }

    #[test]
    fn semicolons_in_quotes_do_not_count() {
        check("SELECT 'a;\nb';\nSELECT 2;", &[(1, "SELECT 'a;\nb'"), (3, "SELECT 2")]);
        check(r"SELECT 'it\';", &[(1, r"SELECT 'it\';")]);
        check(r"SELECT 'it\\';", &[(1, r"SELECT 'it\\'")]);
        check("SELECT 'it''s;', \"x\"\"y;\", `a``b;`;", &[(1, "SELECT 'it''s;', \"x\"\"y;\", `a``b;`")]);
        check(r"SELECT `a\`; SELECT 2", &[(1, r"SELECT `a\`"), (1, "SELECT 2")]);
        check("SELECT '--', '/*'; SELECT '#;'", &[(1, "SELECT '--', '/*'"), (1, "SELECT '#;'")]);
    }

    #[test]
    fn comments_are_not_statements() {
        check("-- first;\n# second;\n/* third;\n;*/\nSELECT 1; -- done;\n", &[(5, "SELECT 1")]);
        check("SELECT 1 -- it's;\n, 2;", &[(1, "SELECT 1 -- it's;\n, 2")]);
        check("SELECT 1 # it's;\n, 2; #;", &[(1, "SELECT 1 # it's;\n, 2")]);
        check("SELECT 1--1; --\nSELECT 2", &[(1, "SELECT 1--1"), (2, "SELECT 2")]);
        check("SELECT /* ' ; */ 1;", &[(1, "SELECT /* ' ; */ 1")]);
        check("SELECT /*+ NO_ICP(t) ; */ 1; SELECT 2", &[(1, "SELECT /*+ NO_ICP(t) ; */ 1"), (1, "SELECT 2")]);
        check("SELECT 1; /* and;\n more */ SELECT 2", &[(1, "SELECT 1"), (1, "/* and;\n more */ SELECT 2")]);
        check("SELECT 1 /*/; */, 2;", &[(1, "SELECT 1 /*/; */, 2")]);
    }

    #[test]
    fn executable_comments_are_code_whose_statement_goes_on_behind_them() {
        check("/*! SET x = 1 */;", &[(1, "/*! SET x = 1 */")]);
        check("SELECT /*!40101 1; */ 2; SELECT 3", &[(1, "SELECT /*!40101 1; */ 2"), (1, "SELECT 3")]);
        check("SELECT /*M!100 ';*/' /* ; */ */; SELECT 2", &[(1, "SELECT /*M!100 ';*/' /* ; */ */"), (1, "SELECT 2")]);
        check("SELECT 1 /*!*/; SELECT 2 /*!\n; */;", &[(1, "SELECT 1 /*!*/"), (1, "SELECT 2 /*!\n; */")]);
    }
}
