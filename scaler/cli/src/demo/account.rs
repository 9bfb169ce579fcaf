//! What the tables must hold, kept by those who write, and what one database would answer.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

/// Money as a DECIMAL with two digits after the point holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cents(pub i64);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub country: &'static str,
    pub balance: Cents,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub amount: Cents,
    pub created_at: &'static str,
}

/// Customer and order id, the primary key of `orders`.
pub type OrderKey = (i64, i64);

/// Every row that was acknowledged, as the last acknowledged statement left it.
#[derive(Clone, Debug, Default)]
pub struct Account {
    pub users: BTreeMap<i64, User>,
    pub orders: BTreeMap<OrderKey, Order>,
}

/// One row of an answer, each cell as text.
pub type Row = Vec<String>;

/// A statement with what one database that holds the account's rows would answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub sql: String,
    pub expected: Vec<Row>,
}

pub const COUNTRIES: [&str; 5] = ["AT", "BR", "CA", "DE", "JP"];

/// Few values, so that groups by them have rows on every shard.
pub const MOMENTS: [&str; 4] =
    ["2024-02-29 23:59:59", "2024-05-01 08:30:00", "2025-01-01 00:00:00", "2025-11-25 12:15:45"];

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", magnitude / 100, magnitude % 100)
    }
}

impl Account {
    pub fn row_count(&self) -> usize {
        self.users.len() + self.orders.len()
    }

    /// Every customer that has a row in any table.
    pub fn customers(&self) -> Vec<i64> {
        let mut customers: Vec<i64> = self.users.keys().copied().collect();
        customers.extend(self.orders.keys().map(|(customer, _)| *customer));
        customers.sort_unstable();
        customers.dedup();
        customers
    }

    /// Questions that rows of every shard have a part in.
    pub fn scatter_questions(&self) -> Vec<Question> {
        vec![
            self.counts(),
            question("SELECT SUM(balance) AS total FROM users", vec![vec![self.total_balance()]]),
            self.by_country(),
            self.by_moment(),
            self.richest(10),
            self.largest_orders(5, 3),
        ]
    }

    /// Every row of both tables, in the order of their keys.
    pub fn full_questions(&self) -> [Question; 2] {
        let users = self.users.iter().map(|(id, user)| {
            vec![id.to_string(), user.name.clone(), user.country.to_owned(), user.balance.to_string()]
        });
        let orders = self.orders.iter().map(|((customer, order), row)| {
            vec![customer.to_string(), order.to_string(), row.amount.to_string(), row.created_at.to_owned()]
        });
        [
            question("SELECT user_id, name, country, balance FROM users ORDER BY user_id", users.collect()),
            question(
                "SELECT customer_id, order_id, amount, created_at FROM orders ORDER BY customer_id, order_id",
                orders.collect(),
            ),
        ]
    }

    /// What the shard of one customer alone can answer.
    pub fn customer_question(&self, customer: i64) -> Question {
        let orders = self.orders.range((customer, i64::MIN)..=(customer, i64::MAX));
        let rows = orders.map(|((_, order), row)| vec![order.to_string(), row.amount.to_string()]);
        question(
            &format!("SELECT order_id, amount FROM orders WHERE customer_id = {customer} ORDER BY order_id"),
            rows.collect(),
        )
    }

    fn counts(&self) -> Question {
        let biggest = self.users.keys().next_back().map_or("NULL".to_owned(), i64::to_string);
        question(
            "SELECT COUNT(*) AS n, MAX(user_id) AS last_id FROM users",
            vec![vec![self.users.len().to_string(), biggest]],
        )
    }

    fn total_balance(&self) -> String {
        match self.users.is_empty() {
            true => "NULL".to_owned(),
            false => Cents(self.users.values().map(|user| user.balance.0).sum()).to_string(),
        }
    }

    fn by_country(&self) -> Question {
        let pairs = self.users.values().map(|user| (user.country, user.balance));
        question(
            "SELECT country, COUNT(*) AS n, SUM(balance) AS total FROM users GROUP BY country ORDER BY country",
            groups(pairs),
        )
    }

