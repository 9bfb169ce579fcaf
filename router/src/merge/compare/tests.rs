use std::collections::HashSet;

use proptest::prelude::*;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row as _};
use throwaway::{Flavor, Server};

use super::*;

/// Checks that each cell sorts before the next one, and that this agrees with the group keys.
fn check_ascending(compare: Compare, cells: &[&str]) {
    for (index, left) in cells.iter().enumerate() {
        for (other, right) in cells.iter().enumerate() {
            let ordering = compare.cells(left.as_bytes(), right.as_bytes());
            assert_eq!(ordering, index.cmp(&other), "{left:?} and {right:?}");
            assert_eq!(key(compare, left) == key(compare, right), ordering.is_eq(), "{left:?} and {right:?}");
        }
    }
}

/// Checks that all cells are one value.
fn check_equal(compare: Compare, cells: &[&str]) {
    for left in cells {
        for right in cells {
            assert_eq!(compare.cells(left.as_bytes(), right.as_bytes()), Ordering::Equal, "{left:?} and {right:?}");
            assert_eq!(key(compare, left), key(compare, right), "{left:?} and {right:?}");
        }
    }
}

fn key(compare: Compare, cell: &str) -> Vec<u8> {
    group_key(&[(0, compare)], &row(&[Some(cell)]))
}

fn group_key<R: Row>(keys: &[(usize, Compare)], row: &R) -> Vec<u8> {
    let mut key = Vec::new();
    write_group_key(&mut key, keys, row);
    key
}

fn row(cells: &[Option<&str>]) -> Vec<Option<Vec<u8>>> {
    cells.iter().map(|cell| cell.map(|cell| cell.as_bytes().to_vec())).collect()
}

#[test]
fn integers() {
    check_ascending(
        Compare::Integer,
        &["-9223372036854775808", "-10", "-9", "0", "9", "10", "9223372036854775807", "18446744073709551615"],
    );
    check_equal(Compare::Integer, &["42", "00042"]);
    check_equal(Compare::Integer, &["0", "0000", "-0"]);
}

#[test]
fn decimals() {
    check_ascending(
        Compare::Decimal,
        &["-100.5", "-100.25", "-1", "-0.01", "0.00", "0.009", "0.01", "1", "9.99", "10"],
    );
    check_equal(Compare::Decimal, &["0", "0.00", "-0.00", "-0"]);
    check_equal(Compare::Decimal, &["1", "1.0", "001.000"]);
    check_equal(Compare::Decimal, &["-12.50", "-12.5"]);
}

#[test]
fn doubles() {
    check_ascending(
        Compare::Double,
        &["-1e300", "-2", "-1.5", "-5e-324", "0", "1e-16", "0.5", "999999999999999", "1e15", "1.5e308"],
    );
    check_equal(Compare::Double, &["0", "-0", "0.00", "-0.00"]);
    check_equal(Compare::Double, &["1e15", "1000000000000000"]);
}

#[test]
fn dates() {
    check_ascending(
        Compare::Temporal,
        &[
            "0000-00-00 00:00:00",
            "2024-02-29 11:59:59.999",
            "2024-02-29 12:00:00",
            "2024-02-29 12:00:00.12",
            "2024-02-29 12:00:00.120001",
            "2024-02-29 12:00:01",
        ],
    );
    check_ascending(Compare::Temporal, &["0000-00-00", "1999-12-31", "2000-01-00", "2000-01-01"]);
    check_equal(Compare::Temporal, &["2024-02-29 12:00:00.120", "2024-02-29 12:00:00.120000"]);
    check_equal(Compare::Temporal, &["2024-02-29 12:00:10", "2024-02-29 12:00:10.000"]);
}

#[test]
fn times() {
    check_ascending(
        Compare::Time,
        &[
            "-838:59:59",
            "-100:00:00",
            "-00:00:01",
            "-00:00:00.5",
            "00:00:00",
            "00:00:00.000001",
            "23:59:59.9",
            "99:00:00",
            "100:00:00",
            "838:59:59.000000",
        ],
    );
    check_equal(Compare::Time, &["00:00:00", "-00:00:00", "00:00:00.000"]);
    check_equal(Compare::Time, &["12:00:00.5", "12:00:00.500"]);
}

