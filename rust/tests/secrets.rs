//! Secrets: each kind planted and found, near-misses left alone, nothing else touched.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails should say so at once"
)]

use _core::rewrite::{Edits, string};
use _core::secrets::{KINDS, Secret, find, kind_of};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mcpgate_json::{Doc, Node, NodeKind, Tape};
use proptest::prelude::*;

/// So many letters of an alphabet, in an order that looks like nothing.
fn letters(alphabet: &str, count: usize) -> String {
    let alphabet: Vec<char> = alphabet.chars().collect();
    (0..count).map(|place| alphabet[(place * 7 + place / 5 + 3) % alphabet.len()]).collect()
}

fn alnum(count: usize) -> String {
    letters("aB3dE6gH9jKmN2pQrS5tU8wXy", count)
}

fn upper(count: usize) -> String {
    letters("A2B3C4D5E6F7G", count)
}

fn hex(count: usize) -> String {
    letters("0f1e2d3c4b5a69788", count)
}

fn web_token() -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let payload = format!("{{\"sub\":\"{}\"}}", alnum(12));
    [part("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"), part(&payload), alnum(43)].join(".")
}

fn key_lines(mark: &str, between: &str) -> String {
    let dashes = "-".repeat(5);
    let lines = [
        format!("{dashes}BEGIN {mark}{dashes}"),
        alnum(64),
        alnum(31),
        format!("{dashes}END {mark}{dashes}"),
    ];
    lines.join(between)
}

