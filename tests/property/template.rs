//! Templates and JSONPaths from anybody: no text makes the parser, the renderer or a selection panic or go
//! beyond its limits.

use proptest::prelude::*;
use ringgate::template::{Inputs, JsonPath, Limits, RenderProblem, Scratch, Template};

const LIMITS: Limits = Limits {
    steps: 20_000,
    depth: 60,
    output_bytes: 4_096,
    memory_bytes: 1 << 20,
    loop_iterations: 50,
};

/// Text that is often nearly a template: words of the language in any order.
fn soup() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "#set(",
        "#if(",
        "#elseif(",
        "#else",
        "#end",
        "#foreach(",
        "#macro(",
        "#define(",
        "#evaluate(",
        "#break",
        "#stop",
        "#f(",
        "#@f(",
        "#[[",
        "]]#",
        "##",
        "#*",
        "*#",
        "$",
        "$!",
        "${",
        "}",
        "$a",
        "$b",
        "$input",
        "$util",
        "$context",
        "$foreach",
        ".json(",
        ".path(",
        ".body",
        ".params()",
        ".escapeJavaScript(",
        ".parseJson(",
        ".size()",
        ".get(",
        ".put(",
        ".add(",
        ".substring(",
        ".replaceAll(",
        ".split(",
        ".matches(",
        ".keySet()",
        ".entrySet()",
        ".format(",
        ".requestOverride.header.x",
        ".responseOverride.status",
        " in ",
        " = ",
        " == ",
        "&&",
        " or ",
        "!",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "..",
        "'$.a[*]'",
        "'(a+)+$'",
        "'x'",
        "\"",
        "\"$a\"",
        "'",
        "1",
        "-7",
        "2.5",
        "true",
        "\\",
        "\n",
        " ",
        "é",
        "😀",
    ]);
    prop::collection::vec(
        prop_oneof![9 => words.prop_map(str::to_owned), 1 => any::<String>()],
        0..60,
    )
    .prop_map(|words| words.concat())
}

/// Text that is a template for sure.
fn template() -> impl Strategy<Value = String> {
    let reference = prop::sample::select(vec![
        "$a",
        "$b.c",
        "$input.path('$')",
        "$input.json('$..a')",
        "$input.path('$.a')[0]",
        "$util.parseJson($input.body)",
        "$util.escapeJavaScript($a)",
        "$a.toString()",
        "$a.substring(1)",
        "$b.put('k', $b)",
        "$l.add($l)",
        "$a.split('a')",
        "$a.replaceAll('(a*)*b', '$0$0')",
        "$foreach.count",
        "$context.responseOverride",
        "$input.params()",
    ]);
    let leaf = prop_oneof![
        reference.clone().prop_map(str::to_owned),
        reference.clone().prop_map(|it| format!("#set($a = {it})")),
        reference.clone().prop_map(|it| format!("#set($a = \"$a{it}\")")),
        reference
            .prop_map(|it| format!("#set($l = [{it}, $l, $a + $a])#set($b = {{'x': $l, $a: $b}})")),
        Just("text\n".to_owned()),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..6).prop_map(|it| it.concat()),
            inner.clone().prop_map(|it| format!("#if($a != $b){it}#else x#{{end}}")),
            inner.clone().prop_map(|it| format!("#foreach($i in [1..99]){it}#{{end}}")),
            inner.clone().prop_map(|it| format!("#foreach($i in $l){it}#{{end}}")),
            inner.clone().prop_map(|it| format!("#define($d){it}#{{end}}$d")),
            inner.clone().prop_map(|it| format!("#macro(m $a){it}#{{end}}#m($b)#m($l)")),
            inner.prop_map(|it| format!("#evaluate('{}')", it.replace('\'', "''"))),
        ]
    })
}

