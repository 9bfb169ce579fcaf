//! Values of the services' JSON in the form that people read: sizes, shares, ages.

use jiff::Timestamp;
use serde_json::Value;

use crate::admin::table::Cell;

/// A cell for the value of a key, whose name tells the unit as it does everywhere in this project.
pub fn cell(key: &str, value: &Value, now: Timestamp) -> Cell {
    match value {
        Value::Null => Cell::unknown(),
        Value::Bool(flag) => Cell::text(if *flag { "yes" } else { "no" }),
        Value::Number(number) => Cell::number(match number.as_f64() {
            Some(bytes) if key.ends_with("_bytes") => human_bytes(bytes),
            Some(percent) if key.ends_with("_percent") => format!("{percent:.1} %"),
            Some(seconds) if key.ends_with("_seconds") => human_seconds(seconds),
            Some(rate) if number.as_i64().is_none() => format!("{rate:.1}"),
            _ => number.to_string(),
        }),
        Value::String(text) => match text.parse::<Timestamp>() {
            Ok(time) => Cell::number(age(time, now)),
            Err(_) => Cell::text(text),
        },
        Value::Array(items) => Cell::text(&items.iter().map(plain).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let pairs = entries.iter().map(|(key, value)| format!("{key}={}", plain(value)));
            Cell::text(&pairs.collect::<Vec<_>>().join(" "))
        }
    }
}

/// Text without its quotes, anything else as JSON.
pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// How long ago, or how long until then.
pub fn age(time: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(time).as_secs_f64();
    match seconds < -1.0 {
        true => format!("in {}", human_seconds(-seconds)),
        false => format!("{} ago", human_seconds(seconds.max(0.0))),
    }
}

pub fn human_seconds(seconds: f64) -> String {
    match seconds {
        ..1.0 => format!("{:.0} ms", seconds * 1000.0),
        ..10.0 => format!("{seconds:.1} s"),
        ..120.0 => format!("{seconds:.0} s"),
        ..7_200.0 => format!("{:.0} min", seconds / 60.0),
        ..172_800.0 => format!("{:.0} h", seconds / 3_600.0),
        _ => format!("{:.0} d", seconds / 86_400.0),
    }
}

pub fn human_bytes(bytes: f64) -> String {
    let mut size = bytes;
    let mut unit = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = larger;
    }
    if unit == "B" || size >= 100.0 { format!("{size:.0} {unit}") } else { format!("{size:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_have_units_that_fit() {
        assert_eq!(
            [0.0, 1023.0, 1536.0, 250e6, 5e13].map(human_bytes),
            ["0 B", "1023 B", "1.5 KiB", "238 MiB", "45.5 TiB"]
        );
        assert_eq!(
            [0.02, 5.0, 90.0, 600.0, 9_000.0, 1e6].map(human_seconds),
            ["20 ms", "5.0 s", "90 s", "10 min", "2 h", "12 d"]
        );
    }

    #[test]
    fn the_key_tells_the_unit() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let show = |key, value| cell(key, &value, now);
        assert_eq!(show("size_bytes", 2048.into()), Cell::number("2.0 KiB"));
        assert_eq!(show("cpu_percent", 12.34.into()), Cell::number("12.3 %"));
        assert_eq!(show("rows", 1_000_000.into()), Cell::number("1000000"));
        assert_eq!(show("at", "2026-01-02T03:03:05Z".into()), Cell::number("60 s ago"));
        assert_eq!(show("until", "2026-01-02T03:04:35Z".into()), Cell::number("in 30 s"));
        assert_eq!(show("cpu_percent", Value::Null), Cell::unknown());
        assert_eq!(show("counts", serde_json::json!({"a": 1, "b": "x"})), Cell::text("a=1 b=x"));
    }
}
