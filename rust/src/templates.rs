//! URI templates (RFC 6570, levels 1 to 3): does a URI come from this one?
//!
//! Strategy: a template is a row of atoms; one pass per atom over the URI turns the set of places
//! where the row so far can end into the next such set. There is no backtracking, so time is the
//! length of the URI times the number of atoms, whatever a server wrote.
//! Literal text is compared byte for byte. Values are matched more widely than they may be written:
//! `{x}` takes all but `/`, the reserved forms take all; the server has the last word.

/// A longer template is refused.
const TEMPLATE_BYTES: usize = 2048;
/// A longer URI matches no template.
const URI_BYTES: usize = 8192;
/// A template with more atoms is refused.
const ATOMS: usize = 64;

/// What is wrong with a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TemplateFault {
    /// Over the length limit.
    #[error("template over {TEMPLATE_BYTES} bytes")]
    Length,
    /// Over the limit of expressions.
    #[error("template with more than {ATOMS} parts")]
    Parts,
    /// A brace without its partner.
    #[error("template with an unmatched brace")]
    Brace,
    /// An expression that RFC 6570 does not have.
    #[error("template with an unknown expression")]
    Expression,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Atom {
    /// Exactly this text.
    Literal(Box<str>),
    /// One byte or more; `any` takes `/` too.
    Run { any: bool },
    /// Nothing, or `lead` and then any number of bytes; `any` takes `/` too.
    Tail { lead: u8, any: bool },
    /// Nothing, or `lead` and pairs `name=value` between `between`; `bare` allows a name alone.
    Pairs { lead: u8, between: u8, bare: bool, names: Box<[Box<str>]> },
}

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    atoms: Box<[Atom]>,
}

impl Template {
    /// Read a template.
    ///
    /// # Errors
    /// The first [`TemplateFault`] found.
    pub fn parse(text: &str) -> Result<Self, TemplateFault> {
        if text.len() > TEMPLATE_BYTES {
            return Err(TemplateFault::Length);
        }
        let mut atoms = Vec::new();
        let mut rest = text;
        while let Some((literal, tail)) = rest.split_once('{') {
            push_literal(literal, &mut atoms)?;
            let (expression, tail) = tail.split_once('}').ok_or(TemplateFault::Brace)?;
            push_expression(expression, &mut atoms)?;
            if atoms.len() > ATOMS {
                return Err(TemplateFault::Parts);
            }
            rest = tail;
        }
        push_literal(rest, &mut atoms)?;
        Ok(Self { atoms: atoms.into() })
    }

    /// The literal text that every URI of this template starts with.
    pub fn head(&self) -> &str {
        match self.atoms.first() {
            Some(Atom::Literal(text)) => text,
            _ => "",
        }
    }

    /// Say whether `uri` can come from this template.
    pub fn matches(&self, uri: &str) -> bool {
        let bytes = uri.as_bytes();
        if !uri.starts_with(self.head()) || bytes.len() > URI_BYTES || !self.ends_like(uri) {
            return false;
        }
        let mut ends = vec![false; bytes.len().saturating_add(1)];
        set(&mut ends, 0);
        for atom in &self.atoms {
            ends = atom.advance(bytes, &ends);
        }
        ends.last().copied().unwrap_or(false)
    }

    fn ends_like(&self, uri: &str) -> bool {
        match self.atoms.last() {
            Some(Atom::Literal(text)) => uri.ends_with(text.as_ref()),
            _ => true,
        }
    }
}

fn push_literal(text: &str, atoms: &mut Vec<Atom>) -> Result<(), TemplateFault> {
    if text.contains('}') {
        return Err(TemplateFault::Brace);
    }
    if !text.is_empty() {
        atoms.push(Atom::Literal(text.into()));
    }
    Ok(())
}