#[test]
fn bytes_and_bin_collations() {
    check_ascending(Compare::Bytes, &["", "\0", "A", "A\0", "A ", "Ab", "a", "ä"]);
    check_ascending(Compare::BinNoPad, &["", " ", "A", "A\t", "A ", "a", "z", "ä", "🎉"]);
    check_ascending(Compare::BinPadSpace, &["\t", "", "A\t", "A", "A!", "a\u{1f}", "a", "aä", "🎉"]);
    check_equal(Compare::BinPadSpace, &["a", "a ", "a   "]);
    check_equal(Compare::BinPadSpace, &["", " "]);
}

#[test]
fn null_is_first_ascending_and_last_descending() {
    let (null, one) = (row(&[None]), row(&[Some("1")]));
    let key = |descending| [OrderKey { index: 0, compare: Compare::Integer, descending }];
    assert_eq!(compare_rows(&key(false), &null, &one), Ordering::Less);
    assert_eq!(compare_rows(&key(true), &null, &one), Ordering::Greater);
    assert_eq!(compare_rows(&key(false), &null, &null), Ordering::Equal);
}

#[test]
fn later_keys_decide_among_equals() {
    let keys = [
        OrderKey { index: 1, compare: Compare::Decimal, descending: true },
        OrderKey { index: 0, compare: Compare::Integer, descending: false },
    ];
    let compare = |left, right| compare_rows(&keys, &row(left), &row(right));
    assert_eq!(compare(&[Some("2"), Some("1.0")], &[Some("10"), Some("1.00")]), Ordering::Less);
    assert_eq!(compare(&[Some("2"), Some("1.0")], &[Some("1"), Some("0.9")]), Ordering::Less);
}

#[test]
fn group_keys_keep_cells_and_null_apart() {
    let keys = [(0, Compare::Bytes), (1, Compare::Bytes)];
    let key = |left, right| group_key(&keys, &row(&[left, right]));
    assert_ne!(key(Some("ab"), Some("c")), key(Some("a"), Some("bc")));
    assert_ne!(key(Some(""), None), key(None, Some("")));
    assert_ne!(key(None, None), key(Some(""), Some("")));
    assert_eq!(key(None, Some("x")), key(None, Some("x")));
}

#[test]
fn what_cannot_be_compared_here_has_no_comparison() {
    for kind in [Kind::Float, Kind::Enum, Kind::Set, Kind::Json, Kind::Geometry, Kind::Text] {
        assert_eq!(compare_for(kind, None), None, "{kind:?}");
    }
    assert_eq!(compare_for(Kind::Text, Some(Pad::Space)), Some(Compare::BinPadSpace));
    assert_eq!(compare_for(Kind::Text, Some(Pad::None)), Some(Compare::BinNoPad));
    assert_eq!(compare_for(Kind::Year, None), Some(Compare::Integer));
}

