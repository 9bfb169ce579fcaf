mod clauses;
mod gate;
mod head;
mod lexical;
mod params;
mod precedence;
mod robust;

use super::*;

fn sql(text: &str) -> Sql {
    read(text, &[]).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal(text: &str) -> SqlError {
    match read(text, &[]) {
        Ok(sql) => panic!("{text} was read as {:?}", sql.tokens),
        Err(error) => error,
    }
}
