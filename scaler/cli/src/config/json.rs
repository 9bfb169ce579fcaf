//! A reader for JSON that people write: keeps the order of keys, knows the path of every value, and collects
//! mistakes rather than stop at the first.

use std::cell::RefCell;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::mistakes::Mistake;

/// What every value of one document shares.
pub struct Document<'a> {
    base_dir: &'a Path,
    env: &'a dyn Fn(&str) -> Option<String>,
    mistakes: RefCell<Vec<Mistake>>,
}

impl<'a> Document<'a> {
    pub fn new(base_dir: &'a Path, env: &'a dyn Fn(&str) -> Option<String>) -> Document<'a> {
        Document { base_dir, env, mistakes: RefCell::default() }
    }

    pub fn mistake(&self, path: impl Into<String>, message: impl Into<String>) {
        self.mistakes.borrow_mut().push(Mistake { path: path.into(), message: message.into() });
    }

    /// Whether nothing is wrong yet with the value at exactly this path.
    pub fn is_clean(&self, path: &str) -> bool {
        self.mistakes.borrow().iter().all(|mistake| mistake.path != path)
    }

    pub fn into_mistakes(self) -> Vec<Mistake> {
        self.mistakes.into_inner()
    }

    /// The document's outermost object.
    pub fn object<'d>(&'d self, text: &'d str) -> Option<Object<'d>> {
        match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) => Value { document: self, path: String::new(), raw }.object(),
            Err(error) => {
                self.mistake("", format!("not JSON: {error}"));
                None
            }
        }
    }
}

/// An object of which each known key is taken once; what is left at the end is unknown.
pub struct Object<'d> {
    document: &'d Document<'d>,
    path: String,
    entries: Vec<(String, &'d RawValue)>,
    known: Vec<&'static str>,
}

impl<'d> Object<'d> {
    pub fn document(&self) -> &'d Document<'d> {
        self.document
    }

    pub fn take(&mut self, key: &'static str) -> Option<Value<'d>> {
        self.known.push(key);
        let position = self.entries.iter().position(|(name, _)| name == key)?;
        let (_, raw) = self.entries.remove(position);
        Some(Value { document: self.document, path: join(&self.path, key), raw })
    }

    /// Takes a key whose `null` means the same as its absence.
    pub fn take_optional(&mut self, key: &'static str) -> Option<Value<'d>> {
        self.take(key).filter(|value| !value.is_null())
    }

    /// Says of a key that this version knows and cannot do that it is not supported yet. `null` is no use of it.
    pub fn refuse(&mut self, key: &'static str, what: &str) {
        if let Some(value) = self.take_optional(key) {
            value.mistake(format!("{what} not supported yet"));
        }
    }

    /// Reports the keys that nobody took.
    pub fn finish(self) {
        for (key, _) in &self.entries {
            let nearest = nearest(key, &self.known).map(|name| format!(": did you mean `{name}`?"));
            self.document.mistake(join(&self.path, key), format!("unknown key{}", nearest.unwrap_or_default()));
        }
    }

    /// All entries in the order of the text, where the keys are names that the user chose.
    pub fn into_entries(self) -> impl Iterator<Item = (String, Value<'d>)> {
        self.entries.into_iter().map(move |(key, raw)| {
            let path = join(&self.path, &key);
            (key, Value { document: self.document, path, raw })
        })
    }
}

/// One value. Each way of reading it reports a mistake and gives `None` if the value is something else.
pub struct Value<'d> {
    document: &'d Document<'d>,
    pub path: String,
    raw: &'d RawValue,
}

impl<'d> Value<'d> {
    pub fn mistake(&self, message: impl Into<String>) {
        self.document.mistake(self.path.clone(), message);
    }

    pub fn is_null(&self) -> bool {
        self.raw.get() == "null"
    }

    pub fn is_text(&self) -> bool {
        self.raw.get().starts_with('"')
    }

    pub fn object(self) -> Option<Object<'d>> {
        if !self.raw.get().starts_with('{') {
            return self.unexpected("an object");
        }
        let Entries(all) = serde_json::from_str(self.raw.get()).ok()?;
        let mut entries: Vec<(String, &RawValue)> = Vec::new();
        for (key, raw) in all {
            match entries.iter().any(|(known, _)| *known == key) {
                true => self.document.mistake(join(&self.path, &key), "the key appears twice"),
                false => entries.push((key, raw)),
            }
        }
        Some(Object { document: self.document, path: self.path, entries, known: Vec::new() })
    }