fn push_expression(text: &str, atoms: &mut Vec<Atom>) -> Result<(), TemplateFault> {
    let (operator, list) = match text.as_bytes().first() {
        Some(&first) if b"+#./;?&".contains(&first) => (first, text.get(1..).unwrap_or_default()),
        _ => (b' ', text),
    };
    let mut names: Vec<Box<str>> = Vec::new();
    let mut exploded = false;
    for item in list.split(',') {
        let (name, many) = read_variable(item).ok_or(TemplateFault::Expression)?;
        names.push(name.into());
        exploded = exploded || many;
    }
    if names.len() > ATOMS {
        return Err(TemplateFault::Parts);
    }
    match operator {
        b'+' => atoms.push(Atom::Run { any: true }),
        b'#' => atoms.push(Atom::Tail { lead: b'#', any: true }),
        b'.' => atoms.push(Atom::Tail { lead: b'.', any: false }),
        b'/' if exploded => atoms.push(Atom::Tail { lead: b'/', any: true }),
        b'/' => atoms.extend(names.iter().map(|_| Atom::Tail { lead: b'/', any: false })),
        // An exploded value brings names of its own.
        b';' | b'?' | b'&' if exploded => atoms.push(Atom::Tail { lead: operator, any: true }),
        b';' => {
            atoms.push(Atom::Pairs { lead: b';', between: b';', bare: true, names: names.into() });
        }
        b'?' | b'&' => atoms.push(Atom::Pairs {
            lead: operator,
            between: b'&',
            bare: false,
            names: names.into(),
        }),
        _ => atoms.push(Atom::Run { any: false }),
    }
    Ok(())
}

