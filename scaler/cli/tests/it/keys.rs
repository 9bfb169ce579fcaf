//! The two forms of the slot rule, Rust for literals and SQL for rows, agree on both servers.

use keyspace::keys::{KeyLiteral, KeySlot, KeyType};

use crate::kit::servers::{Server, rows, run};

/// A key type, a column of that type, and values as SQL literals with the literal that the router sees.
struct Case {
    key_type: KeyType,
    column: &'static str,
    values: Vec<(String, KeyLiteral)>,
}

fn texts(values: &[&str]) -> Vec<(String, KeyLiteral)> {
    let literal = |text: &&str| (format!("'{}'", text.replace('\'', "''")), KeyLiteral::Text((*text).to_owned()));
    values.iter().map(literal).collect()
}

fn bytes(values: &[&[u8]]) -> Vec<(String, KeyLiteral)> {
    let hex = |value: &[u8]| value.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    values.iter().map(|value| (format!("x'{}'", hex(value)), KeyLiteral::Bytes(value.to_vec()))).collect()
}

fn integers(values: impl IntoIterator<Item = i128>) -> Vec<(String, KeyLiteral)> {
    values.into_iter().map(|value| (value.to_string(), KeyLiteral::Integer(value.to_string()))).collect()
}

fn cases() -> Vec<Case> {
    let case = |key_type, column, values| Case { key_type, column, values };
    let words = ["", "a", "A", "Ab  ", " a", "it's", "~!@#", "user-4711", "ÄÖ", "é", "日本", "😀", "a\tb", "[x]^_`{|}"];
    let signed = [i128::from(i64::MIN), -1, 0, 1, 42, i128::from(i64::MAX)].into_iter().chain(-300..300);
    let unsigned = [0, 1, i128::from(u64::MAX), i128::from(u64::MAX) - 1].into_iter().chain(0..300);
    let raw: [&[u8]; 6] = [b"", b"a", b"a\0", b"\0", b"\xff\xfe", b"a "];
    let date_times = ["2024-02-29 23:59:59", "1000-01-01 00:00:00", "9999-12-31 23:59:59"];
    vec![
        case(KeyType::Integer, "BIGINT", integers(signed)),
        case(KeyType::Integer, "BIGINT UNSIGNED", integers(unsigned)),
        case(KeyType::Integer, "TINYINT", integers(-128..128)),
        case(KeyType::TextBinary, "VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", texts(&words)),
        case(KeyType::TextBinary, "CHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", texts(&words)),
        case(KeyType::TextCaseInsensitive, "VARCHAR(40) COLLATE utf8mb4_general_ci", texts(&words)),
        case(KeyType::TextCaseInsensitive, "VARCHAR(40) COLLATE utf8mb4_unicode_ci", texts(&words)),
        case(
            KeyType::TextCaseInsensitive,
            "VARCHAR(40) CHARACTER SET latin1 COLLATE latin1_swedish_ci",
            texts(&["", "a", "A ", "é", "Zz9", "{}"]),
        ),
        case(KeyType::Bytes, "VARBINARY(40)", bytes(&raw)),
        case(KeyType::PaddedBytes, "BINARY(8)", bytes(&raw)),
        case(KeyType::PaddedBytes, "BINARY(8)", texts(&["a", "ab "])),
        case(KeyType::Date, "DATE", texts(&["2024-02-29", "1000-01-01", "9999-12-31"])),
        case(KeyType::DateTime { fraction_digits: 0 }, "DATETIME", texts(&date_times)),
        case(
            KeyType::DateTime { fraction_digits: 3 },
            "DATETIME(3)",
            texts(&["2024-02-29 23:59:59.123", "2024-02-29 23:59:59.000", "2024-02-29 23:59:59"]),
        ),
    ]
}

async fn check(server: &Server, cases: Vec<Case>) -> usize {
    let mut connection = server.connect().await;
    let mut checked = 0;
    for case in cases {
        run(&mut connection, "DROP TABLE IF EXISTS k").await;
        run(&mut connection, &format!("CREATE TABLE k (n INT PRIMARY KEY, c {})", case.column)).await;
        for (n, (sql, _)) in case.values.iter().enumerate() {
            run(&mut connection, &format!("INSERT INTO k VALUES ({n}, {sql})")).await;
        }
        let found = rows(&mut connection, &format!("SELECT {} FROM k ORDER BY n", case.key_type.slot_sql("c"))).await;
        for ((sql, literal), row) in case.values.iter().zip(found) {
            match case.key_type.slot_of(literal) {
                KeySlot::Slot(slot) => {
                    assert_eq!(row[0], slot.to_string(), "{} {sql}", case.column);
                    checked += 1;
                }
                KeySlot::Inexact | KeySlot::Null => {}
            }
        }
    }
    run(&mut connection, "DROP TABLE IF EXISTS k").await;
    checked
}

#[tokio::test]
async fn the_slot_of_a_literal_is_the_slot_of_its_row_on_mariadb() {
    let Some(server) = Server::start().await else { return };
    let uuid = Case {
        key_type: KeyType::Uuid,
        column: "UUID",
        values: texts(&["123E4567-e89b-12d3-a456-426614174000", "00000000-0000-0000-0000-000000000000"]),
    };
    let checked = check(&server, cases().into_iter().chain([uuid]).collect()).await;
    assert!(checked > 1_100, "only {checked} literals were exact");
}

#[tokio::test]
async fn the_slot_of_a_literal_is_the_slot_of_its_row_on_mysql() {
    let Some(server) = Server::start_mysql().await else { return };
    let modern = Case {
        key_type: KeyType::TextCaseInsensitive,
        column: "VARCHAR(40) COLLATE utf8mb4_0900_ai_ci",
        values: texts(&["a", "A", "b  ", "~", "Zz9"]),
    };
    let checked = check(&server, cases().into_iter().chain([modern]).collect()).await;
    assert!(checked > 1_100, "only {checked} literals were exact");
}