    fn by_moment(&self) -> Question {
        let pairs = self.orders.values().map(|order| (order.created_at, order.amount));
        question(
            "SELECT created_at, COUNT(*) AS n, SUM(amount) AS total FROM orders GROUP BY created_at \
             ORDER BY created_at",
            groups(pairs),
        )
    }

    fn richest(&self, limit: usize) -> Question {
        let mut users: Vec<_> = self.users.iter().collect();
        users.sort_by_key(|(id, user)| (Reverse(user.balance), **id));
        let rows = users.into_iter().take(limit);
        question(
            &format!("SELECT user_id, name, balance FROM users ORDER BY balance DESC, user_id LIMIT {limit}"),
            rows.map(|(id, user)| vec![id.to_string(), user.name.clone(), user.balance.to_string()]).collect(),
        )
    }

    fn largest_orders(&self, limit: usize, offset: usize) -> Question {
        let mut orders: Vec<_> = self.orders.iter().collect();
        orders.sort_by_key(|(key, order)| (Reverse(order.amount), **key));
        let rows = orders.into_iter().skip(offset).take(limit);
        question(
            &format!(
                "SELECT customer_id, order_id, amount FROM orders ORDER BY amount DESC, customer_id, order_id \
                 LIMIT {limit} OFFSET {offset}"
            ),
            rows.map(|((customer, order), row)| vec![customer.to_string(), order.to_string(), row.amount.to_string()])
                .collect(),
        )
    }
}

/// For each key in ascending order the number of values and their sum.
fn groups<'a>(pairs: impl Iterator<Item = (&'a str, Cents)>) -> Vec<Row> {
    let mut groups: BTreeMap<&str, (usize, i64)> = BTreeMap::new();
    for (key, Cents(cents)) in pairs {
        let group = groups.entry(key).or_default();
        *group = (group.0 + 1, group.1 + cents);
    }
    groups
        .into_iter()
        .map(|(key, (count, total))| vec![key.to_owned(), count.to_string(), Cents(total).to_string()])
        .collect()
}

fn question(sql: &str, expected: Vec<Row>) -> Question {
    Question { sql: sql.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        let mut account = Account::default();
        for (id, country, cents) in [(1, "DE", 1050), (2, "AT", 5), (3, "DE", 99_950)] {
            account.users.insert(id, User { name: format!("user {id}"), country, balance: Cents(cents) });
        }
        for (key, cents, moment) in [((1, 7), 100, MOMENTS[1]), ((1, 8), 250, MOMENTS[0]), ((9, 1), 100, MOMENTS[1])] {
            account.orders.insert(key, Order { amount: Cents(cents), created_at: moment });
        }
        account
    }

    fn check(question: &Question, expected: &[&str]) {
        let rows: Vec<String> = question.expected.iter().map(|row| row.join("|")).collect();
        assert_eq!(rows, expected, "{}", question.sql);
    }

    #[test]
    fn cents_print_as_decimals_do() {
        assert_eq!(
            [Cents(0), Cents(5), Cents(-5), Cents(123_450)].map(|c| c.to_string()),
            ["0.00", "0.05", "-0.05", "1234.50"]
        );
    }

    #[test]
    fn questions_have_the_answers_of_one_database() {
        let account = account();
        check(&account.counts(), &["3|3"]);
        check(&account.by_country(), &["AT|1|0.05", "DE|2|1010.00"]);
        check(&account.by_moment(), &["2024-02-29 23:59:59|1|2.50", "2024-05-01 08:30:00|2|2.00"]);
        check(&account.richest(2), &["3|user 3|999.50", "1|user 1|10.50"]);
        check(&account.largest_orders(5, 1), &["1|7|1.00", "9|1|1.00"]);
        check(&account.customer_question(1), &["7|1.00", "8|2.50"]);
        assert_eq!(account.customers(), [1, 2, 3, 9]);
    }
}
