//! Where a condition can be added to an UPDATE or a DELETE.

use std::ops::Range;

use sqlparser::ast::Statement;
use sqlparser::tokenizer::Token;

use crate::sql::read::source::Sql;

/// Byte ranges into [`Sql::text`].
#[derive(Debug, PartialEq, Eq)]
pub struct ChangeText {
    /// The condition of WHERE, without the word.
    pub condition: Option<Range<usize>>,
    /// Where WHERE stands, or would stand.
    pub end: usize,
}

/// `None` where the tokens do not agree with the tree.
pub fn change_text(sql: &Sql) -> Option<ChangeText> {
    let has_condition = match &sql.statement {
        Ok(Statement::Update(update)) => update.selection.is_some(),
        Ok(Statement::Delete(delete)) => delete.selection.is_some(),
        _ => return None,
    };
    let after_period = |i: usize| i > 0 && sql.is_token(i - 1, &Token::Period);
    let top = |i: &usize| sql.tokens[*i].depth == 0 && !after_period(*i);
    let indices = || (0..sql.tokens.len()).filter(top);
    let where_ = indices().find(|&i| sql.is_word(i, "WHERE"));
    let is_rest = |&i: &usize| {
        sql.are_words(i, &["ORDER", "BY"]) && !(i > 0 && sql.is_word(i - 1, "FOR"))
            || sql.is_word(i, "LIMIT")
            || sql.is_word(i, "RETURNING")
    };
    let end = indices().filter(|&i| where_.is_none_or(|where_| i > where_)).find(is_rest).unwrap_or(sql.tokens.len());
    let end_byte = sql.tokens.get(end.checked_sub(1)?)?.range.end;
    let condition = match where_ {
        Some(where_) => Some(sql.tokens.get(where_ + 1)?.range.start..end_byte),
        None => None,
    };
    (condition.is_some() == has_condition).then_some(ChangeText { condition, end: end_byte })
}

impl ChangeText {
    /// The statement, for those rows only that also meet `filter`.
    pub fn with(&self, sql: &Sql, filter: &str) -> String {
        match &self.condition {
            Some(condition) => {
                let (before, after) = (&sql.text[..condition.start], &sql.text[condition.end..]);
                // It may end in a comment.
                format!("{before}({}\n) AND {filter}{after}", sql.slice(condition.clone()))
            }
            None => format!("{} WHERE {filter}{}", &sql.text[..self.end], &sql.text[self.end..]),
        }
    }
}

/// What an UPDATE or DELETE reads, as a SELECT: its tables, its condition, and the values that it assigns.
pub fn change_as_select(sql: &Sql) -> Option<Sql> {
    let at_top = |i: &usize| sql.tokens[*i].depth == 0;
    let find = |word: &str, from: usize| (from..sql.tokens.len()).filter(at_top).find(|&i| sql.is_word(i, word));
    let slice = |begin: usize, end: usize| {
        let tokens = sql.tokens.get(begin..end).filter(|tokens| !tokens.is_empty())?;
        Some(sql.slice(tokens[0].range.start..tokens[tokens.len() - 1].range.end))
    };
    let condition = change_text(sql)?.condition.map(|range| sql.slice(range));
    let end =
        find("WHERE", 0).or_else(|| find("ORDER", 0)).or_else(|| find("RETURNING", 0)).unwrap_or(sql.tokens.len());
    let (values, from) = match &sql.statement {
        Ok(Statement::Update(_)) => {
            let set = find("SET", 1)?;
            let first = (1..set).find(|&i| !sql.is_word(i, "LOW_PRIORITY") && !sql.is_word(i, "IGNORE"))?;
            let values = super::rows::assigned_values(sql, set + 1, end)?;
            let values: Vec<String> = values.into_iter().map(|range| format!("({})", sql.slice(range))).collect();
            (values.join(", "), slice(first, set)?)
        }
        Ok(Statement::Delete(_)) => ("1".to_owned(), slice(find("FROM", 1)? + 1, end)?),
        _ => return None,
    };
    let where_ = condition.map_or(String::new(), |condition| format!("\nWHERE {condition}"));
    crate::sql::read::read(&format!("SELECT {values} FROM {from}{where_}"), &[]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::read::read;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let sql = read(text, &[]).unwrap();
        assert_eq!(change_text(&sql).unwrap().with(&sql, "F"), expected);
    }

    #[test]
    fn a_condition_is_added() {
        check("UPDATE t SET a = 1", "UPDATE t SET a = 1 WHERE F");
        check("UPDATE t SET a = 1 WHERE b OR c ORDER BY d", "UPDATE t SET a = 1 WHERE (b OR c\n) AND F ORDER BY d");
        check("DELETE FROM t ORDER BY a", "DELETE FROM t WHERE F ORDER BY a");
        check(
            "DELETE FROM t WHERE a IN (SELECT b FROM u WHERE c) -- x",
            "DELETE FROM t WHERE (a IN (SELECT b FROM u WHERE c)\n) AND F -- x",
        );
        check("DELETE FROM t WHERE t.limit = 1 RETURNING a", "DELETE FROM t WHERE (t.limit = 1\n) AND F RETURNING a");
    }
}
