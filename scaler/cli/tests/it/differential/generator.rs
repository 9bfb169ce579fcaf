//! Random SELECTs over the tables of the suite, each told by its seed.
//!
//! Their answers are determined: a LIMIT comes with an ORDER BY over every column, and what is selected beside
//! aggregates is grouped by.

use std::fmt;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// A SELECT in parts that can be left out one by one.
#[derive(Clone, Debug)]
pub struct Query {
    cte: Option<Box<Query>>,
    distinct: bool,
    items: Vec<String>,
    from: String,
    joins: Vec<String>,
    conditions: Vec<String>,
    groups: Vec<String>,
    rollup: bool,
    having: Option<String>,
    union: Option<(&'static str, Box<Query>)>,
    is_ordered: bool,
    /// Rows and how many are skipped before them.
    limit: Option<(u32, u32)>,
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(cte) = &self.cte {
            write!(f, "WITH picked AS ({cte}) ")?;
        }
        let distinct = if self.distinct { "DISTINCT " } else { "" };
        write!(f, "SELECT {distinct}{} FROM {}", self.items.join(", "), self.from)?;
        self.joins.iter().try_for_each(|join| write!(f, " {join}"))?;
        if !self.conditions.is_empty() {
            write!(f, " WHERE {}", self.conditions.join(" AND "))?;
        }
        if !self.groups.is_empty() {
            write!(f, " GROUP BY {}", self.groups.join(", "))?;
        }
        if self.rollup {
            f.write_str(" WITH ROLLUP")?;
        }
        if let Some(having) = &self.having {
            write!(f, " HAVING {having}")?;
        }
        if let Some((operator, other)) = &self.union {
            write!(f, " {operator} {other}")?;
        }
        if self.is_ordered {
            let ordinals: Vec<String> = (1..=self.items.len()).map(|ordinal| ordinal.to_string()).collect();
            write!(f, " ORDER BY {}", ordinals.join(", "))?;
        }
        match self.limit {
            Some((rows, 0)) => write!(f, " LIMIT {rows}"),
            Some((rows, skipped)) => write!(f, " LIMIT {skipped}, {rows}"),
            None => Ok(()),
        }
    }
}

impl Query {
    /// The query with each part left out in turn.
    pub fn smaller(&self) -> Vec<Query> {
        let mut smaller = Vec::new();
        let mut without = |change: &dyn Fn(&mut Query)| {
            let mut query = self.clone();
            change(&mut query);
            if query.to_string() != self.to_string() {
                smaller.push(query);
            }
        };
        without(&|query| query.limit = None);
        without(&|query| query.union = None);
        without(&|query| query.having = None);
        without(&|query| query.rollup = false);
        without(&|query| query.distinct = false);
        without(&|query| (query.is_ordered, query.limit) = (false, None));
        for index in 0..self.joins.len() {
            without(&|query| drop(query.joins.remove(index)));
        }
        for index in 0..self.conditions.len() {
            without(&|query| drop(query.conditions.remove(index)));
        }
        if self.items.len() > 1 && self.union.is_none() {
            for index in 0..self.items.len() {
                without(&|query| drop(query.items.remove(index)));
            }
        }
        smaller
    }
}

/// A table with the columns that random queries name, by kind.
struct Table {
    name: &'static str,
    key: &'static str,
    numbers: &'static [&'static str],
    /// Equal values are byte-identical, so that one group has one representative.
    texts: &'static [&'static str],
    others: &'static [&'static str],
}

const TABLES: [Table; 6] = [
    Table {
        name: "users",
        key: "user_id",
        numbers: &["user_id", "age", "small", "big", "balance", "ratio", "score", "y"],
        texts: &["name", "code", "nick", "latin", "word", "country"],
        // Not `bits`: MariaDB calls it BIT or INT UNSIGNED by its execution plan.
        others: &["born", "seen", "changed", "alarm", "kind", "flags", "raw", "active"],
    },
    Table {
        name: "orders",
        key: "customer_id",
        numbers: &["customer_id", "order_id", "product_id", "amount", "quantity"],
        texts: &["status"],
        others: &["placed"],
    },
    Table { name: "tags", key: "user_id", numbers: &["user_id", "weight"], texts: &["tag"], others: &[] },
    Table { name: "events", key: "k", numbers: &["n", "v"], texts: &["k"], others: &["happened"] },
    Table {
        name: "products",
        key: "product_id",
        numbers: &["product_id", "price"],
        texts: &["title", "category"],
        others: &[],
    },
    Table { name: "vacant", key: "id", numbers: &["id", "v"], texts: &["t"], others: &[] },
];

