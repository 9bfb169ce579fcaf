//! DDL and SHOW at token level: they are sent as written, so only the names in them matter.

use sqlparser::ast::{
    self, AlterTableOperation, ColumnOption, ForeignKeyConstraint, PrimaryKeyConstraint, TableConstraint,
    UniqueConstraint,
};
use sqlparser::tokenizer::Token;

use super::Sql;
use super::analyse::{column_name, named_table};
use super::statement::{Define, DefineKind, ForeignKey, TableName, Unsupported};

/// Reads what a DDL statement does to which tables.
pub(super) fn define(sql: &Sql, kind: DefineKind) -> Result<Define, Unsupported> {
    let words = Words::of(sql);
    if words.has("TEMPORARY") {
        return Err(Unsupported::with_hint("temporary tables without a session", "use an ordinary table"));
    }
    let first_table = match kind {
        DefineKind::CreateTable | DefineKind::AlterTable | DefineKind::DropTable => words.after("TABLE"),
        DefineKind::CreateIndex | DefineKind::DropIndex => words.after("ON"),
        DefineKind::Other => words.after("TABLE").or_else(|| words.after("VIEW")).or(Some(1)),
    };
    let first_table = first_table.ok_or_else(|| Unsupported::new("this form of DDL"))?;
    let tables = match kind {
        DefineKind::DropTable => words.name_list(first_table),
        _ => words.name(first_table).map(|(table, _)| vec![table]),
    };
    let tables = tables.ok_or_else(|| Unsupported::new("this form of DDL"))?;
    Ok(Define {
        kind,
        tables,
        created_columns: created_columns(sql)?,
        reads_rows: kind == DefineKind::CreateTable && words.has("SELECT"),
        unique_indexes: unique_indexes(sql),
        foreign_keys: foreign_keys(sql),
        created_index: created_index(sql),
        altered_columns: if kind == DefineKind::AlterTable { words.altered_columns() } else { Vec::new() },
        renames_table: words.at(0, "RENAME") || (kind == DefineKind::AlterTable && words.renames_table()),
    })
}

fn created_columns(sql: &Sql) -> Result<Vec<(String, String)>, Unsupported> {
    match &sql.statement {
        Ok(ast::Statement::CreateTable(table)) => {
            // The name is checked for its form only.
            named_table(&table.name)?;
            let name = |column: &ast::ColumnDef| column_name(&ast::ObjectName::from(vec![column.name.clone()]));
            table.columns.iter().map(|column| Ok((name(column)?, column.data_type.to_string()))).collect()
        }
        _ => Ok(Vec::new()),
    }
}

/// Constraints of CREATE TABLE and ALTER TABLE, those of single columns written as constraints of the table.
fn constraints(sql: &Sql) -> Vec<TableConstraint> {
    match &sql.statement {
        Ok(ast::Statement::CreateTable(table)) => {
            let of_columns = table.columns.iter().flat_map(|column| {
                column.options.iter().filter_map(|option| match &option.option {
                    ColumnOption::PrimaryKey(key) => Some(TableConstraint::PrimaryKey(PrimaryKeyConstraint {
                        columns: vec![column.name.clone().into()],
                        ..key.clone()
                    })),
                    ColumnOption::Unique(unique) => Some(TableConstraint::Unique(UniqueConstraint {
                        columns: vec![column.name.clone().into()],
                        ..unique.clone()
                    })),
                    ColumnOption::ForeignKey(key) => Some(TableConstraint::ForeignKey(ForeignKeyConstraint {
                        columns: vec![column.name.clone()],
                        ..key.clone()
                    })),
                    _ => None,
                })
            });
            table.constraints.iter().cloned().chain(of_columns).collect()
        }
        Ok(ast::Statement::AlterTable(alter)) => {
            let added = alter.operations.iter().filter_map(|operation| match operation {
                AlterTableOperation::AddConstraint { constraint, .. } => Some(constraint.clone()),
                _ => None,
            });
            added.collect()
        }
        _ => Vec::new(),
    }
}

/// The columns of each unique index; an expression has no name.
fn unique_indexes(sql: &Sql) -> Vec<Vec<String>> {
    let names = |columns: &[ast::IndexColumn]| columns.iter().map(|column| name_of(&column.column.expr)).collect();
    if let Ok(ast::Statement::CreateIndex(index)) = &sql.statement {
        return if index.unique { vec![names(&index.columns)] } else { Vec::new() };
    }
    let columns = |constraint: TableConstraint| match constraint {
        TableConstraint::PrimaryKey(key) => Some(names(&key.columns)),
        TableConstraint::Unique(unique) => Some(names(&unique.columns)),
        _ => None,
    };
    constraints(sql).into_iter().filter_map(columns).collect()
}

