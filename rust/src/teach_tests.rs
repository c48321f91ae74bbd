//! What a refused client is taught, and the bounds of it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn reply(id: &[u8], structured: bool) -> Reply<'_> {
    Reply { id, event: "01J9Z3", tool: "search", modern: true, structured, hide: |_| false }
}

fn parsed(problems: &[Problem], reply: &Reply<'_>) -> Value {
    serde_json::from_slice(&render(problems, reply)).unwrap()
}

fn text(problems: &[Problem]) -> String {
    let value = parsed(problems, &reply(b"1", true));
    value["result"]["content"][0]["text"].as_str().unwrap().to_owned()
}

fn unknown(name: &str) -> Problem {
    Problem {
        expected: "no such name".into(),
        got: "integer".into(),
        name: Some(name.into()),
        near: Some("max_length".into()),
        allowed: vec!["max_length".into(), "query".into()],
        ..Problem::default()
    }
}

fn wrong(pointer: &str) -> Problem {
    Problem {
        pointer: pointer.into(),
        expected: "integer".into(),
        got: "string of 2 characters".into(),
        ..Problem::default()
    }
}

#[test]
fn the_model_is_told_what_to_change() {
    let missing = Problem {
        pointer: "/page".into(),
        expected: "a required name".into(),
        got: "missing".into(),
        name: Some("size".into()),
        ..Problem::default()
    };
    let order = Problem {
        expected: "an allowed value".into(),
        near: Some("\"asc\"".into()),
        allowed: vec!["\"asc\"".into(), "\"desc\"".into()],
        ..wrong("/order")
    };
    assert_eq!(
        text(&[unknown("maxLenght"), wrong("/limit"), missing, order, wrong("")]),
        "Arguments of search were refused; nothing was run.\n\
         - /maxLenght: no such name; did you mean max_length? Known names: max_length, query.\n\
         - /limit: expected integer, got string of 2 characters.\n\
         - /page/size: required, but missing.\n\
         - /order: expected an allowed value, got string of 2 characters. Did you mean \"asc\"? Allowed: \"asc\", \"desc\".\n\
         - the arguments: expected integer, got string of 2 characters.\n\
         Correct the arguments and call again. Event: 01J9Z3."
    );
}

#[test]
fn the_machine_is_told_the_same_where_it_may_be() {
    let data = json!({"reason": "arguments", "eventId": "01J9Z3", "retryable": false, "problems": [
        {"pointer": "/limit", "expected": "integer", "got": "string of 2 characters", "allowed": []},
    ]});
    let value = parsed(&[wrong("/limit")], &reply(b"\"a\"", true));
    assert_eq!(value["id"], "a");
    let result = &value["result"];
    assert_eq!((&result["isError"], &result["resultType"]), (&json!(true), &json!("complete")));
    assert_eq!(result["structuredContent"], data);
    assert!(result.get("_meta").is_none());
    let plain = Reply { modern: false, ..reply(b"7", false) };
    let result = &parsed(&[wrong("/limit")], &plain)["result"];
    assert_eq!(result["_meta"], json!({ "mcpgate/refusal": data }));
    assert!(result.get("structuredContent").is_none() && result.get("resultType").is_none());
}

#[test]
fn hidden_names_are_not_shown() {
    let secret = Reply { hide: |text| text.contains("hunter"), ..reply(b"1", true) };
    let problems =
        [unknown("hunter2"), wrong("/a/hunter2/b"), wrong("/hunter~1x"), wrong("/plain")];
    let body = String::from_utf8(render(&problems, &secret)).unwrap();
    assert!(!body.contains("hunter"), "{body}");
    assert!(body.contains("- /(hidden): no such name"), "{body}");
    assert!(body.contains("/plain"), "{body}");
}

#[test]
fn what_hides_or_acts_is_spelled_out() {
    let text = text(&[unknown("a\u{1b}[31m\u{202e}b\u{200b}\n\u{e0041}c")]);
    assert!(
        text.contains(r"- /a\u{1b}[31m\u{202e}b\u{200b}\u{a}\u{e0041}c: no such name"),
        "{text}"
    );
}

#[test]
fn long_names_are_cut_and_many_problems_counted() {
    let said = text(&[unknown(&"n".repeat(5_000))]);
    assert!(said.contains(&format!("/{}\u{2026}:", "n".repeat(64))), "{said}");
    let many: Vec<Problem> = (0..40).map(|number| wrong(&format!("/field{number}"))).collect();
    let said = text(&many);
    assert!(said.contains("- /field0:") && said.contains(" more.\n"), "{said}");
    let value = parsed(&many, &reply(b"1", true));
    let data = &value["result"]["structuredContent"];
    let told = data["problems"].as_array().unwrap().len();
    assert_eq!(data["more"], json!(40 - told));
    assert!(text(&[]).contains("do not match"));
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_/~]{0,12}",
        "\\PC{0,80}",
        prop::collection::vec(any::<char>(), 0..300).prop_map(String::from_iter),
        "[\"\\\\\u{1}\u{202e}]{0,200}",
        "\u{10ffff}{0,300}",
    ]
}

prop_compose! {
    fn problem()(
        pointer in prop_oneof![Just(String::new()), any_text().prop_map(|text| format!("/{text}"))],
        expected in any_text(),
        got in any_text(),
        name in prop::option::of(any_text()),
        near in prop::option::of(any_text()),
        allowed in prop::collection::vec(any_text(), 0..25),
    ) -> Problem {
        Problem { pointer, expected, got, name, near, allowed }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_reply_is_short_valid_and_visible(
        problems in prop::collection::vec(problem(), 0..14),
        id in "[1-9][0-9]{0,8}|\"[a-z\u{e9}]{0,120}\"|\"[a-z]{254}\"",
        event in any_text(),
        tool in any_text(),
        modern in any::<bool>(),
        structured in any::<bool>(),
    ) {
        let hide: fn(&str) -> bool = |_| false;
        let reply = Reply { id: id.as_bytes(), event: &event, tool: &tool, modern, structured, hide };
        let body = render(&problems, &reply);
        prop_assert!(body.len() <= REPLY_BYTES, "{}", body.len());
        let value: Value = serde_json::from_slice(&body).unwrap();
        prop_assert_eq!(&value["id"], &serde_json::from_str::<Value>(&id).unwrap());
        prop_assert_eq!(&value["result"]["isError"], &json!(true));
        let said = value["result"]["content"][0]["text"].as_str().unwrap();
        prop_assert!(said.contains("nothing was run"));
        for letter in String::from_utf8(body.clone()).unwrap().chars().chain(said.chars()) {
            prop_assert!(letter == '\n' || !acts_or_hides(letter), "{:?}", letter);
        }
        let result = &value["result"];
        let data = if structured { &result["structuredContent"] } else { &result["_meta"]["mcpgate/refusal"] };
        let told = data["problems"].as_array().unwrap().len();
        let more = data["more"].as_u64().unwrap_or(0);
        prop_assert_eq!(told as u64 + more, problems.len() as u64);
    }

    #[test]
    fn hidden_names_never_leave(
        mut problems in prop::collection::vec(problem(), 1..6),
        place in 0usize..6,
    ) {
        let place = place % problems.len();
        problems[place].name = Some("k-SECRET-1".into());
        problems[place].pointer.push_str("/SECRET");
        let hide: fn(&str) -> bool = |text| text.contains("SECRET");
        let reply = Reply { hide, ..reply(b"1", true) };
        let body = String::from_utf8(render(&problems, &reply)).unwrap();
        prop_assert!(!body.contains("SECRET"));
    }
}