fn json_soup() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"",
        "'",
        "a",
        "1",
        "-",
        "1.5e3",
        "null",
        "true",
        "\\",
        "\\u00",
        "\\ud83d",
        " ",
        "\n",
        "é",
        "{\"a\":[1,{\"a\":2}]}",
    ]);
    prop::collection::vec(words, 0..30).prop_map(|words| words.concat())
}

fn render(template: &str, body: &str) -> Result<(), TestCaseError> {
    let Ok(template) = Template::parse(template) else { return Ok(()) };
    let inputs = Inputs { body, header: &[("a", "b")], ..Inputs::default() };
    let mut out = String::from("before");
    match template.render(&inputs, &mut Scratch::new(1), LIMITS, &mut out) {
        Ok(_) => prop_assert!(out.len() <= LIMITS.output_bytes + "before".len()),
        Err(problem) => {
            prop_assert_eq!(out, "before");
            prop_assert!(!problem.to_string().is_empty());
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_a_template_or_refused(text in soup(), body in json_soup()) {
        render(&text, &body)?;
    }

    #[test]
    fn any_template_ends_within_its_limits(text in template(), body in json_soup()) {
        prop_assert!(Template::parse(&text).is_ok(), "{}", text);
        render(&text, &body)?;
    }

    #[test]
    fn a_rendering_is_the_same_in_a_used_scratch(text in template(), body in json_soup()) {
        let Ok(template) = Template::parse(&text) else { return Ok(()) };
        let inputs = Inputs { body: &body, ..Inputs::default() };
        let mut scratch = Scratch::new(1);
        let (mut first, mut second) = (String::new(), String::new());
        let one = template.render(&inputs, &mut scratch, LIMITS, &mut first);
        // Another seed changes no output either.
        let two = template.render(&inputs, &mut Scratch::new(2), LIMITS, &mut second);
        prop_assert_eq!((one, first), (two, second.clone()));
        let mut third = String::new();
        let _ = template.render(&inputs, &mut scratch, LIMITS, &mut third);
        prop_assert_eq!(second, third);
    }

    #[test]
    fn any_text_is_a_path_or_refused(
        path in prop_oneof![
            any::<String>(),
            "[$@.\\[\\]()?*'\"a-c0-2,: !&|=<>~/-]{0,40}",
            "\\$(\\.a|\\.b|\\[0\\]|\\[\\*\\]|\\.\\.a|\\[1:\\]|\\[\\?\\(@\\.a==1\\)\\]|\\.length\\(\\)){0,8}",
        ],
        body in json_soup(),
    ) {
        let Ok(path) = JsonPath::parse(&path) else { return Ok(()) };
        let mut out = String::new();
        let found = path.select_text(&body, &mut Scratch::new(1), LIMITS, &mut out);
        if let Err(problem) = found {
            prop_assert!(matches!(problem, RenderProblem::Limit { .. } | RenderProblem::Body(_)), "{problem}");
        } else {
            prop_assert!(out.len() <= LIMITS.output_bytes);
        }
    }

    /// What `$input.json` prints is JSON for an ordinary reader, and says what the body said.
    #[test]
    fn json_survives(body in json_value(4)) {
        let template = Template::parse("$input.json('$')").unwrap();
        let text = body.to_string();
        let mut out = String::new();
        let inputs = Inputs { body: &text, ..Inputs::default() };
        template.render(&inputs, &mut Scratch::new(1), Limits::default(), &mut out).unwrap();
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap(), body);
    }
}

/// Objects and lists of texts, whole numbers and such.
fn json_value(depth: u32) -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let text = "[ -~é\u{2028}\u{7f}/\"\\\\]{0,8}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // An eighth has few digits: serde_json's reader is not exact to the last one.
        (-1_000_000..1_000_000_i32).prop_map(|it| Value::from(f64::from(it) / 8.0)),
        text.prop_filter("json-smart drops it beside escapes", |it| !it.contains('\u{7f}'))
            .prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(depth, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("[a-z/\"]{0,4}", inner), 0..20)
                .prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    });
    prop::collection::vec(value, 0..3).prop_map(Value::from)
}
