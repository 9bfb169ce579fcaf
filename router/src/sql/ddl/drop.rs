//! `DROP TABLE`, `DROP VIEW`, `RENAME TABLE` and `TRUNCATE`: lists of names.

use super::fault::Read;
use super::opening::Opening;
use super::reader::Reader;
use crate::sql::meaning::statement::{DefineKind, Role};

/// `[IF EXISTS] name [, name] … [WAIT n | NOWAIT] [RESTRICT | CASCADE]`
pub(super) fn tables(reader: &mut Reader, opening: &Opening) -> Read<()> {
    reader.found.kind = match opening.kind.as_deref() {
        Some("VIEW") => DefineKind::Other,
        _ => DefineKind::DropTable,
    };
    reader.eat_existence();
    reader.list(|reader| reader.named(Role::Dropped))?;
    reader.eat_wait()?;
    reader.eat_one_of(&["RESTRICT", "CASCADE"]);
    Ok(())
}

/// `[IF EXISTS] table [WAIT n | NOWAIT] TO table [, …]`
pub(super) fn renamed(reader: &mut Reader) -> Read<()> {
    reader.eat_existence();
    reader.list(|reader| {
        reader.named(Role::Renamed)?;
        reader.eat_wait()?;
        reader.expect("TO")?;
        reader.named(Role::RenamedTo)
    })?;
    Ok(())
}

/// `table [WAIT n | NOWAIT]`
pub(super) fn truncated(reader: &mut Reader) -> Read<()> {
    reader.named(Role::Changed)?;
    reader.eat_wait()
}