type Fake = (&'static str, String);

fn clouds() -> Vec<Fake> {
    vec![
        ("aws_access_key_id", ["AK", "IA", &upper(16)].concat()),
        ("aws_access_key_id", ["AS", "IA", &upper(16)].concat()),
        ("alibaba_access_key_id", ["LT", "AI", &alnum(20)].concat()),
        ("github_token", ["gh", "p_", &alnum(36)].concat()),
        ("github_token", ["gh", "o_", &alnum(36)].concat()),
        ("github_token", ["gh", "u_", &alnum(36)].concat()),
        ("github_token", ["gh", "s_", &alnum(36)].concat()),
        ("github_token", ["gh", "r_", &alnum(76)].concat()),
        ("github_fine_grained_token", ["github", "_pat_", &alnum(22), "_", &alnum(59)].concat()),
        ("gitlab_token", ["gl", "pat-", &alnum(20)].concat()),
        ("gitlab_token", ["gl", "rt-", &alnum(20)].concat()),
        ("slack_token", ["xo", "xb-", &hex(0), "123456789012-", &alnum(24)].concat()),
        ("slack_token", ["xo", "xp-", "123456789012-123456789012-", &hex(32)].concat()),
        ("slack_app_token", ["xa", "pp-1-", &upper(11), "-1234567890123-", &hex(64)].concat()),
        (
            "slack_webhook",
            ["hooks.slack", ".com/services/", "T", &upper(8), "/B", &upper(10), "/", &alnum(24)]
                .concat(),
        ),
        ("stripe_key", ["sk", "_live_", &alnum(24)].concat()),
        ("stripe_key", ["rk", "_live_", &alnum(99)].concat()),
        ("stripe_webhook_secret", ["whs", "ec_", &alnum(32)].concat()),
        ("model_key", ["sk", "-", &alnum(48)].concat()),
        ("model_key", ["sk", "-proj-", &alnum(60), "_", &alnum(60)].concat()),
        ("model_key", ["sk", "-ant-api03-", &alnum(93), "AA"].concat()),
        ("model_key", ["sk", "-or-v1-", &hex(64)].concat()),
    ]
}

fn packages() -> Vec<Fake> {
    vec![
        ("groq_key", ["gs", "k_", &alnum(52)].concat()),
        ("xai_key", ["xa", "i-", &alnum(80)].concat()),
        ("perplexity_key", ["pp", "lx-", &alnum(48)].concat()),
        ("replicate_token", ["r", "8_", &alnum(37)].concat()),
        ("huggingface_token", ["h", "f_", &letters("aBcDeFgHiJ", 34)].concat()),
        ("google_api_key", ["AI", "za", &alnum(35)].concat()),
        ("google_oauth_token", ["ya", "29.", &alnum(60)].concat()),
        ("google_oauth_secret", ["GOC", "SPX-", &alnum(28)].concat()),
        ("npm_token", ["np", "m_", &alnum(36)].concat()),
        ("pypi_token", ["py", "pi-AgEIcHlwaS5vcmc", &alnum(60)].concat()),
    ]
}

fn services() -> Vec<Fake> {
    vec![
        ("rubygems_key", ["ruby", "gems_", &hex(48)].concat()),
        ("docker_token", ["dckr", "_pat_", &alnum(27)].concat()),
        ("digitalocean_token", ["do", "p_v1_", &hex(64)].concat()),
        ("sendgrid_key", ["S", "G.", &alnum(22), ".", &alnum(43)].concat()),
        ("mailgun_key", ["ke", "y-", &hex(32)].concat()),
        ("grafana_service_token", ["gl", "sa_", &alnum(32), "_", &hex(8)].concat()),
        ("grafana_cloud_token", ["gl", "c_", &alnum(80)].concat()),
        ("vault_token", ["hv", "s.", &alnum(90)].concat()),
        ("terraform_token", [&alnum(14), ".atlas", "v1.", &alnum(67)].concat()),
        ("shopify_token", ["sh", "pat_", &hex(32)].concat()),
        ("square_token", ["sq", "0atp-", &alnum(22)].concat()),
        ("linear_key", ["lin", "_api_", &alnum(40)].concat()),
        ("notion_token", ["nt", "n_", &alnum(46)].concat()),
        ("figma_token", ["fig", "d_", &alnum(43)].concat()),
        ("atlassian_token", ["ATA", "TT3", &alnum(180)].concat()),
        ("databricks_token", ["da", "pi", &hex(32)].concat()),
        ("new_relic_key", ["NR", "AK-", &upper(27)].concat()),
        ("postman_key", ["PM", "AK-", &hex(24), "-", &hex(34)].concat()),
        ("doppler_token", ["dp", ".pt.", &alnum(43)].concat()),
        ("planetscale_token", ["pscale", "_tkn_", &alnum(43)].concat()),
        ("supabase_token", ["sb", "p_", &hex(40)].concat()),
        ("pulumi_token", ["pu", "l-", &hex(40)].concat()),
        ("sentry_token", ["sntr", "yu_", &hex(64)].concat()),
        ("telegram_bot_token", ["123456789", ":A", "A", &alnum(33)].concat()),
        ("age_secret_key", ["AGE-SECRET", "-KEY-1", &upper(58)].concat()),
        ("web_token", web_token()),
        ("private_key", key_lines("PRIVATE KEY", "\n")),
        ("private_key", key_lines("RSA PRIVATE KEY", "\r\n")),
        ("private_key", key_lines("OPENSSH PRIVATE KEY", "\\n")),
        ("private_key", key_lines("PGP PRIVATE KEY BLOCK", "\n")),
    ]
}

/// Fakes, put together here so that no scanner of this repository finds one in it: the kind, what
/// stands before the secret, the secret, what stands behind it.
fn planted() -> Vec<(&'static str, String, String, String)> {
    let whole = [clouds(), packages(), services()].into_iter().flatten();
    let mut rows: Vec<_> =
        whole.map(|(kind, secret)| (kind, String::new(), secret, String::new())).collect();
    surrounded(&mut |kind, before: String, secret: String, behind: &str| {
        rows.push((kind, before, secret, behind.to_owned()));
    });
    rows
}

/// Secrets of which only a part of what is known by its surroundings is taken.
fn surrounded(around: &mut impl FnMut(&'static str, String, String, &str)) {
    let account = ["Account", "Key="].concat();
    let key = [&account, &*alnum(86), "=="].concat();
    around("azure_storage_key", "Protocol=https;AccountName=a;".into(), key, ";EndpointSuffix=x");
    let shared = ["SharedAccess", "Key="].concat();
    around(
        "azure_shared_key",
        "Endpoint=sb://a/;".into(),
        [&shared, &*alnum(43), "="].concat(),
        "",
    );
    around("aws_secret_access_key", "aws_secret_access_key = ".into(), alnum(40), "\n");
    around("aws_secret_access_key", "\"SecretAccessKey\": \"".into(), alnum(40), "\"");
    for scheme in ["postgres", "postgresql", "mysql", "mongodb+srv", "redis", "amqps", "https"] {
        around("url_password", format!("url={scheme}://ann:"), "s3cr:3t!".into(), "@db.example/x");
    }
    around("url_password", "jdbc:postgresql://:".into(), "s3cr3t".into(), "@[::1]:5432/x");
    around("bearer_token", "Authorization: Bearer ".into(), alnum(24), "\nAccept: x");
    around("bearer_token", "{\"authorization\": \"bearer ".into(), alnum(24), "\"}");
    around("bearer_token", "Bearer ".into(), alnum(24), "");
    let pair = STANDARD.encode("ann:s3cr3t");
    around("basic_credentials", "-H 'Authorization: Basic ".into(), pair.clone(), "' x");
    around("basic_credentials", "Basic ".into(), pair, "");
}

const CONTEXTS: [(&str, &str); 8] = [
    ("", ""),
    ("key=", "\n"),
    ("the key is \"", "\", keep it"),
    ("(", ")"),
    ("a\tb\n", "\n"),
    ("ü ", " ü"),
    ("/", "?"),
    ("", ". And so on"),
];

fn redacted(raw: &[u8]) -> (Vec<Secret>, Vec<u8>) {
    let mut tape = Tape::default();
    let doc = tape.scan(raw, 64).unwrap();
    let found = find(&doc, doc.root());
    let mut edits = Edits::new(raw);
    for secret in found.iter().filter(|secret| !secret.in_key) {
        edits.replace(secret.span.clone(), secret.with.clone());
    }
    let edited = edits.apply();
    let mut second = Tape::default();
    let after = second.scan(&edited, 64).unwrap();
    assert!(find(&after, after.root()).iter().all(|secret| secret.in_key));
    (found, edited)
}

/// A text as JSON with every letter as an escape.
fn spelled(text: &str) -> String {
    text.encode_utf16().fold(String::from("\""), |out, unit| format!("{out}\\u{unit:04X}")) + "\""
}

#[test]
fn every_kind_is_found_in_any_spelling_and_nothing_else_is_touched() {
    for (kind, before, secret, behind) in planted() {
        for (left, right) in CONTEXTS {
            let first = matches!(kind, "bearer_token" | "basic_credentials");
            if first && !before.contains("uthorization") && !left.is_empty() {
                continue;
            }
            let text = [left, &before, &secret, &behind, right].concat();
            let clean = [left, &before, "[redacted:", kind, "]", &behind, right].concat();
            assert_eq!(kind_of(&text), Some(kind), "{text}");
            assert_eq!(kind_of(&clean), None, "{clean}");
            for written in [String::from_utf8(string(&text)).unwrap(), spelled(&text)] {
                let raw = format!("{{\"a\": [1.50, {written} ],\"b\":\"\\u00e4\"}}");
                let (found, edited) = redacted(raw.as_bytes());
                assert_eq!(found.len(), 1, "{raw}");
                assert!(found[0].kind == kind && !found[0].in_key);
                let mut tape = Tape::default();
                let doc = tape.scan(&edited, 64).unwrap();
                let list = doc.get(doc.root(), "a").unwrap();
                let node = doc.items(list).nth(1).unwrap();
                assert_eq!(doc.text(node), clean);
                let rest = raw.replace(&written, doc.raw_text(node));
                assert_eq!(String::from_utf8(edited.clone()).unwrap(), rest);
            }
        }
    }
}

#[test]
fn every_kind_is_planted_above() {
    let planted = planted();
    assert!(KINDS.len() >= 30);
    for kind in KINDS {
        assert!(planted.iter().any(|row| row.0 == kind.id), "{}", kind.id);
        assert!(!kind.text.is_empty());
        assert_eq!(KINDS.iter().filter(|other| other.id == kind.id).count(), 1);
    }
}

fn harmless() -> Vec<String> {
    let image = STANDARD.encode((0..3000_u32).map(|n| (n * n % 251) as u8).collect::<Vec<_>>());
    vec![
        "123e4567-e89b-12d3-a456-426614174000".to_owned(),
        hex(40),
        hex(64),
        format!("sha256:{}", hex(64)),
        format!("data:image/png;base64,{image}"),
        image,
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor.".into(),
        ["AK", "IA", &upper(15)].concat(),
        ["AK", "IA", &upper(17)].concat(),
        ["AK", "IA", &upper(15).to_lowercase(), "a"].concat(),
        ["xAK", "IA", &upper(16)].concat(),
        ["gh", "p_", &alnum(35)].concat(),
        ["my_gh", "p_", &alnum(36)].concat(),
        ["gh", "p_", &alnum(36), "_x"].concat(),
        ["ghx", "_", &alnum(36)].concat(),
        ["gl", "pat-", &alnum(19)].concat(),
        ["xo", "xb-", "not-a-token"].concat(),
        ["sk", "_test_", &alnum(24)].concat(),
        ["sk", "-learn-is-a-library-for-machine-learning-in-python"].concat(),
        "a risk-based approach, task-1234567890123456789012345678901234567890".into(),
        "a disk-usage-report-of-2024-01-01-and-a-desk-lamp".into(),
    ]
}

fn near_misses() -> Vec<String> {
    vec![
        ["AI", "za", &alnum(34)].concat(),
        ["AI", "za", &alnum(36)].concat(),
        ["np", "m_", "config_registry"].concat(),
        ["h", "f_", &alnum(20)].concat(),
        ["ke", "y-", &hex(31)].concat(),
        ["S", "G.", &alnum(22), ".", &alnum(42)].concat(),
        format!("eyJ{}", alnum(40)),
        ["eyJ", &alnum(20), ".", &alnum(20), ".", &alnum(20)].concat(),
        [&URL_SAFE_NO_PAD.encode("{\"typ\":\"none\"}"), ".", &alnum(20), ".", &alnum(20)].concat(),
        key_lines("PUBLIC KEY", "\n"),
        key_lines("CERTIFICATE", "\n"),
        ["A PEM file begins with ", "-----BEGIN ", "PRIVATE KEY-----", " and a newline."].concat(),
        "https://example.com/a:b@c".into(),
        "https://ann@example.com/ and postgres://db.example/x".into(),
        "postgres://ann:<password>@db, postgres://ann:${PASSWORD}@db".into(),
        "postgres://ann:$PASSWORD@db, postgres://ann:****@db, s3://a:b@c, x://a:b@c".into(),
        "Bearer token authentication is required".into(),
        "the Bearer aaaaaaaaaaaaaaaaaaaaaaaa1 stood far away".into(),
        "Authorization: Bearer <your-token-goes-here-1>".into(),
        "Authorization: Basic authentication".into(),
        "Basic usage: see the manual".into(),
        "secret_access_key: see the vault".into(),
        "12:34:AA and 1234567:AAx".into(),
        "AccountKey=short==".into(),
        "[redacted:github_token]".into(),
    ]
}

#[test]
fn near_misses_are_left_alone() {
    for text in harmless().into_iter().chain(near_misses()) {
        assert_eq!(kind_of(&text), None, "{text}");
        for written in [String::from_utf8(string(&text)).unwrap(), spelled(&text)] {
            let (found, edited) = redacted(written.as_bytes());
            assert!(found.is_empty() && edited == written.as_bytes(), "{text}");
        }
    }
}

#[test]
fn a_header_is_near_also_when_escapes_stand_between() {
    let token = alnum(24);
    for between in ["\\u0746", "\\ubbbb", "\\u0001", "\\n"] {
        let raw = format!("[\"Authorization: {}bearer {token}\"]", between.repeat(5));
        let (found, edited) = redacted(raw.as_bytes());
        assert_eq!(found.len(), 1, "{raw}");
        assert!(!String::from_utf8(edited).unwrap().contains(&token), "{raw}");
    }
}

#[test]
fn a_secret_in_a_name_is_marked_and_one_in_a_value_is_not() {
    let token = ["gh", "p_", &alnum(36)].concat();
    for raw in [
        format!("{{\"{token}\" : 1}}"),
        format!("{{\"a\":{{\"x {token}\"\n:[]}}}}"),
        format!("{{{}:1}}", spelled(&token)),
    ] {
        let (found, _) = redacted(raw.as_bytes());
        assert!(found.len() == 1 && found[0].in_key, "{raw}");
    }
    let raw = format!("{{\"a\":\"{token}\",\"b\":[\"{token} {token}\"]}}");
    let (found, edited) = redacted(raw.as_bytes());
    assert!(found.len() == 3 && found.iter().all(|secret| !secret.in_key));
    assert_eq!(String::from_utf8(edited).unwrap(), raw.replace(&token, "[redacted:github_token]"));
}

#[test]
fn only_what_is_below_the_node_is_searched() {
    let token = ["gh", "p_", &alnum(36)].concat();
    let raw = format!("{{\"before\":\"{token}\",\"here\":[\"{token}\"],\"after\":\"{token}\"}}");
    let mut tape = Tape::default();
    let doc = tape.scan(raw.as_bytes(), 64).unwrap();
    let here = doc.get(doc.root(), "here").unwrap();
    let found = find(&doc, here);
    assert_eq!(found.len(), 1);
    assert!(doc.span(here).contains(&found[0].span.start));
}

#[test]
fn what_shows_once_its_neighbour_is_gone_is_taken_too() {
    let inner = ["AK", "IA", &upper(16)].concat();
    let dashes = ["sk", "-", &alnum(40), "-----BEGIN ", "PRIVATE KEY-----", &alnum(60)].concat();
    for text in [dashes, format!("https://u:{inner}@h"), format!("{inner}-{inner}.{inner}")] {
        let (found, _) = redacted(&string(&text));
        assert!(!found.is_empty(), "{text}");
    }
}

fn nodes(doc: &Doc<'_>, node: Node, out: &mut Vec<Node>) {
    out.push(node);
    doc.items(node).for_each(|item| nodes(doc, item, out));
    doc.entries(node).for_each(|(_, value)| nodes(doc, value, out));
}

fn mixed() -> impl Strategy<Value = String> {
    let planted: Vec<String> =
        planted().into_iter().map(|row| [row.1, row.2, row.3].concat()).collect();
    let piece = prop_oneof![
        prop::sample::select(planted),
        "\\PC{0,12}",
        "[ \\n\"\\\\/:.=_-]{0,4}",
        prop::sample::select(KINDS.iter().map(|kind| kind.id.to_owned()).collect::<Vec<_>>()),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn clean_text_is_untouched(texts in prop::collection::vec("[\\PC\n\t]{0,80}", 0..8)) {
        let raw = serde_json::to_vec(&texts).unwrap();
        let (found, edited) = redacted(&raw);
        prop_assert!(found.is_empty(), "{:?}", found);
        prop_assert_eq!(edited, raw);
    }

    #[test]
    fn all_is_taken_and_the_rest_stays(texts in prop::collection::vec((mixed(), any::<bool>()), 0..5)) {
        let written: Vec<String> = texts
            .iter()
            .map(|(text, odd)| if *odd { spelled(text) } else { String::from_utf8(string(text)).unwrap() })
            .collect();
        let raw = format!("{{\"n\":1.0,\"list\":[{}]}}", written.join(", "));
        let (found, edited) = redacted(raw.as_bytes());
        let (mut tape, mut second) = (Tape::default(), Tape::default());
        let doc = tape.scan(raw.as_bytes(), 64).unwrap();
        let after = second.scan(&edited, 64).unwrap();
        let (mut before, mut now) = (Vec::new(), Vec::new());
        nodes(&doc, doc.root(), &mut before);
        nodes(&after, after.root(), &mut now);
        prop_assert_eq!(before.len(), now.len());
        for (one, other) in before.iter().zip(&now) {
            if !matches!(doc.kind(*one), NodeKind::Plain | NodeKind::Escaped) {
                prop_assert_eq!(doc.kind(*one), after.kind(*other));
                continue;
            }
            let inside = |secret: &&Secret| doc.span(*one).contains(&secret.span.start);
            prop_assert_eq!(found.iter().find(inside).is_some(), kind_of(&doc.text(*one)).is_some());
            prop_assert_eq!(kind_of(&after.text(*other)), None);
            if found.iter().find(inside).is_none() {
                prop_assert_eq!(doc.raw(*one), after.raw(*other));
            }
        }
    }
}
