use sqlx::{Executor, Row as _};
use throwaway::{Flavor, Server};

use super::*;
use crate::cells::write_cell;

#[test]
fn flags_are_read_from_the_debug_text() {
    let text =
        "MySqlTypeInfo { type: Long, flags: ColumnFlags(NOT_NULL | PRIMARY_KEY | UNSIGNED), collation: Collation(63) }";
    assert_eq!(Flags::parse(text), Flags { not_null: true, unsigned: true, ..Flags::default() });
    assert_eq!(Flags::parse("flags: ColumnFlags(0x0)"), Flags::default());
    assert_eq!(Flags::parse("something else"), Flags::default());
}

/// Every type of column on a real server, because what sqlx tells is neither documented nor complete.
#[tokio::test]
async fn columns_of_a_real_server() {
    let Some(server) = Server::start(Flavor::MariaDb, &[], &[]).await else { return };
    let mut connection = server.connect().await.unwrap();
    connection.execute(sqlx::raw_sql(EVERY_TYPE)).await.unwrap();

    let row = connection.fetch_one(sqlx::raw_sql("SELECT * FROM every_type")).await.unwrap();
    let columns = described(row.columns(), is_json);
    let found: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let mut json = Vec::new();
            write_cell(&mut json, column.kind, row.try_get_unchecked(index).unwrap()).unwrap();
            let json = String::from_utf8(json).unwrap();
            (column.name.as_str(), column.kind, column.type_name.as_str(), column.nullable, json)
        })
        .collect();
    for ((name, kind, type_name, nullable, json), expected) in found.iter().zip(EXPECTED) {
        assert_eq!((*name, *kind, *type_name, *nullable, json.as_str()), *expected);
    }
    assert_eq!(found.len(), EXPECTED.len());

    // Aliases of table and column do not hide the origin; an expression has none, and stays text.
    let aliased =
        "SELECT a.j AS b, MAX(a.j) AS c, COUNT(*) AS d, SUM(a.i) AS e, AVG(a.d) AS f FROM every_type AS a GROUP BY a.j";
    let row = connection.fetch_one(sqlx::raw_sql(aliased)).await.unwrap();
    let kinds: Vec<_> = described(row.columns(), is_json).iter().map(|column| (column.kind, column.nullable)).collect();
    let expected =
        [(Kind::Json, true), (Kind::Text, true), (Kind::Integer, false), (Kind::Decimal, true), (Kind::Double, true)];
    assert_eq!(kinds, expected);
}

fn is_json(table: &str, column: &str) -> bool {
    (table, column) == ("every_type", "j")
}

const EVERY_TYPE: &str = "
    CREATE DATABASE d;
    USE d;
    CREATE TABLE every_type (
        t1 TINYINT(1) NOT NULL, t1u TINYINT(1) UNSIGNED, ti TINYINT, si SMALLINT UNSIGNED, mi MEDIUMINT,
        i INT(5) ZEROFILL NOT NULL, bi BIGINT, bu BIGINT UNSIGNED, y YEAR, bit BIT(10),
        de DECIMAL(65,30), dz DECIMAL(10,2) ZEROFILL, f FLOAT, d DOUBLE,
        c CHAR(3), cb CHAR(3) COLLATE utf8mb4_bin, v VARCHAR(9) NOT NULL, vb VARCHAR(9) COLLATE utf8mb4_bin,
        vl VARCHAR(9) CHARACTER SET latin1, te TEXT, tb LONGTEXT COLLATE utf8mb4_bin, j JSON, u UUID,
        b BINARY(3), vby VARBINARY(9), bl BLOB, lb LONGBLOB, g GEOMETRY,
        e ENUM('a','b'), eb ENUM('a','b') COLLATE utf8mb4_bin, s SET('a','b'), sb SET('a','b') COLLATE utf8mb4_bin,
        da DATE, t TIME(3), dt DATETIME(6), ts TIMESTAMP NULL
    ) CHARACTER SET utf8mb4;
    SET time_zone = '+00:00';
    INSERT INTO every_type VALUES (
        1, 255, -128, 65535, -8388608, 42, -9223372036854775808, 18446744073709551615, 2024, b'1000000001',
        -12345678901234567890123456789012345.123456789012345678901234567890, 12.5, 0.1, 1e-300,
        'ä', 'B', 'it''s \"', '🎉', 'é', '', 'a\nb', '{\"a\": 1.5}', '123e4567-e89b-12d3-a456-426655440000',
        'a', x'00ff', '', NULL, NULL,
        'a', 'b', 'a,b', '',
        '2024-02-29', '-838:59:58.999', '2024-02-29 12:00:00.000001', '2024-02-29 12:00:00'
    )";

