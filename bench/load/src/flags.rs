//! Flags of the form `--name value`.

use std::collections::BTreeMap;

/// The flags of one sub-command; `finish` refuses what nobody asked for.
pub struct Flags {
    values: BTreeMap<String, String>,
}

impl Flags {
    /// Read all words as pairs.
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut values = BTreeMap::new();
        while let Some(word) = words.next() {
            let name = word
                .strip_prefix("--")
                .ok_or_else(|| format!("{word:?} is no flag, flags start with --"))?;
            let value = words.next().ok_or_else(|| format!("--{name} has no value"))?;
            values.insert(name.to_owned(), value);
        }
        Ok(Self { values })
    }

    /// Refuse a flag that is not in `known`.
    pub fn allow(&self, known: &[&str]) -> Result<(), String> {
        match self.values.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(format!("--{name} is unknown, known are {}", known.join(", "))),
            None => Ok(()),
        }
    }

    /// The text of a flag, or what stands for it.
    pub fn text<'a>(&'a self, name: &str, absent: &'a str) -> &'a str {
        self.values.get(name).map_or(absent, String::as_str)
    }

    /// The whole number of a flag, or what stands for it.
    pub fn number(&self, name: &str, absent: u64) -> Result<u64, String> {
        self.values.get(name).map_or(Ok(absent), |text| {
            text.parse().map_err(|_| format!("--{name} {text:?} is no whole number"))
        })
    }

    /// The value of a flag as a count of things in memory.
    pub fn size(&self, name: &str, absent: u64) -> Result<usize, String> {
        usize::try_from(self.number(name, absent)?).map_err(|_| format!("--{name} is too large"))
    }

    /// The port every sub-command needs.
    pub fn port(&self) -> Result<u16, String> {
        u16::try_from(self.number("port", 0)?)
            .ok()
            .filter(|port| *port != 0)
            .ok_or_else(|| "--port must be from 1 to 65535".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Flags, String> {
        Flags::read(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn flags_come_in_pairs() {
        let flags = read(&["--port", "80", "--tool", "echo"]).unwrap();
        assert_eq!(flags.port(), Ok(80));
        assert_eq!(flags.text("tool", "x"), "echo");
        assert_eq!(flags.number("calls", 7), Ok(7));
        assert!(flags.allow(&["port"]).is_err());
        assert!(read(&["--port"]).is_err());
        assert!(read(&["port", "80"]).is_err());
    }
}