/// Read `name`, `name*` or `name:3`; say whether it is exploded.
fn read_variable(item: &str) -> Option<(&str, bool)> {
    let (item, exploded) = item.strip_suffix('*').map_or((item, false), |rest| (rest, true));
    let name = match item.split_once(':') {
        Some((name, digits)) => {
            let fine =
                (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
            (fine && !exploded).then_some(name)?
        }
        None => item,
    };
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"_.%-".contains(&byte);
    (!name.is_empty() && name.bytes().all(fine)).then_some((name, exploded))
}

fn set(places: &mut [bool], at: usize) {
    if let Some(place) = places.get_mut(at) {
        *place = true;
    }
}

impl Atom {
    /// Give the places where this atom can end when it begins at one of `starts`.
    fn advance(&self, uri: &[u8], starts: &[bool]) -> Vec<bool> {
        let mut ends = vec![false; starts.len()];
        match self {
            Self::Literal(text) => {
                for (at, _) in starts.iter().enumerate().filter(|(_, start)| **start) {
                    if uri.get(at..).is_some_and(|rest| rest.starts_with(text.as_bytes())) {
                        set(&mut ends, at.saturating_add(text.len()));
                    }
                }
            }
            Self::Run { any } => {
                let mut open = false;
                for ((&byte, &start), end) in uri.iter().zip(starts).zip(ends.iter_mut().skip(1)) {
                    open = (open || start) && (*any || byte != b'/');
                    *end = open;
                }
            }
            Self::Tail { lead, any } => {
                ends.copy_from_slice(starts);
                let mut open = false;
                for ((&byte, &start), end) in uri.iter().zip(starts).zip(ends.iter_mut().skip(1)) {
                    open = (open && (*any || byte != b'/')) || (start && byte == *lead);
                    *end = *end || open;
                }
            }
            Self::Pairs { .. } => {
                ends.copy_from_slice(starts);
                self.advance_pairs(uri, starts, &mut ends);
            }
        }
        ends
    }

    fn advance_pairs(&self, uri: &[u8], starts: &[bool], ends: &mut [bool]) {
        let Self::Pairs { lead, between, bare, names } = self else { return };
        // Places after a whole `name=`, and places after a name alone.
        let mut values = vec![false; ends.len()];
        let mut alone = vec![false; ends.len()];
        let mut open = false;
        for (at, (&byte, &start)) in uri.iter().zip(starts).enumerate() {
            let value = open || values.get(at).copied().unwrap_or(false);
            let name = *bare && alone.get(at).copied().unwrap_or(false);
            let pair = (start && byte == *lead) || ((value || name) && byte == *between);
            if pair {
                let after = at.saturating_add(1);
                for name in names {
                    mark_name(uri, after, name, [&mut values, &mut alone]);
                }
            }
            open = value && byte != *between;
            if open {
                set(ends, at.saturating_add(1));
            }
        }
        for (end, (value, name)) in ends.iter_mut().zip(values.iter().zip(&alone)) {
            *end = *end || *value || (*bare && *name);
        }
    }
}

/// Mark where `name` and `name=` end, if they stand here.
fn mark_name(uri: &[u8], at: usize, name: &str, marks: [&mut [bool]; 2]) {
    let [values, alone] = marks;
    let Some(rest) = uri.get(at..).and_then(|rest| rest.strip_prefix(name.as_bytes())) else {
        return;
    };
    let end = at.saturating_add(name.len());
    set(alone, end);
    if rest.first() == Some(&b'=') {
        set(values, end.saturating_add(1));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(template: &str, uri: &str) -> bool {
        Template::parse(template).unwrap().matches(uri)
    }

    #[test]
    fn simple_and_reserved() {
        assert!(matches("time://{zone}/now", "time://Europe/now"));
        assert!(matches("time://{zone}/now", "time://a%2Fb:c ü/now"));
        assert!(!matches("time://{zone}/now", "time://Europe/Oslo/now"));
        assert!(!matches("time://{zone}/now", "time:///now"));
        assert!(!matches("time://{zone}/now", "time://x/now/"));
        assert!(!matches("time://{zone}/now", "Time://x/now"));
        assert!(matches("file:///{+path}", "file:///a/b?c#d"));
        assert!(!matches("file:///{+path}", "file:///"));
        assert!(matches("a:{x,y}", "a:1,2"));
        assert!(matches("a:{x:3}", "a:1"));
        assert!(matches("urn:fixed", "urn:fixed"));
        assert!(!matches("urn:fixed", "urn:fixed2"));
    }

    #[test]
    fn other_operators() {
        assert!(
            matches("a:x{#f}", "a:x")
                && matches("a:x{#f}", "a:x#y/z")
                && !matches("a:x{#f}", "a:xy")
        );
        assert!(matches("a:x{.f}", "a:x.tar.gz") && !matches("a:x{.f}", "a:x.a/b"));
        assert!(
            matches("a:x{/p,q}", "a:x/1/2")
                && matches("a:x{/p,q}", "a:x")
                && !matches("a:x{/p,q}", "a:x/1/2/3")
        );
        assert!(matches("a:x{/p*}", "a:x/1/2/3"));
        assert!(matches("a:x{?p,q}", "a:x?q=1&p=") && matches("a:x{?p,q}", "a:x"));
        assert!(
            !matches("a:x{?p,q}", "a:x?r=1")
                && !matches("a:x{?p,q}", "a:x?p")
                && !matches("a:x{?p}", "a:x?p=1&")
        );
        assert!(matches("a:x?k=1{&p}", "a:x?k=1&p=2") && !matches("a:x?k=1{&p}", "a:x?k=1?p=2"));
        assert!(matches("a:x{;p,q}", "a:x;p;q=2") && !matches("a:x{;p,q}", "a:x;r"));
        assert!(!matches("a:x{?p,q}", "a:x?p&q=1"));
        assert!(matches("a:x{;p}=", "a:x;p=") && matches("a:x{;p}=", "a:x;p=="));
        assert!(matches("a:x{?p*}", "a:x?any=1"));
    }

    #[test]
    fn faults() {
        let fault = |text: &str| Template::parse(text).unwrap_err();
        assert_eq!(fault("a{b"), TemplateFault::Brace);
        assert_eq!(fault("a}b"), TemplateFault::Brace);
        for text in
            ["{}", "{=x}", "{|x}", "{x,}", "{x y}", "{x:}", "{x:12345}", "{x:1*}", "{+}", "{{x}"]
        {
            assert_eq!(fault(text), TemplateFault::Expression, "{text}");
        }
        assert_eq!(fault(&"x".repeat(2049)), TemplateFault::Length);
        assert_eq!(fault(&"{x}".repeat(65)), TemplateFault::Parts);
    }

    #[test]
    fn hostile_templates_take_linear_time() {
        let template = Template::parse(&format!("{}b", "{+x}a".repeat(31))).unwrap();
        let started = std::time::Instant::now();
        assert!(!template.matches(&format!("{}ab", "a".repeat(30))));
        assert!(!template.matches(&"a".repeat(URI_BYTES)));
        assert!(template.matches(&format!("{}b", "a".repeat(URI_BYTES - 1))));
        let pairs = Template::parse("{+y}{?x}{?x}{?x}{?x}").unwrap();
        assert!(pairs.matches(&"?x=".repeat(URI_BYTES / 3)));
        assert!(started.elapsed().as_secs() < 2);
    }

    #[derive(Debug, Clone)]
    enum Part {
        Literal(String),
        Simple,
        Reserved,
        Fragment,
        Label,
        Path(usize),
        Query(char, Vec<&'static str>),
    }

    fn render(part: &Part) -> String {
        match part {
            Part::Literal(text) => text.clone(),
            Part::Simple => "{v}".into(),
            Part::Reserved => "{+v}".into(),
            Part::Fragment => "{#v}".into(),
            Part::Label => "{.v}".into(),
            Part::Path(count) => format!("{{/{}}}", vec!["v"; *count].join(",")),
            Part::Query(lead, names) => format!("{{{lead}{}}}", names.join(",")),
        }
    }

    /// The meaning of one part, told plainly.
    fn is_piece(part: &Part, piece: &str) -> bool {
        match part {
            Part::Literal(text) => text == piece,
            Part::Simple => !piece.is_empty() && !piece.contains('/'),
            Part::Reserved => !piece.is_empty(),
            Part::Fragment => piece.is_empty() || piece.starts_with('#'),
            Part::Label => piece.is_empty() || (piece.starts_with('.') && !piece.contains('/')),
            Part::Path(count) => {
                piece.is_empty() || (piece.starts_with('/') && piece.matches('/').count() <= *count)
            }
            Part::Query(lead, names) => {
                let between = if *lead == ';' { ';' } else { '&' };
                piece.is_empty()
                    || piece.strip_prefix(*lead).is_some_and(|pairs| {
                        pairs.split(between).all(|pair| match pair.split_once('=') {
                            Some((name, _)) => names.contains(&name),
                            None => *lead == ';' && names.contains(&pair),
                        })
                    })
            }
        }
    }

    fn oracle(parts: &[Part], uri: &str) -> bool {
        match parts.split_first() {
            None => uri.is_empty(),
            Some((part, rest)) => {
                (0..=uri.len()).any(|end| is_piece(part, &uri[..end]) && oracle(rest, &uri[end..]))
            }
        }
    }

    fn parts() -> impl Strategy<Value = Vec<Part>> {
        let names = prop::sample::subsequence(vec!["x", "y", "xy"], 1..=3);
        let part = prop_oneof![
            "[a/x=&?;]{1,2}".prop_map(Part::Literal),
            Just(Part::Simple),
            Just(Part::Reserved),
            Just(Part::Fragment),
            Just(Part::Label),
            (1usize..3).prop_map(Part::Path),
            (prop::sample::select(vec!['?', '&', ';']), names)
                .prop_map(|(lead, names)| Part::Query(lead, names)),
        ];
        prop::collection::vec(part, 0..5)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_matcher_agrees_with_the_oracle(parts in parts(), uri in "([?&;]xy?=?|[axy=&?;/.#]){0,8}") {
            let text: String = parts.iter().map(render).collect();
            prop_assert_eq!(matches(&text, &uri), oracle(&parts, &uri), "{} {}", text, uri);
        }

        #[test]
        fn no_text_breaks_the_parser(text in "[a{}+#./;?&,:*1 ü]{0,20}", uri in "\\PC{0,20}") {
            if let Ok(template) = Template::parse(&text) {
                template.matches(&uri);
            }
        }
    }
}
