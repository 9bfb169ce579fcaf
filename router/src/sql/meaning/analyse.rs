//! From a parsed statement to what the planner needs to know of it.

use keyspace::keys::KeyLiteral;
use sqlparser::ast::{
    self, AssignmentTarget, Expr, FromTable, ObjectName, OnInsert, SetExpr, TableObject, TableWithJoins,
};

use crate::sql::ddl;
use crate::sql::meaning::key_literal::literal_of;
use crate::sql::meaning::scopes::{add_conjuncts, add_joined, collect, column_of, table_name};
use crate::sql::meaning::shape::{select_list, shape};
use crate::sql::meaning::statement::{
    Assignment, Change, ColumnRef, Insert, InsertCell, InsertRows, Opaque, Read, Scope, Statement, Update,
};
use crate::sql::meaning::{inspect, leftovers, plain_rows};
use crate::sql::read::error::Unsupported;
use crate::sql::read::head::Head;
use crate::sql::read::source::Sql;

/// Classifies a statement; refuses what no number of shards makes possible without a session.
pub fn analyse(sql: &Sql) -> Result<Statement, Unsupported> {
    leftovers::refuse(sql)?;
    let opaque = |writes, why| Ok(Statement::Opaque(Opaque { writes, why }));
    match sql.head() {
        Head::Session(what) => Err(Unsupported::with_hint(
            format!("{what} without a session"),
            "send the header X-Session-Id: statements of one name are one session",
        )),
        Head::Other(word) => Err(Unsupported::new(word)),
        Head::Select | Head::With | Head::Values | Head::Table => match &sql.statement {
            Ok(ast::Statement::Query(query)) => read(sql, query).map(Statement::Read).or_else(|why| opaque(false, why)),
            other => opaque(false, not_understood(other)),
        },
        Head::Insert | Head::Replace => match &sql.statement {
            Ok(ast::Statement::Insert(tree)) => {
                insert(sql, tree).map(Statement::Insert).or_else(|why| opaque(true, why))
            }
            other => opaque(true, not_understood(other)),
        },
        Head::Update => match &sql.statement {
            Ok(ast::Statement::Update(tree)) => update(tree).map(Statement::Change).or_else(|why| opaque(true, why)),
            other => opaque(true, not_understood(other)),
        },
        Head::Delete => match &sql.statement {
            Ok(ast::Statement::Delete(tree)) => delete(tree).map(Statement::Change).or_else(|why| opaque(true, why)),
            other => opaque(true, not_understood(other)),
        },
        Head::CreateTable
        | Head::AlterTable
        | Head::DropTable
        | Head::CreateIndex
        | Head::DropIndex
        | Head::RenameTable
        | Head::Truncate
        | Head::CreateView
        | Head::AlterView
        | Head::DropView => Ok(ddl::define(sql).map_or_else(Statement::Unread, Statement::Define)),
        Head::Show => inspect::show(sql).map(Statement::Inspect),
        Head::Describe => inspect::describe(sql).map(Statement::Inspect),
        Head::Explain => explain(sql),
    }
}

fn explain(sql: &Sql) -> Result<Statement, Unsupported> {
    let begin = sql.tokens[inspect::explained(sql)?].range.start;
    let explained =
        crate::sql::read::read(&sql.text[begin..], &[]).map_err(|error| Unsupported::new(error.to_string()))?;
    let statement = analyse(&explained)?;
    Ok(Statement::Explain(Box::new((explained, statement))))
}

fn not_understood(statement: &Result<ast::Statement, String>) -> Unsupported {
    match statement {
        Ok(_) => Unsupported::new("this kind of statement"),
        Err(message) => Unsupported::new(format!("this statement ({message})")),
    }
}

fn read(sql: &Sql, query: &ast::Query) -> Result<Read, Unsupported> {
    let scopes = collect(query, None)?;
    let list = select_list(sql, query);
    let shape = match sql.lock_in_share_mode {
        true => Err(Unsupported::new("a locking SELECT")),
        false => shape(sql, query, list.as_ref()),
    };
    Ok(Read { scopes, shape, list })
}

