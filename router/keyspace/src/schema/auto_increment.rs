//! The `AUTO_INCREMENT=n` of what SHOW CREATE TABLE says, the last line of which has a table's options.

/// A definition without its `AUTO_INCREMENT=n`, which differs from shard to shard.
pub fn without_auto_increment(definition: &str) -> String {
    // The option stands behind the closing parenthesis of the columns, the last line that starts with one.
    let options = definition.rfind("\n)").unwrap_or(0);
    let Some(start) = definition[options..].find(" AUTO_INCREMENT=").map(|found| options + found) else {
        return definition.to_owned();
    };
    let rest = &definition[start + " AUTO_INCREMENT=".len()..];
    format!("{}{}", &definition[..start], rest.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// The number that a table's definition says its server would give next.
pub fn next_of(definition: &str) -> Option<u64> {
    let options = &definition[definition.rfind("\n)")?..];
    let digits = options.split(" AUTO_INCREMENT=").nth(1)?;
    digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_table_option_is_left_out() {
        let table = "CREATE TABLE `t` (\n  `a` int DEFAULT ' AUTO_INCREMENT=5'\n) ENGINE=InnoDB AUTO_INCREMENT=12 X";
        let expected = "CREATE TABLE `t` (\n  `a` int DEFAULT ' AUTO_INCREMENT=5'\n) ENGINE=InnoDB X";
        assert_eq!(without_auto_increment(table), expected);
        assert_eq!(without_auto_increment(expected), expected);
    }

    #[test]
    fn the_next_number_is_found() {
        let table = "CREATE TABLE `t` (\n  `a` int DEFAULT ' AUTO_INCREMENT=5'\n) ENGINE=InnoDB AUTO_INCREMENT=12 X";
        assert_eq!(next_of(table), Some(12));
        assert_eq!(next_of("CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB"), None);
    }
}
