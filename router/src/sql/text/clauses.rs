//! Where the clauses of a plain SELECT lie in its text, so that a rewrite can splice the client's own words.
//!
//! sqlparser's spans are incomplete and its printer changes column labels, so the map is drawn from the tokens and
//! then held against the tree: where they differ there is no map.

use std::ops::Range;

use sqlparser::ast::{GroupByExpr, OrderByKind, Query, Select, SetExpr, Statement};
use sqlparser::tokenizer::Token;

use crate::sql::read::source::Sql;

/// Byte ranges into [`Sql::text`], without the clauses' own keywords.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SelectClauses {
    /// Each with its alias.
    pub items: Vec<Range<usize>>,
    /// `DISTINCT`, `SQL_NO_CACHE`, … between SELECT and the first item; empty, at the first item, if there are none.
    pub modifiers: Range<usize>,
    pub from: Option<Range<usize>>,
    pub where_: Option<Range<usize>>,
    pub group_by: Vec<Range<usize>>,
    pub having: Option<Range<usize>>,
    /// Each with its ASC or DESC.
    pub order_by: Vec<Range<usize>>,
    /// What follows LIMIT, both numbers.
    pub limit: Option<Range<usize>>,
    /// All of `FOR UPDATE …`, `FOR SHARE …` or `LOCK IN SHARE MODE`, keywords included.
    pub lock: Option<Range<usize>>,
}

/// The clauses of a plain SELECT; `None` for anything else (UNION, WITH, parentheses around it, INTO, WINDOW,
/// WITH ROLLUP) and wherever the tokens do not agree with the tree.
pub fn select_clauses(sql: &Sql) -> Option<SelectClauses> {
    let Ok(Statement::Query(query)) = &sql.statement else {
        return None;
    };
    let SetExpr::Select(select) = query.body.as_ref() else {
        return None;
    };
    if !is_plain(query, select) || !sql.is_word(0, "SELECT") {
        return None;
    }
    let clauses = from_tokens(sql)?;
    agrees(&clauses, query, select, sql.lock_in_share_mode).then_some(clauses)
}

