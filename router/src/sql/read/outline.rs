//! The outline of a statement: its text with the literals taken out. Statements of one outline differ in the values
//! of literals only, so that what is known of one holds for the next.
//!
//! Only the plainest lexical forms are covered, those on which every reader of SQL agrees; any other text has no
//! outline and is read in full.

use keyspace::keys::KeyLiteral;

/// A statement's text in two parts.
#[derive(Debug, PartialEq, Eq)]
pub struct Outline {
    /// The text with a mark in the place of each literal.
    pub key: Vec<u8>,
    /// The literals with the byte of the text at which each begins, in order.
    pub literals: Vec<(usize, KeyLiteral)>,
}

/// Marks that no accepted text holds.
const INTEGER: u8 = 1;
const TEXT: u8 = 2;

/// Longer statements are rarely sent twice, and an outline would cost them more than reading them does.
const LONGEST: usize = 4_096;

/// `None` if the text is longer than 4 KiB, or holds anything but words, plain names in backticks, unsigned integers,
/// printable ASCII strings without escapes, and the commonest operators.
pub fn outline(text: &str) -> Option<Outline> {
    if text.len() > LONGEST {
        return None;
    }
    let mut outline = Outline { key: Vec::with_capacity(text.len()), literals: Vec::new() };
    let mut at = 0;
    // Adjacent strings are one literal.
    let mut after_string = false;
    while let Some(&byte) = text.as_bytes().get(at) {
        if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            outline.key.push(byte);
            at += 1;
            continue;
        }
        let is_string = byte == b'\'';
        if is_string && after_string {
            return None;
        }
        at += outline.take_lexeme(text, at)?;
        after_string = is_string;
    }
    Some(outline)
}

impl Outline {
    /// Takes what stands at a byte of the text, and returns its length; `None` if no outline has it.
    fn take_lexeme(&mut self, text: &str, at: usize) -> Option<usize> {
        let rest = &text.as_bytes()[at..];
        let next = rest.get(1).copied().unwrap_or(b' ');
        let length = match rest.first()? {
            b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'$' => word_length(rest)?,
            b'`' => name_length(rest)?,
            b'0'..=b'9' => {
                let length = self.integer_length(rest)?;
                self.key.push(INTEGER);
                self.literals.push((at, KeyLiteral::Integer(text[at..at + length].to_owned())));
                return Some(length);
            }
            b'\'' => {
                let length = string_length(rest)?;
                self.key.push(TEXT);
                self.literals.push((at, KeyLiteral::Text(text[at + 1..at + length - 1].to_owned())));
                return Some(length);
            }
            // Comments begin with these.
            b'-' if next == b'-' => return None,
            b'/' if next == b'*' => return None,
            b',' | b'.' | b'(' | b')' | b'=' | b'<' | b'>' | b'*' | b'+' | b'-' | b'/' => 1,
            _ => return None,
        };
        self.key.extend_from_slice(&rest[..length]);
        Some(length)
    }

    /// `None` if it is a part of a longer lexeme, as in 1.5, 1e3 and t.1a.
    fn integer_length(&self, rest: &[u8]) -> Option<usize> {
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let follower = rest.get(length).copied().unwrap_or(b' ');
        let is_longer = is_word(follower) || follower == b'.' || self.key.last() == Some(&b'.');
        (!is_longer).then_some(length)
    }
}

/// `None` for what introduces a string: x'41', N'…', _latin1'…'.
fn word_length(rest: &[u8]) -> Option<usize> {
    let length = rest.iter().take_while(|&&byte| is_word(byte)).count();
    (rest.get(length) != Some(&b'\'')).then_some(length)
}

/// Of a name in backticks, with them; `None` unless it is a plain word.
fn name_length(rest: &[u8]) -> Option<usize> {
    let length = rest[1..].iter().position(|&byte| !is_word(byte))? + 2;
    (rest.get(length - 1) == Some(&b'`') && rest.get(length) != Some(&b'`')).then_some(length)
}

/// Of a string, with its quotes; `None` unless it is printable ASCII without escapes.
fn string_length(rest: &[u8]) -> Option<usize> {
    let length = rest[1..].iter().position(|&byte| byte == b'\'')? + 2;
    let content = &rest[1..length - 1];
    let is_plain = content.iter().all(|byte| (b' '..=b'~').contains(byte) && *byte != b'\\');
    (is_plain && rest.get(length) != Some(&b'\'')).then_some(length)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_outline(text: &str, key: &str, literals: &[(usize, KeyLiteral)]) {
        let found = outline(text).unwrap_or_else(|| panic!("no outline: {text}"));
        let shown: String = found.key.iter().map(|&byte| if byte < 3 { '?' } else { char::from(byte) }).collect();
        assert_eq!((shown.as_str(), &found.literals[..]), (key, literals));
    }

    #[test]
    fn literals_are_taken_out() {
        let integer = |digits: &str| KeyLiteral::Integer(digits.to_owned());
        let text = |content: &str| KeyLiteral::Text(content.to_owned());
        check_outline("SELECT a1 FROM t WHERE k=42", "SELECT a1 FROM t WHERE k=?", &[(25, integer("42"))]);
        check_outline(
            "k IN (1,'x y', 007)",
            "k IN (?,?, ?)",
            &[(6, integer("1")), (8, text("x y")), (15, integer("007"))],
        );
        check_outline("`k`.`a_b` >= - 3", "`k`.`a_b` >= - ?", &[(15, integer("3"))]);
    }

    #[test]
    fn kinds_of_literals_make_different_outlines() {
        assert_ne!(outline("k = 1").unwrap().key, outline("k = '1'").unwrap().key);
    }

    #[test]
    fn what_readers_could_take_differently_has_no_outline() {
        for text in [
            "k = 1.5",
            "k = .5",
            "k = 1e3",
            "k = 0x41",
            "k = x'41'",
            "k = N'a'",
            "k = _latin1'a'",
            "k = 'it''s'",
            "k = 'a\\'b'",
            "k = 'a' 'b'",
            "k = 'é'",
            "k = \"a\"",
            "k = 1 -- x",
            "k = 1 # x",
            "k /* x */ = 1",
            "k = 1;",
            "k = ?",
            "k = @a",
            "k := 1",
            "a || b",
            "a && b",
            "!a",
            "`a``b`",
            "`a",
            "'a",
            "t.1",
            "1a",
            "é = 1",
        ] {
            assert_eq!(outline(text), None, "{text}");
        }
    }
}