fn insert(sql: &Sql, tree: &ast::Insert) -> Result<Insert, Unsupported> {
    let TableObject::TableName(name) = &tree.table else {
        return Err(Unsupported::new("INSERT into something that is not a table"));
    };
    if tree.partitioned.is_some() || !tree.after_columns.is_empty() || tree.overwrite {
        return Err(Unsupported::new("this form of INSERT"));
    }
    let table = table_name(name)?;
    // The table itself is visited as a relation; what it stands in is an own scope without conditions.
    let own = Scope {
        tables: vec![crate::sql::meaning::statement::TableUse { alias: table.name.clone(), table: table.clone() }],
        ..Scope::default()
    };
    let mut scopes = collect(tree, Some(own))?;
    scopes.remove(0);
    for scope in &mut scopes {
        scope.parent = scope.parent.and_then(|parent| parent.checked_sub(1));
    }
    let updates = match &tree.on {
        None => Vec::new(),
        Some(OnInsert::DuplicateKeyUpdate(assignments)) => {
            let columns = assigned(assignments)?.into_iter().map(|(name, _)| name);
            let update = |(column, assignment): (String, &ast::Assignment)| {
                let own = [format!("VALUES({column})"), format!("VALUES(`{column}`)")];
                let written = assignment.value.to_string();
                let is_own_value = own.iter().any(|own| own.eq_ignore_ascii_case(&written));
                Update { column, is_own_value }
            };
            columns.zip(assignments).map(update).collect()
        }
        Some(_) => return Err(Unsupported::new("ON CONFLICT")),
    };
    let (columns, rows) = match (&tree.source, &tree.assignments[..]) {
        (Some(source), []) => {
            let columns = tree.columns.iter().map(column_name).collect::<Result<Vec<String>, _>>()?;
            (columns, insert_rows(sql, source))
        }
        (None, assignments) if !assignments.is_empty() => {
            let pairs = assigned(assignments)?;
            let cells = assignments.iter().map(|assignment| cell(&assignment.value)).collect();
            (pairs.into_iter().map(|(name, _)| name).collect(), InsertRows::Values(vec![cells]))
        }
        // `INSERT INTO t () VALUES ()` and the like: every column takes its default.
        _ => (Vec::new(), InsertRows::Values(vec![Vec::new()])),
    };
    let keeps_duplicates = tree.replace_into || tree.ignore;
    Ok(Insert { table, columns, rows, updates, keeps_duplicates, ignores: tree.ignore, scopes })
}

fn insert_rows(sql: &Sql, source: &ast::Query) -> InsertRows {
    match &*source.body {
        SetExpr::Values(values) => {
            let parsed = values.rows.iter().map(|row| row.iter().map(cell).collect());
            InsertRows::Values(parsed.chain(plain_rows::cells(sql)).collect())
        }
        _ => InsertRows::Query,
    }
}

fn cell(expr: &Expr) -> InsertCell {
    match expr {
        Expr::Identifier(name) if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("default") => {
            InsertCell::Default
        }
        _ => InsertCell::Literal(literal_of(expr)),
    }
}

fn update(tree: &ast::Update) -> Result<Change, Unsupported> {
    if tree.from.is_some() {
        return Err(Unsupported::new("UPDATE … FROM"));
    }
    let scopes = change_scopes(tree, std::slice::from_ref(&tree.table), tree.selection.as_ref())?;
    let assignment = |assignment: &ast::Assignment| {
        let AssignmentTarget::ColumnName(name) = &assignment.target else {
            return Err(Unsupported::new("a tuple assignment"));
        };
        let parts: Option<Vec<ast::Ident>> = name.0.iter().map(|part| part.as_ident().cloned()).collect();
        let column = match parts.as_deref() {
            Some([one]) => Some(ColumnRef { qualifier: None, name: one.value.clone() }),
            Some(parts) => column_of(&Expr::CompoundIdentifier(parts.to_vec())),
            None => None,
        };
        let column = column.ok_or_else(|| Unsupported::new(format!("the name `{name}`")))?;
        Ok(Assignment { column, value: literal_of(&assignment.value), text: assignment.value.to_string() })
    };
    let assignments = tree.assignments.iter().map(assignment).collect::<Result<_, _>>()?;
    Ok(Change { scopes, assignments, deleted: Vec::new(), has_limit: tree.limit.is_some() })
}

fn delete(tree: &ast::Delete) -> Result<Change, Unsupported> {
    if tree.using.is_some() {
        return Err(Unsupported::with_hint("DELETE … USING", "write DELETE tables FROM …"));
    }
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &tree.from;
    Ok(Change {
        scopes: change_scopes(tree, from, tree.selection.as_ref())?,
        assignments: Vec::new(),
        deleted: tree.tables.iter().map(|name| Ok(table_name(name)?.name)).collect::<Result<_, Unsupported>>()?,
        has_limit: tree.limit.is_some(),
    })
}

fn change_scopes(
    tree: &impl ast::Visit,
    from: &[TableWithJoins],
    selection: Option<&Expr>,
) -> Result<Vec<Scope>, Unsupported> {
    let mut own = Scope::default();
    for joined in from {
        add_joined(&mut own, joined)?;
    }
    if own.tables.is_empty() {
        return Err(Unsupported::new("a change of something that is not a table"));
    }
    if let Some(selection) = selection {
        add_conjuncts(&mut own, selection, None);
    }
    collect(tree, Some(own))
}

fn assigned(assignments: &[ast::Assignment]) -> Result<Vec<(String, KeyLiteral)>, Unsupported> {
    let pair = |assignment: &ast::Assignment| match &assignment.target {
        AssignmentTarget::ColumnName(name) => Ok((column_name(name)?, literal_of(&assignment.value))),
        AssignmentTarget::Tuple(_) => Err(Unsupported::new("a tuple assignment")),
    };
    assignments.iter().map(pair).collect()
}

/// The column of `column`, `table.column` or `schema.table.column`.
fn column_name(name: &ObjectName) -> Result<String, Unsupported> {
    let last = name.0.last().and_then(|part| part.as_ident()).map(|ident| ident.value.clone());
    last.ok_or_else(|| Unsupported::new(format!("the name `{name}`")))
}