/// The query of a seed; the same for all time as long as this file does not change.
pub fn query(seed: u64) -> Query {
    Generator { random: StdRng::seed_from_u64(seed) }.query(2)
}

struct Generator {
    random: StdRng,
}

impl Generator {
    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    fn one<T: Copy>(&mut self, choices: &[T]) -> T {
        *choices.choose(&mut self.random).expect("every list has entries")
    }

    fn query(&mut self, depth: u32) -> Query {
        let mut used = vec![(self.random.random_range(0..TABLES.len()), "a")];
        let mut joins = Vec::new();
        for alias in ["b", "c"] {
            if !self.chance(if alias == "b" { 40 } else { 30 }) || used.len() + 1 < usize::from(alias == "c") + 2 {
                continue;
            }
            let table = self.random.random_range(0..TABLES.len());
            joins.push(self.join(&used, table, alias));
            used.push((table, alias));
        }
        let from = match depth > 0 && joins.is_empty() && self.chance(8) {
            true => {
                let condition = self.condition(&used, 0);
                format!("(SELECT * FROM {} a WHERE {condition}) a", TABLES[used[0].0].name)
            }
            false => format!("{} a", TABLES[used[0].0].name),
        };
        let conditions = (0..self.random.random_range(0..3)).map(|_| self.condition(&used, depth)).collect();
        let is_grouped = self.chance(45);
        let groups: Vec<String> = if is_grouped {
            (0..self.random.random_range(0..3)).map(|_| self.scalar(&used)).collect()
        } else {
            Vec::new()
        };
        let mut items: Vec<String> = groups.clone();
        for _ in 0..self.random.random_range(1..4) {
            items.push(if is_grouped { self.aggregate(&used) } else { self.item(&used, depth) });
        }
        let having = (is_grouped && self.chance(25))
            .then(|| format!("{} > {}", self.aggregate(&used), self.random.random_range(-1..4)));
        let is_ordered = self.chance(50);
        let limit =
            (is_ordered && self.chance(50)).then(|| (self.random.random_range(0..12), self.random.random_range(0..4)));
        // MariaDB 10.11's own answer depends on the order of rows where DISTINCT meets ROLLUP.
        let has_distinct = items.iter().chain(&having).any(|part| part.contains("DISTINCT"));
        let rollup = !groups.is_empty() && !is_ordered && !has_distinct && self.chance(8);
        let union = (depth == 2 && !rollup && self.chance(10)).then(|| {
            let items = items.iter().map(|_| self.scalar(&used[..1])).collect();
            let other = Query {
                cte: None,
                distinct: false,
                items,
                from: format!("{} a", TABLES[used[0].0].name),
                joins: Vec::new(),
                conditions: vec![self.condition(&used[..1], 0)],
                groups: Vec::new(),
                rollup: false,
                having: None,
                union: None,
                is_ordered: false,
                limit: None,
            };
            (self.one(&["UNION", "UNION ALL"]), Box::new(other))
        });
        let cte = (depth == 2 && self.chance(6)).then(|| Box::new(self.query(0)));
        Query {
            cte,
            distinct: self.chance(12),
            items,
            from,
            joins,
            conditions,
            groups,
            rollup,
            having,
            union,
            is_ordered,
            limit,
        }
    }

    fn join(&mut self, used: &[(usize, &str)], table: usize, alias: &str) -> String {
        let (other, other_alias) = self.one(used);
        let kind = self.one(&["JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN"]);
        let (mine, theirs) = (&TABLES[table], &TABLES[other]);
        let (left, right) = match self.chance(70) {
            true => (mine.key, theirs.key),
            false => (self.one(mine.numbers), self.one(theirs.numbers)),
        };
        let mut on = format!("{alias}.{left} = {other_alias}.{right}");
        if self.chance(20) {
            on.push_str(&format!(" AND {}", self.condition(&[(table, alias)], 0)));
        }
        format!("{kind} {} {alias} ON {on}", mine.name)
    }

    fn column(&mut self, used: &[(usize, &str)]) -> String {
        let (table, alias) = self.one(used);
        let table = &TABLES[table];
        let column = match self.random.random_range(0..10) {
            0..5 => self.one(table.numbers),
            5..8 => self.one(table.texts),
            _ if table.others.is_empty() => table.key,
            _ => self.one(table.others),
        };
        format!("{alias}.{column}")
    }