fn name_of(expr: &ast::Expr) -> String {
    match expr {
        ast::Expr::Identifier(name) => name.value.clone(),
        _ => String::new(),
    }
}

fn foreign_keys(sql: &Sql) -> Vec<ForeignKey> {
    let names = |names: &[ast::Ident]| names.iter().map(|name| name.value.clone()).collect();
    let key = |constraint: TableConstraint| match constraint {
        TableConstraint::ForeignKey(key) => Some(ForeignKey {
            columns: names(&key.columns),
            table: named_table(&key.foreign_table).ok()?.name,
            referred: names(&key.referred_columns),
        }),
        _ => None,
    };
    constraints(sql).into_iter().filter_map(key).collect()
}

fn created_index(sql: &Sql) -> Option<String> {
    match &sql.statement {
        Ok(ast::Statement::CreateIndex(index)) if !index.if_not_exists => index.name.as_ref().map(ToString::to_string),
        _ => None,
    }
}

enum Word {
    /// Upper-cased.
    Bare(String),
    Quoted(String),
    Mark(char),
    Rest,
}

/// The statement's tokens as words.
struct Words<'a>(Vec<Word>, Vec<&'a str>);

impl<'a> Words<'a> {
    fn of(sql: &'a Sql) -> Words<'a> {
        let word = |token: &Token| match token {
            Token::Word(word) if word.quote_style.is_none() => Word::Bare(word.value.to_uppercase()),
            Token::Word(word) => Word::Quoted(word.value.clone()),
            Token::Comma => Word::Mark(','),
            Token::Period => Word::Mark('.'),
            Token::LParen => Word::Mark('('),
            _ => Word::Rest,
        };
        Words(
            sql.tokens.iter().map(|lexeme| word(&lexeme.token)).collect(),
            sql.tokens.iter().map(|lexeme| &sql.text[lexeme.range.clone()]).collect(),
        )
    }

    fn at(&self, index: usize, expected: &str) -> bool {
        matches!(self.0.get(index), Some(Word::Bare(word)) if word == expected)
    }

    fn has(&self, expected: &str) -> bool {
        (0..self.0.len()).any(|index| self.at(index, expected))
    }

    /// The position of the name after the first `keyword`, past `IF [NOT] EXISTS`.
    fn after(&self, keyword: &str) -> Option<usize> {
        let mut index = (0..self.0.len()).find(|&index| self.at(index, keyword))? + 1;
        for word in ["IF", "NOT", "EXISTS"] {
            index += usize::from(self.at(index, word));
        }
        Some(index)
    }

    fn identifier(&self, index: usize) -> Option<String> {
        match self.0.get(index)? {
            Word::Bare(_) => Some(self.1[index].to_owned()),
            Word::Quoted(name) => Some(name.clone()),
            Word::Mark(_) | Word::Rest => None,
        }
    }

    /// `table` or `schema.table` at a position, and where it ends.
    fn name(&self, index: usize) -> Option<(TableName, usize)> {
        let first = self.identifier(index)?;
        match self.0.get(index + 1) {
            Some(Word::Mark('.')) => {
                let name = self.identifier(index + 2)?;
                Some((TableName { schema: Some(first), name }, index + 3))
            }
            _ => Some((TableName { schema: None, name: first }, index + 1)),
        }
    }

    fn name_list(&self, mut index: usize) -> Option<Vec<TableName>> {
        let mut tables = Vec::new();
        loop {
            let (table, end) = self.name(index)?;
            tables.push(table);
            match self.0.get(end) {
                Some(Word::Mark(',')) => index = end + 1,
                _ => return Some(tables),
            }
        }
    }

    fn altered_columns(&self) -> Vec<String> {
        let mut columns = Vec::new();
        for index in 0..self.0.len() {
            let alters = ["DROP", "MODIFY", "CHANGE", "ALTER"].iter().any(|verb| self.at(index, verb));
            if alters || (self.at(index, "RENAME") && self.at(index + 1, "COLUMN")) {
                let mut name = index + 1;
                for word in ["COLUMN", "IF", "EXISTS"] {
                    name += usize::from(self.at(name, word));
                }
                columns.extend(self.identifier(name));
            }
        }
        columns
    }

    fn renames_table(&self) -> bool {
        let within = ["COLUMN", "INDEX", "KEY", "CONSTRAINT"];
        (0..self.0.len()).any(|i| self.at(i, "RENAME") && !within.iter().any(|word| self.at(i + 1, word)))
    }
}