/// Name, kind, type, whether NULL is possible, and the JSON of the one row.
const EXPECTED: &[(&str, Kind, &str, bool, &str)] = &[
    ("t1", Kind::Integer, "TINYINT", false, "1"),
    ("t1u", Kind::Unsigned, "TINYINT UNSIGNED", true, "255"),
    ("ti", Kind::Integer, "TINYINT", true, "-128"),
    ("si", Kind::Unsigned, "SMALLINT UNSIGNED", true, "65535"),
    ("mi", Kind::Integer, "MEDIUMINT", true, "-8388608"),
    ("i", Kind::Unsigned, "INT UNSIGNED", false, "42"),
    ("bi", Kind::Integer, "BIGINT", true, "-9223372036854775808"),
    ("bu", Kind::Unsigned, "BIGINT UNSIGNED", true, "18446744073709551615"),
    ("y", Kind::Year, "YEAR", true, r#""2024""#),
    ("bit", Kind::Bit, "BIT", true, r#""AgE=""#),
    ("de", Kind::Decimal, "DECIMAL", true, "-12345678901234567890123456789012345.123456789012345678901234567890"),
    ("dz", Kind::Decimal, "DECIMAL", true, "12.50"),
    ("f", Kind::Float, "FLOAT", true, "0.1"),
    ("d", Kind::Double, "DOUBLE", true, "1e-300"),
    ("c", Kind::Text, "CHAR", true, r#""ä""#),
    ("cb", Kind::Text, "CHAR", true, r#""B""#),
    ("v", Kind::Text, "VARCHAR", false, r#""it's \"""#),
    ("vb", Kind::Text, "VARCHAR", true, r#""🎉""#),
    ("vl", Kind::Text, "VARCHAR", true, r#""é""#),
    ("te", Kind::Text, "TEXT", true, r#""""#),
    ("tb", Kind::Text, "TEXT", true, r#""a\nb""#),
    ("j", Kind::Json, "JSON", true, r#"{"a": 1.5}"#),
    ("u", Kind::Text, "CHAR", true, r#""123e4567-e89b-12d3-a456-426655440000""#),
    ("b", Kind::Binary, "BINARY", true, r#""YQAA""#),
    ("vby", Kind::Binary, "VARBINARY", true, r#""AP8=""#),
    ("bl", Kind::Binary, "BLOB", true, r#""""#),
    ("lb", Kind::Binary, "BLOB", true, "null"),
    ("g", Kind::Geometry, "GEOMETRY", true, "null"),
    ("e", Kind::Enum, "ENUM", true, r#""a""#),
    ("eb", Kind::Enum, "ENUM", true, r#""b""#),
    ("s", Kind::Set, "SET", true, r#""a,b""#),
    ("sb", Kind::Set, "SET", true, r#""""#),
    ("da", Kind::Date, "DATE", true, r#""2024-02-29""#),
    ("t", Kind::Time, "TIME", true, r#""-838:59:58.999""#),
    ("dt", Kind::DateTime, "DATETIME", true, r#""2024-02-29 12:00:00.000001""#),
    ("ts", Kind::DateTime, "TIMESTAMP", true, r#""2024-02-29 12:00:00""#),
];