    pub fn list(self) -> Option<Vec<Value<'d>>> {
        if !self.raw.get().starts_with('[') {
            return self.unexpected("a list");
        }
        let items: Vec<&RawValue> = serde_json::from_str(self.raw.get()).ok()?;
        let item = |(index, raw)| Value { document: self.document, path: format!("{}[{index}]", self.path), raw };
        Some(items.into_iter().enumerate().map(item).collect())
    }

    /// Text with its variables replaced.
    pub fn text(&self) -> Option<String> {
        match serde_json::from_str::<String>(self.raw.get()) {
            Ok(text) => self.expand(&text),
            Err(_) => self.unexpected("text"),
        }
    }

    /// Text of at least one character.
    pub fn name(&self) -> Option<String> {
        let text = self.text()?;
        if text.is_empty() {
            self.mistake("must not be empty");
            return None;
        }
        Some(text)
    }

    /// The file that the text names.
    pub fn file(&self) -> Option<PathBuf> {
        Some(self.document.base_dir.join(self.name()?))
    }

    /// The content of the file that the text names, without the newline that editors leave at its end.
    pub fn file_text(&self) -> Option<String> {
        let path = self.file()?;
        match std::fs::read_to_string(&path) {
            Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => {
                self.mistake(format!("cannot read {}: {error}", path.display()));
                None
            }
        }
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&self, choices: &[(&'static str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let guess = nearest(&text, &names).map(|name| format!(": did you mean `{name}`?"));
            self.mistake(format!("expected {}, found `{text}`{}", names.join(" or "), guess.unwrap_or_default()));
        }
        found
    }

    pub fn boolean(&self) -> Option<bool> {
        match self.scalar()?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => self.unexpected("true or false"),
        }
    }

    /// A finite number that satisfies `fits`, which `expected` puts in words.
    pub fn number(&self, expected: &str, fits: impl Fn(f64) -> bool) -> Option<f64> {
        let scalar = self.scalar()?;
        match scalar.parse::<f64>() {
            Ok(number) if number.is_finite() && fits(number) => Some(number),
            // `parse` knows more than JSON: words such as `inf`.
            Ok(_) if scalar.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                self.mistake(format!("expected {expected}, found {scalar}"));
                None
            }
            _ => self.unexpected(expected),
        }
    }

    pub fn integer(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.number(&expected, |number| number.fract() == 0.0)?;
        let scalar = self.scalar()?;
        let found = scalar.parse().ok().filter(|number| range.contains(number));
        if found.is_none() {
            self.mistake(format!("expected {expected}, found {scalar}"));
        }
        found
    }

    /// The literal as it stands, or what the variables in a text make of it, so that `"${SHARDS}"` can be a number.
    fn scalar(&self) -> Option<String> {
        let literal = self.raw.get();
        match serde_json::from_str::<String>(literal) {
            Ok(text) if text.contains("${") => self.expand(&text).map(|text| text.trim().to_owned()),
            _ => Some(literal.to_owned()),
        }
    }

    /// Replaces each `${NAME}`. `$${` stands for `${` itself.
    fn expand(&self, text: &str) -> Option<String> {
        let mut expanded = String::new();
        let mut complete = true;
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let before = &rest[..start];
            let after = &rest[start + 2..];
            if let Some(before) = before.strip_suffix('$') {
                expanded += before;
                expanded += "${";
                rest = after;
                continue;
            }
            expanded += before;
            let Some((name, following)) = after.split_once('}').filter(|(name, _)| is_variable(name)) else {
                self.mistake("`${` begins no variable: write `${NAME}`, or `$${` for the characters themselves");
                return None;
            };
            match (self.document.env)(name) {
                Some(value) => expanded += &value,
                None => {
                    self.mistake(format!("the environment has no variable `{name}`"));
                    complete = false;
                }
            }
            rest = following;
        }
        expanded += rest;
        complete.then_some(expanded)
    }

    /// Names the kind of what was found and not its text: the value may be a secret at the wrong place.
    fn unexpected<T>(&self, expected: &str) -> Option<T> {
        let found = match self.raw.get().bytes().next() {
            Some(b'{') => "an object",
            Some(b'[') => "a list",
            Some(b'"') => "text",
            Some(b'n') => "null",
            Some(b't') => "true",
            Some(b'f') => "false",
            _ => "a number",
        };
        self.mistake(format!("expected {expected}, found {found}"));
        None
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The known word that a mistyped one most likely stands for, if any is near enough to be worth saying.
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    // A name cut short, such as `shard_keys`, is nearer to the whole than to any other name.
    if let Some(whole) = known.iter().find(|name| word.len() >= 4 && name.contains(word)) {
        return Some(whole);
    }
    let similarity = |name: &&str| strsim::jaro_winkler(&word.to_lowercase(), &name.to_lowercase());
    let best = known.iter().copied().max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(&best) >= 0.75).then_some(best)
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The entries of a JSON object in the order of the text, repeated keys included.
struct Entries<'t>(Vec<(String, &'t RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entries<'de>, D::Error> {
        struct EntriesVisitor;
        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(EntriesVisitor)
    }
}
