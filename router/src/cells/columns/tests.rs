use super::*;

#[test]
fn flags_are_read_from_the_debug_text() {
    let text =
        "MySqlTypeInfo { type: Long, flags: ColumnFlags(NOT_NULL | PRIMARY_KEY | UNSIGNED), collation: Collation(63) }";
    assert_eq!(Flags::parse(text), Flags { not_null: true, unsigned: true, ..Flags::default() });
    assert_eq!(Flags::parse("flags: ColumnFlags(0x0)"), Flags::default());
    assert_eq!(Flags::parse("something else"), Flags::default());
}
