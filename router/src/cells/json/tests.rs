use proptest::prelude::*;

use super::*;

fn json(kind: Kind, cell: &[u8]) -> String {
    let mut out = Vec::new();
    write_cell(&mut out, kind, Some(cell)).unwrap();
    String::from_utf8(out).unwrap()
}

fn error(kind: Kind, cell: &[u8]) -> CellError {
    write_cell(&mut Vec::new(), kind, Some(cell)).unwrap_err()
}

fn column(name: &str, kind: Kind) -> Column {
    Column { name: name.to_owned(), kind, type_name: String::new(), nullable: true }
}

#[test]
fn numbers_keep_every_digit() {
    assert_eq!(json(Kind::Integer, b"-9223372036854775808"), "-9223372036854775808");
    assert_eq!(json(Kind::Unsigned, b"18446744073709551615"), "18446744073709551615");
    assert_eq!(json(Kind::Unsigned, b"00042"), "42");
    assert_eq!(json(Kind::Unsigned, b"00000"), "0");
    assert_eq!(json(Kind::Decimal, b"12.50"), "12.50");
    assert_eq!(json(Kind::Decimal, b"0000012.50"), "12.50");
    assert_eq!(json(Kind::Decimal, b"-0.00"), "-0.00");
    let widest = "-12345678901234567890123456789012345.123456789012345678901234567890";
    assert_eq!(json(Kind::Decimal, widest.as_bytes()), widest);
}

#[test]
fn numbers_that_mysql_never_prints_are_refused() {
    for text in ["", "-", ".5", "5.", "+5", "1e3", "1.2.3", "abc", "--1", " 1"] {
        assert_eq!(error(Kind::Decimal, text.as_bytes()), CellError::NotANumber, "{text}");
    }
    for text in ["", "nan", "inf", "1e999", "x"] {
        assert_eq!(error(Kind::Double, text.as_bytes()), CellError::NotANumber, "{text}");
    }
}

#[test]
fn floating_point_is_shortest() {
    assert_eq!(json(Kind::Double, b"1"), "1");
    assert_eq!(json(Kind::Double, b"12.50"), "12.5");
    assert_eq!(json(Kind::Double, b"-0"), "-0");
    assert_eq!(json(Kind::Double, b"1e20"), "1e20");
    assert_eq!(json(Kind::Double, b"1.5e-300"), "1.5e-300");
    assert_eq!(json(Kind::Float, b"0.1"), "0.1");
    assert_eq!(json(Kind::Float, b"3.40282e38"), "3.40282e38");
}

#[test]
fn text_is_escaped_and_checked() {
    assert_eq!(json(Kind::Text, b"plain"), r#""plain""#);
    assert_eq!(json(Kind::Text, b""), r#""""#);
    assert_eq!(json(Kind::Text, b"a\"b\\c\n\r\t\0\x1f\x7f"), "\"a\\\"b\\\\c\\n\\r\\t\\u0000\\u001f\x7f\"");
    assert_eq!(json(Kind::Text, "Grüße 🎉".as_bytes()), "\"Grüße 🎉\"");
    assert_eq!(error(Kind::Text, b"\xff"), CellError::NotUtf8);
    assert_eq!(error(Kind::Enum, b"\xe4"), CellError::NotUtf8);
    assert_eq!(json(Kind::Set, b"a,b"), r#""a,b""#);
}

#[test]
fn dates_are_strings_as_printed() {
    assert_eq!(json(Kind::Date, b"0000-00-00"), r#""0000-00-00""#);
    assert_eq!(json(Kind::Time, b"-838:59:59.000000"), r#""-838:59:59.000000""#);
    assert_eq!(json(Kind::DateTime, b"2024-02-29 12:00:00.120"), r#""2024-02-29 12:00:00.120""#);
    assert_eq!(json(Kind::Year, b"2024"), r#""2024""#);
}

#[test]
fn bytes_are_base64() {
    assert_eq!(json(Kind::Binary, b""), r#""""#);
    assert_eq!(json(Kind::Binary, b"\x00\xff"), r#""AP8=""#);
    assert_eq!(json(Kind::Bit, b"\x01\x02\x03"), r#""AQID""#);
}

#[test]
fn json_is_passed_on_verbatim_if_it_is_json() {
    let document = r#"{"b": [1.00, 12345678901234567890123], "a": "\u00e4"}"#;
    assert_eq!(json(Kind::Json, document.as_bytes()), document);
    assert_eq!(error(Kind::Json, b"{\"a\":}"), CellError::MalformedJson);
    assert_eq!(error(Kind::Json, b"1 2"), CellError::MalformedJson);
    assert_eq!(error(Kind::Json, b""), CellError::MalformedJson);
    assert_eq!(error(Kind::Json, b"\"\xff\""), CellError::NotUtf8);
}

#[test]
fn null_is_null_for_every_kind() {
    let mut out = Vec::new();
    write_cell(&mut out, Kind::Json, None).unwrap();
    assert_eq!(out, b"null");
}

#[test]
fn rows_are_objects_or_arrays() {
    let columns = [column("id", Kind::Integer), column("a\"b", Kind::Text)];
    let row = vec![Some(b"7".to_vec()), None];
    let writer = RowWriter::new(&columns);
    let mut out = Vec::new();
    writer.write_object_row(&mut out, &row).unwrap();
    writer.write_array_row(&mut out, &row).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), r#"{"id":7,"a\"b":null}[7,null]"#);
}

#[test]
fn a_refused_row_leaves_nothing_behind() {
    let writer = RowWriter::new(&[column("id", Kind::Integer), column("name", Kind::Text)]);
    let mut out = b"[".to_vec();
    let error = writer.write_object_row(&mut out, &vec![Some(b"7".to_vec()), Some(b"\xff".to_vec())]).unwrap_err();
    assert_eq!(error, RowError { column: "name".to_owned(), source: CellError::NotUtf8 });
    assert_eq!(out, b"[");
}

#[test]
fn duplicate_names_are_found() {
    let columns = [column("id", Kind::Integer), column("ID", Kind::Integer), column("id", Kind::Text)];
    assert_eq!(duplicate_name(&columns), Some("id"));
    assert_eq!(duplicate_name(&columns[..2]), None);
}

proptest! {
    #[test]
    fn any_text_reads_back(text: String) {
        prop_assert_eq!(serde_json::from_str::<String>(&json(Kind::Text, text.as_bytes())).unwrap(), text);
    }

    #[test]
    fn any_double_reads_back(value in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO) {
        let text = json(Kind::Double, format!("{value:e}").as_bytes());
        prop_assert!(serde_json::from_str::<IgnoredAny>(&text).is_ok());
        prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
    }

    #[test]
    fn any_bytes_read_back(bytes: Vec<u8>) {
        let text: String = serde_json::from_str(&json(Kind::Binary, &bytes)).unwrap();
        prop_assert_eq!(STANDARD.decode(text).unwrap(), bytes);
    }
}
