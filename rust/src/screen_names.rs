//! Names that pretend: look-alike letters, and other servers' names.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::screen::{
    Finding, Findings, NAME_CHARACTERS, NAME_HOMOGLYPH, NAME_SENTENCE, NAME_SHADOW, TEXT_HOMOGLYPH,
};
use crate::screen_text::is_unseen;

/// The longest name, in characters and in words, that is not a sentence.
const NAME_CHARS: usize = 128;
const NAME_WORDS: usize = 12;
/// What joins a server's name to an entry's own name.
const JOINTS: [&str; 5] = ["__", "/", ":", "+", "::"];
/// What clients put before the server's name.
const CLIENT_PREFIXES: [&str; 2] = ["mcp__", "mcp_"];

/// Letters of other scripts that look like Latin ones, small and capital.
const ALIKE: [(&str, char); 26] = [
    ("аαɑᴀ", 'a'),
    ("вβᏴᴃ", 'b'),
    ("сϲᴄ", 'c'),
    ("ԁᴅɗ", 'd'),
    ("еεҽᴇєё", 'e'),
    ("ƒғ", 'f'),
    ("ɡցԍ", 'g'),
    ("һнհʜ", 'h'),
    ("іιıїӏɪ", 'i'),
    ("јϳ", 'j'),
    ("кκᴋ", 'k'),
    ("ⅼʟ", 'l'),
    ("мᴍ", 'm'),
    ("ոηпɴ", 'n'),
    ("оοօσᴏ", 'o'),
    ("рρᴘ", 'p'),
    ("ԛզ", 'q'),
    ("гʀ", 'r'),
    ("ѕꜱ", 's'),
    ("тτᴛ", 't'),
    ("սυᴜ", 'u'),
    ("νѵᴠ", 'v'),
    ("ԝѡωᴡ", 'w'),
    ("хχ", 'x'),
    ("уүγʏ", 'y'),
    ("ᴢʐ", 'z'),
];

/// The Latin letter that a small letter of another script looks like.
fn find_alike(one: char) -> Option<char> {
    if one.is_ascii() {
        return None;
    }
    ALIKE.iter().find(|(others, _)| others.contains(one)).map(|(_, latin)| *latin)
}

/// Say how a name looks: names with the same skeleton can be taken for each other.
pub fn skeleton(name: &str) -> String {
    let mut skeleton = String::with_capacity(name.len());
    for one in name.nfkc().flat_map(char::to_lowercase).filter(|one| !is_unseen(*one)) {
        skeleton.push(find_alike(one).unwrap_or(one));
    }
    skeleton
}

/// Fold look-alike letters and digits of a word that has Latin letters too.
pub(crate) fn fold_mixed(word: &str) -> Cow<'_, str> {
    let latin = word.bytes().filter(u8::is_ascii_lowercase).count();
    let digits = word.bytes().any(|byte| byte.is_ascii_digit());
    if latin == 0 || (word.is_ascii() && (!digits || latin < 3)) {
        return Cow::Borrowed(word);
    }
    let letter = |one: char| match one {
        '0' => 'o',
        '1' => 'i',
        '3' => 'e',
        '4' => 'a',
        '5' => 's',
        '7' => 't',
        _ => find_alike(one).unwrap_or(one),
    };
    Cow::Owned(word.chars().map(letter).collect())
}

/// Whether a name of other letters looks like a Latin one.
fn pretends(name: &str) -> bool {
    if name.is_ascii() {
        return false;
    }
    let looks: Vec<char> = skeleton(name).chars().filter(|one| one.is_alphabetic()).collect();
    let plain = |one: char| one.is_ascii() || one.is_ascii_alphabetic();
    // Accents and signs beside Latin letters are no pretence; letters that look Latin are.
    let replaced = name
        .nfc()
        .flat_map(char::to_lowercase)
        .any(|one| find_alike(one).is_some() || is_styled(one));
    replaced && looks.len() > 1 && looks.iter().all(|one| plain(*one) || is_combining_mark(*one))
}

/// Latin letters in another dress: full width, mathematical, circled.
const fn is_styled(one: char) -> bool {
    matches!(one, '\u{ff01}'..='\u{ff5e}' | '\u{1d400}'..='\u{1d7ff}' | '\u{24b6}'..='\u{24e9}' | '\u{2100}'..='\u{214f}')
}