    fn number(&mut self, used: &[(usize, &str)]) -> String {
        let (table, alias) = self.one(used);
        format!("{alias}.{}", self.one(TABLES[table].numbers))
    }

    fn text(&mut self, used: &[(usize, &str)]) -> String {
        let (table, alias) = self.one(used);
        format!("{alias}.{}", self.one(TABLES[table].texts))
    }

    /// An expression without aggregates or subqueries.
    fn scalar(&mut self, used: &[(usize, &str)]) -> String {
        let (column, number, text) = (self.column(used), self.number(used), self.text(used));
        match self.random.random_range(0..12) {
            0 => format!("COALESCE({number}, 0)"),
            1 => format!("{number} IS NULL"),
            2 => format!("LENGTH({text})"),
            3 => format!("LOWER({text})"),
            4 => format!("CASE WHEN {number} > 5 THEN 'many' WHEN {number} IS NULL THEN 'none' ELSE 'few' END"),
            5 => format!("IF({number} < 3, 1, 2)"),
            _ => column,
        }
    }

    fn item(&mut self, used: &[(usize, &str)], depth: u32) -> String {
        if depth > 0 && self.chance(10) {
            return self.scalar_subquery(used);
        }
        self.scalar(used)
    }

    /// Not AVG inside of an expression: there a server computes with the digits that it prints or with more, by its
    /// execution plan.
    fn aggregate(&mut self, used: &[(usize, &str)]) -> String {
        let (column, number) = (self.column(used), self.number(used));
        match self.random.random_range(0..14) {
            0..3 => "COUNT(*)".to_owned(),
            3 => format!("COUNT({column})"),
            4 | 5 => format!("SUM({number})"),
            6 => format!("MIN({column})"),
            7 => format!("MAX({column})"),
            8 => format!("AVG({number})"),
            9 => format!("COUNT(DISTINCT {column})"),
            10 => format!("SUM(DISTINCT {number})"),
            11 => format!("COUNT(*) + COALESCE(SUM({number}), 0)"),
            12 => format!("MAX({number}) - MIN({number})"),
            _ => format!("SUM({number} IS NULL)"),
        }
    }

    fn scalar_subquery(&mut self, used: &[(usize, &str)]) -> String {
        let table = self.random.random_range(0..TABLES.len());
        let inner = [(table, "s")];
        let aggregate = self.aggregate(&inner);
        let (outer, alias) = self.one(used);
        let link = format!("s.{} = {alias}.{}", TABLES[table].key, TABLES[outer].key);
        format!("(SELECT {aggregate} FROM {} s WHERE {link})", TABLES[table].name)
    }

    fn condition(&mut self, used: &[(usize, &str)], depth: u32) -> String {
        let (number, other, text, column) = (self.number(used), self.number(used), self.text(used), self.column(used));
        let (low, high) = (self.random.random_range(-2..20), self.random.random_range(5..200));
        let (table, alias) = self.one(used);
        let key = format!("{alias}.{}", TABLES[table].key);
        match self.random.random_range(0..if depth > 0 { 17 } else { 14 }) {
            0 => format!("{key} = {low}"),
            1 => format!("{key} IN ({low}, {high}, 7, 12)"),
            2 => format!("{number} > {low}"),
            3 => format!("{number} BETWEEN {low} AND {high}"),
            4 => format!("{column} IS NOT NULL"),
            5 => format!("({number} < {high} OR {other} IS NULL)"),
            6 => format!("{text} LIKE '%a%'"),
            7 => format!("{text} > 'c'"),
            8 => format!("NOT {number} <=> {low}"),
            9 => format!("{number} <> {other}"),
            10 => format!("{number} % 2 = 0"),
            11 => format!("{text} IN ('ann', 'DE', 'paid', 'x', 'US')"),
            12 => format!("({key} = {low} OR {key} = {high})"),
            13 => format!("{key} <> {low}"),
            kind => {
                let table = self.random.random_range(0..TABLES.len());
                let inner = self.condition(&[(table, "s")], 0);
                let (name, link) = (TABLES[table].name, TABLES[table].key);
                match kind {
                    14 => format!("EXISTS (SELECT 1 FROM {name} s WHERE s.{link} = {key} AND {inner})"),
                    15 => format!("{key} IN (SELECT s.{link} FROM {name} s WHERE {inner})"),
                    _ => format!("NOT EXISTS (SELECT 1 FROM {name} s WHERE s.{link} = {key})"),
                }
            }
        }
    }
}