/// Sorts and counts distinct values of each type on a real server, and checks that both agree with ours.
#[tokio::test]
async fn a_real_server_orders_and_groups_the_same() {
    let Some(server) = Server::start(Flavor::MariaDb, &[], &[]).await else { return };
    let mut connection = server.connect().await.unwrap();
    connection.execute(sqlx::raw_sql("CREATE DATABASE d; USE d; SET sql_mode = ''")).await.unwrap();
    let bin_values = "CONCAT(CHAR(FLOOR(RAND(1) * 40) USING utf8mb4), ELT(1 + seq % 5, '', ' ', '  ', 'ä', '🎉'))";
    for (column, compare, values) in [
        ("BIGINT", Compare::Integer, "FLOOR((RAND(1) - 0.5) * POW(10, seq % 18))"),
        ("BIGINT UNSIGNED ZEROFILL", Compare::Integer, "18446744073709551615 >> (seq % 64)"),
        ("DECIMAL(40,6)", Compare::Decimal, "(RAND(1) - 0.5) * POW(10, seq % 12 - 6e0)"),
        ("DOUBLE", Compare::Double, "(RAND(1) - 0.5) * POW(10, seq % 40 - 20e0)"),
        ("DATE", Compare::Temporal, "IF(seq % 50 = 0, '0000-00-00', '1000-01-01' + INTERVAL RAND(1) * 3000000 DAY)"),
        ("DATETIME(6)", Compare::Temporal, "FROM_UNIXTIME(RAND(1) * 10) + INTERVAL seq % 3 * 500000 MICROSECOND"),
        ("TIME(6)", Compare::Time, "SEC_TO_TIME((RAND(1) - 0.5) * POW(10, seq % 8))"),
        ("YEAR", Compare::Integer, "IF(seq % 50 = 0, 0, 1901 + RAND(1) * 250)"),
        ("BIT(64)", Compare::Bytes, "FLOOR(RAND(1) * POW(10, seq % 18))"),
        ("VARBINARY(20)", Compare::Bytes, "LEFT(UNHEX(SHA2(seq, 256)), seq % 3)"),
        ("BINARY(2)", Compare::Bytes, "LEFT(UNHEX(SHA2(seq, 256)), seq % 3)"),
        ("VARCHAR(20) COLLATE utf8mb4_bin", Compare::BinPadSpace, bin_values),
        ("TEXT COLLATE utf8mb4_bin", Compare::BinPadSpace, bin_values),
        ("VARCHAR(20) COLLATE utf8mb4_nopad_bin", Compare::BinNoPad, bin_values),
    ] {
        let fill = format!(
            "CREATE OR REPLACE TABLE t (c {column}) CHARACTER SET utf8mb4;
             INSERT INTO t SELECT IF(seq = 1, NULL, {values}) FROM seq_1_to_2000"
        );
        connection.execute(sqlx::raw_sql(AssertSqlSafe(fill))).await.unwrap();
        for (direction, descending) in [("ASC", false), ("DESC", true)] {
            let sorted = format!("SELECT c FROM t ORDER BY c {direction}");
            let rows = fetch_all(&mut connection, sorted).await;
            let key = [OrderKey { index: 0, compare, descending }];
            for pair in rows.windows(2) {
                let cells = (pair[0].cell(0), pair[1].cell(0));
                assert_ne!(
                    compare_rows(&key, &pair[0], &pair[1]),
                    Ordering::Greater,
                    "{column} {direction}: {cells:?}"
                );
            }
        }
        let grouped = fetch_all(&mut connection, "SELECT c FROM t GROUP BY c".to_owned()).await;
        let all = fetch_all(&mut connection, "SELECT c FROM t".to_owned()).await;
        let ours: HashSet<_> = all.iter().map(|row| group_key(&[(0, compare)], row)).collect();
        assert_eq!(ours.len(), grouped.len(), "{column}");
    }
}

/// Rows of one column.
async fn fetch_all(connection: &mut MySqlConnection, sql: String) -> Vec<Vec<Option<Vec<u8>>>> {
    let rows = connection.fetch_all(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
    rows.iter().map(|row| vec![row.try_get_unchecked(0).unwrap()]).collect()
}

proptest! {
    #[test]
    fn integers_are_ordered_as_numbers(left: i128, right: i128) {
        let ordering = Compare::Integer.cells(left.to_string().as_bytes(), right.to_string().as_bytes());
        prop_assert_eq!(ordering, left.cmp(&right));
    }

    #[test]
    fn decimals_are_ordered_as_numbers(
        (left, left_zeros) in (-2000_i64..2000, 0_usize..3),
        (right, right_zeros) in (-2000_i64..2000, 0_usize..3),
    ) {
        // Hundredths, with some zeros more at the end.
        let print = |value: i64, zeros: usize| {
            let sign = if value < 0 { "-" } else { "" };
            format!("{sign}{}.{:02}{}", value.abs() / 100, value.abs() % 100, "0".repeat(zeros))
        };
        let (left_text, right_text) = (print(left, left_zeros), print(right, right_zeros));
        let ordering = Compare::Decimal.cells(left_text.as_bytes(), right_text.as_bytes());
        prop_assert_eq!(ordering, left.cmp(&right));
        prop_assert_eq!(key(Compare::Decimal, &left_text) == key(Compare::Decimal, &right_text), left == right);
    }

    #[test]
    fn padding_equals_comparing_strings_of_one_length(left in "[ a\t!]{0,6}", right in "[ a\t!]{0,6}") {
        let ordering = Compare::BinPadSpace.cells(left.as_bytes(), right.as_bytes());
        prop_assert_eq!(ordering, format!("{left:6}").cmp(&format!("{right:6}")));
        prop_assert_eq!(key(Compare::BinPadSpace, &left) == key(Compare::BinPadSpace, &right), ordering.is_eq());
    }

    #[test]
    fn any_bytes_can_be_compared(left: Vec<u8>, right: Vec<u8>) {
        for compare in [
            Compare::Integer,
            Compare::Decimal,
            Compare::Double,
            Compare::Temporal,
            Compare::Time,
            Compare::Bytes,
            Compare::BinPadSpace,
            Compare::BinNoPad,
        ] {
            prop_assert_eq!(compare.cells(&left, &right), compare.cells(&right, &left).reverse());
        }
    }
}