fn is_plain(query: &Query, select: &Select) -> bool {
    query.with.is_none()
        && query.fetch.is_none()
        && query.for_clause.is_none()
        && query.settings.is_none()
        && query.format_clause.is_none()
        && query.pipe_operators.is_empty()
        && select.into.is_none()
        && select.named_window.is_empty()
        && select.qualify.is_none()
        && select.lateral_views.is_empty()
        && select.prewhere.is_none()
        && select.connect_by.is_empty()
        && select.cluster_by.is_empty()
        && select.distribute_by.is_empty()
        && select.sort_by.is_empty()
        && select.top.is_none()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Clause {
    Items,
    From,
    Where,
    GroupBy,
    Having,
    OrderBy,
    Limit,
    Lock,
}

/// A clause's start: its keywords are `words` tokens.
fn clause_at(sql: &Sql, i: usize) -> Option<(Clause, usize)> {
    // After a period any word is a column's name.
    if i > 0 && sql.is_token(i - 1, &Token::Period) {
        return None;
    }
    let found = |words: &[&str]| sql.are_words(i, words);
    // USE INDEX FOR ORDER BY (…) is part of FROM.
    let in_index_hint = i > 0 && sql.is_word(i - 1, "FOR");
    if found(&["FROM"]) {
        Some((Clause::From, 1))
    } else if found(&["WHERE"]) {
        Some((Clause::Where, 1))
    } else if found(&["GROUP", "BY"]) && !in_index_hint {
        Some((Clause::GroupBy, 2))
    } else if found(&["HAVING"]) {
        Some((Clause::Having, 1))
    } else if found(&["ORDER", "BY"]) && !in_index_hint {
        Some((Clause::OrderBy, 2))
    } else if found(&["LIMIT"]) {
        Some((Clause::Limit, 1))
    } else if found(&["FOR", "UPDATE"]) || found(&["FOR", "SHARE"]) || found(&["LOCK", "IN", "SHARE", "MODE"]) {
        Some((Clause::Lock, 0))
    } else {
        None
    }
}

fn from_tokens(sql: &Sql) -> Option<SelectClauses> {
    let first_item = 1 + (1..).take_while(|i| is_modifier(sql, *i)).count();
    let first_start = sql.tokens.get(first_item)?.range.start;
    let mut clauses = SelectClauses {
        modifiers: span(sql, 1, first_item).unwrap_or(first_start..first_start),
        ..SelectClauses::default()
    };
    let mut clause = Clause::Items;
    let mut begin = first_item;
    let mut i = first_item;
    while i < sql.tokens.len() {
        let next = if sql.tokens[i].depth == 0 { clause_at(sql, i) } else { None };
        if let Some((next, words)) = next {
            if next <= clause {
                return None;
            }
            clauses.set(clause, sql, begin, i)?;
            clause = next;
            begin = i + words;
            i += words.max(1);
        } else {
            i += 1;
        }
    }
    clauses.set(clause, sql, begin, sql.tokens.len())?;
    Some(clauses)
}

fn is_modifier(sql: &Sql, i: usize) -> bool {
    const MODIFIERS: [&str; 11] = [
        "ALL",
        "DISTINCT",
        "DISTINCTROW",
        "HIGH_PRIORITY",
        "STRAIGHT_JOIN",
        "SQL_SMALL_RESULT",
        "SQL_BIG_RESULT",
        "SQL_BUFFER_RESULT",
        "SQL_CACHE",
        "SQL_NO_CACHE",
        "SQL_CALC_FOUND_ROWS",
    ];
    MODIFIERS.iter().any(|modifier| sql.is_word(i, modifier))
}

impl SelectClauses {
    /// Records tokens `begin..end` as the content of `clause`; `None` if it is empty.
    fn set(&mut self, clause: Clause, sql: &Sql, begin: usize, end: usize) -> Option<()> {
        let whole = span(sql, begin, end)?;
        match clause {
            Clause::Items => self.items = list(sql, begin, end)?,
            Clause::From => self.from = Some(whole),
            Clause::Where => self.where_ = Some(whole),
            Clause::GroupBy => self.group_by = list(sql, begin, end)?,
            Clause::Having => self.having = Some(whole),
            Clause::OrderBy => self.order_by = list(sql, begin, end)?,
            Clause::Limit => self.limit = Some(whole),
            Clause::Lock => self.lock = Some(whole),
        }
        Some(())
    }
}

/// The bytes of tokens `begin..end`; `None` if there are none.
fn span(sql: &Sql, begin: usize, end: usize) -> Option<Range<usize>> {
    let tokens = sql.tokens.get(begin..end)?;
    Some(tokens.first()?.range.start..tokens.last()?.range.end)
}

/// The parts of tokens `begin..end` between commas outside of parentheses; `None` if one is empty.
fn list(sql: &Sql, begin: usize, end: usize) -> Option<Vec<Range<usize>>> {
    let mut parts = Vec::new();
    let mut start = begin;
    for i in begin..end {
        if sql.tokens[i].depth == 0 && sql.is_token(i, &Token::Comma) {
            parts.push(span(sql, start, i)?);
            start = i + 1;
        }
    }
    parts.push(span(sql, start, end)?);
    Some(parts)
}

fn agrees(clauses: &SelectClauses, query: &Query, select: &Select, lock_in_share_mode: bool) -> bool {
    let GroupByExpr::Expressions(group_by, group_modifiers) = &select.group_by else {
        return false;
    };
    let order_by = match query.order_by.as_ref().map(|order_by| &order_by.kind) {
        None => 0,
        Some(OrderByKind::Expressions(expressions)) => expressions.len(),
        Some(OrderByKind::All(_)) => return false,
    };
    group_modifiers.is_empty()
        && clauses.items.len() == select.projection.len()
        && clauses.from.is_some() != select.from.is_empty()
        && clauses.where_.is_some() == select.selection.is_some()
        && clauses.group_by.len() == group_by.len()
        && clauses.having.is_some() == select.having.is_some()
        && clauses.order_by.len() == order_by
        && clauses.limit.is_some() == query.limit_clause.is_some()
        && clauses.lock.is_some() == (lock_in_share_mode || !query.locks.is_empty())
}