/// Judge the name of a tool, a prompt or a prompt's argument.
pub(crate) fn screen_name(name: &str, path: &str, findings: &mut Findings) {
    screen_parameter(name, path, findings);
    let simple = |one: char| one.is_ascii_alphanumeric() || "_-./: ".contains(one);
    if !name.chars().all(simple) {
        findings.add(&NAME_CHARACTERS, path, name);
    }
}

/// Judge the name of a parameter.
pub(crate) fn screen_parameter(name: &str, path: &str, findings: &mut Findings) {
    if name.split('|').any(|part| part.split(|one: char| !one.is_alphanumeric()).any(pretends)) {
        findings.add(&NAME_HOMOGLYPH, path, name);
    }
    let clean = crate::screen_words::clean(name);
    let words = clean.split(|one: char| !one.is_alphanumeric()).filter(|word| !word.is_empty());
    if name.chars().count() > NAME_CHARS || words.count() > NAME_WORDS {
        findings.add(&NAME_SENTENCE, path, name);
    }
}

/// Find a word of a text that mixes look-alike letters with Latin ones.
pub(crate) fn screen_mixed(text: &str, path: &str, findings: &mut Findings) {
    if text.is_ascii() {
        return;
    }
    for word in text.split(|one: char| !one.is_alphanumeric()) {
        let latin = word.bytes().filter(u8::is_ascii_alphabetic).count();
        let other = word.chars().filter(|one| !one.is_ascii() && one.is_alphabetic()).count();
        if latin > 1 && other > 0 && word.chars().count() > 3 && pretends(word) {
            findings.add(&TEXT_HOMOGLYPH, path, word);
            return;
        }
    }
}

/// Bring a name to the form in which servers' names are compared.
fn compare(name: &str) -> String {
    skeleton(name).replace('-', "_")
}

/// Find the registered server that an own name pretends to belong to.
pub fn find_shadow(own: &str, server: &str, servers: &[&str]) -> Option<Finding> {
    let looks = compare(own);
    let bare = CLIENT_PREFIXES.iter().find_map(|prefix| looks.strip_prefix(prefix));
    let claims = |other: &str| {
        let other = compare(other);
        [Some(looks.as_str()), bare].into_iter().flatten().any(|name| {
            let rest = name.strip_prefix(&other).unwrap_or_default();
            JOINTS.iter().any(|joint| rest.len() > joint.len() && rest.starts_with(joint))
        })
    };
    let itself = compare(server);
    let other = servers.iter().find(|other| compare(other) != itself && claims(other))?;
    let mut findings = Findings::default();
    findings.add(&NAME_SHADOW, "/name", &format!("{own} of {server} claims {other}"));
    findings.take().pop()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_have_one_skeleton() {
        for other in [
            "create_іssue",
            "Create_Issue",
            "ｃreate_issue",
            "create\u{200b}_issue",
            "сrеаtе_іѕѕuе",
        ] {
            assert_eq!(skeleton(other), "create_issue", "{other}");
        }
        for other in ["create_issues", "create-issue", "créate_issue"] {
            assert_ne!(skeleton(other), "create_issue", "{other}");
        }
    }

    #[test]
    fn names_of_other_servers() {
        let servers = ["github", "evil", "my-mail", "search"];
        for own in [
            "github__create_issue",
            "GitHub__create_issue",
            "gіthub__create_issue",
            "mcp__github__create_issue",
            "github/create_issue",
            "github:create_issue",
            "my_mail__send",
            "my-mail__send",
            "git\u{200b}hub__create_issue",
        ] {
            let finding = find_shadow(own, "evil", &servers);
            assert_eq!(finding.map(|finding| finding.rule.id), Some("name_shadow"), "{own}");
        }
        for own in [
            "create_issue",
            "evil__create",
            "search_code",
            "github_create_issue",
            "github__",
            "githubs__x",
        ] {
            assert_eq!(find_shadow(own, "evil", &servers), None, "{own}");
        }
        assert_eq!(find_shadow("github__create_issue", "github", &servers), None);
    }
}
