//! What API Gateway adds: `$input`, `$util`, `$context`, overrides.

use super::*;

#[test]
fn input_is_the_body_and_the_parameters() {
    each(&[
        (
            "$input.body|$input.body.x|$input.json('$')|$input.json('$.a')|$input.path('$')|",
            "{}||{}|\"\"||",
        ),
        (
            "$input.params('both') $input.params('q') $input.params('X-A') [$input.params('nope')]",
            "from path 2 a []",
        ),
        (
            "$input.params().path.id $input.params().querystring.get('q') $input.params().header['x-b']",
            "42 2 b",
        ),
        ("#foreach($t in $input.params().keySet())$t,#end", "path,querystring,header,"),
        (
            "$input $util $input.params $input.json $util.urlEncode $input.keySet",
            "{} {} {} {} {} {}",
        ),
    ]);
    each_with(
        "a=b",
        &[(
            "$input.body|$input.path('$')|$input.json('$')|$input.path('$.x')|",
            "a=b|a=b|\"a=b\"||",
        )],
    );
    each_with("\"a=b\"", &[("$input.path('$')|$input.json('$')", "a=b|\"a=b\"")]);
    each_with(
        "{\"a\":1,\"b\":[1,\"x/y\"]}",
        &[
            (
                "$input.json('$.b')|$input.path('$.b')|$input.path('$')",
                "[1,\"x/y\"]|[1,\"x\\/y\"]|{a=1, b=[1,\"x\\/y\"]}",
            ),
            ("$input.json('a') $input.json($nope)", "1 \"\""),
        ],
    );
}

#[test]
fn a_malformed_body_is_refused_only_when_it_is_read() {
    assert_eq!(try_render("$input.body", "{a").as_deref(), Ok("{a"));
    let problem = Template::parse("$input.path('$.a')")
        .unwrap()
        .render(&inputs("{a"), &mut Scratch::new(1), Limits::default(), &mut String::new())
        .unwrap_err();
    assert_eq!(
        problem.problem,
        RenderProblem::Body("Unexpected End Of File position 1: null".to_owned())
    );
    for text in ["a{b", "null{", "true{"] {
        assert_eq!(try_render("$input.path('$')", text).as_deref(), Ok(text));
    }
}

#[test]
fn json_values_print_as_on_amazon() {
    each_with(
        r#"{"foo":"bar","o":{"foo":[{"nested":"bar"}]},"l":[{"foo":"bar"},[1]],"e":[],"d":1.0,"x":1e10,"t":true,"n":null}"#,
        &[
            ("$input.path('$.o')", r#"{foo=[{"nested":"bar"}]}"#),
            (
                "$input.path('$.l')|$input.path('$.l')[0]|$input.path('$.l')[1]",
                r#"[{"foo":"bar"},[1]]|{foo=bar}|[1]"#,
            ),
            ("$input.path('$.o').toString()", r#"{foo=[{"nested":"bar"}]}"#),
            (
                "$input.path('$.e')|$input.path('$.d')|$input.path('$.x')|$input.path('$.t')|$input.path('$.n')|",
                "[]|1.0|1.0E10|true||",
            ),
            ("#set($b = $input.path('$.d') + 1)$b", "2.0"),
        ],
    );
}

#[test]
fn util_has_six_functions() {
    each(&[
        (r#"$util.escapeJavaScript("a'b""c/d\e")"#, r#"a\'b\"c\/d\\e"#),
        (
            "$util.escapeJavaScript($nope)|$util.escapeJavaScript(5)|$util.escapeJavaScript('')",
            "null|5|{}",
        ),
        (
            "$util.urlEncode('{\"some\": \"value\"}')|$util.urlEncode($nope)|",
            "%7B%22some%22%3A+%22value%22%7D||",
        ),
        ("$util.urlDecode('a+b%20c')", "a b c"),
        ("$util.base64Encode('hé') $util.base64Decode('aMOp')", "aMOp hé"),
        (
            "#set($o = $util.parseJson('{\"k\":{\"arr\":[1,2]}}'))$o.k.arr[0] $o",
            "1 {k={arr=[1,2]}}",
        ),
        ("$util.toJson('x')|$util.qr('x')|", "||"),
    ]);
    assert!(try_render("$util.parseJson('{')", "").is_err());
    assert!(try_render("$util.base64Decode('!')", "").is_err());
}

#[test]
fn context_and_stage_variables_come_from_the_caller() {
    each(&[
        (
            "$context.stage $context['stage'] $context.requestTimeEpoch $context.isCanaryRequest",
            "prod prod 1551194973732 true",
        ),
        (
            "$context.identity.sourceIp [$context.identity.nope][$context.nope.x]",
            "203.0.113.7 [][]",
        ),
        ("$context.authorizer.claims['https://a.b/c'] $context.authorizer.key", "claim 1"),
        ("#foreach($k in $context.authorizer.keySet())$k;#end", "key;claims;"),
        (
            "$stageVariables.env $stageVariables['env'] ${stageVariables['env']} [$stageVariables.nope]",
            "prod prod prod []",
        ),
        (
            "#foreach($k in $stageVariables.keySet())$k=$stageVariables.get($k);#end",
            "env=prod;url=http://h;",
        ),
    ]);
}

fn overrides(
    template: &str,
    carried: Option<&Overrides>,
) -> Result<(String, Overrides), RenderProblem> {
    let template = Template::parse(template).unwrap();
    let mut out = String::new();
    let inputs = Inputs { overrides: carried, ..inputs("") };
    let found = template.render(&inputs, &mut Scratch::new(1), Limits::default(), &mut out);
    found.map(|it| (out, it)).map_err(|it| it.problem)
}

#[test]
fn overrides_are_collected_and_handed_on() {
    let (out, first) = overrides(
        "#set($context.requestOverride.header.X = 'a')#set($context.requestOverride.path['p'] = 1)\
         $context.requestOverride.querystring.put('q', ['1', '2'])#set($context.responseOverride.status = 444)\
         #set($context.responseOverride.mine = {'k': [1]})$context.requestOverride.header.X",
        None,
    )
    .unwrap();
    assert_eq!(out, "a");
    assert_eq!(first.request_headers().collect::<Vec<_>>(), [("X", vec!["a".to_owned()])]);
    assert_eq!(first.path().collect::<Vec<_>>(), [("p", vec!["1".to_owned()])]);
    assert_eq!(
        first.querystring().collect::<Vec<_>>(),
        [("q", vec!["1".to_owned(), "2".to_owned()])]
    );
    assert_eq!(first.response_headers().count(), 0);
    assert_eq!(first.status(), Some(444));

    let (out, second) = overrides(
        "$context.responseOverride.mine.k[0] $context.requestOverride.header.X \
         #set($context.responseOverride.status = '201')#set($context.responseOverride.header.Y = 'b')",
        Some(&first),
    )
    .unwrap();
    assert_eq!(out, "1 a", "blanks between a reference and `#set` go");
    assert_eq!(second.status(), Some(201), "a later template may set what an earlier one has set");
    assert_eq!(second.response_headers().collect::<Vec<_>>(), [("Y", vec!["b".to_owned()])]);
    assert_eq!(second.request, first.request);

    let (_, untouched) = overrides("x", Some(&first)).unwrap();
    assert_eq!(untouched, first);
}

#[test]
fn an_override_is_set_once() {
    let twice = "#set($context.requestOverride.header.X = 'a')#set($context.requestOverride.header.X = 'b')";
    assert_eq!(
        overrides(twice, None).unwrap_err(),
        RenderProblem::OverrideTwice("requestOverride.header.X".to_owned())
    );
    let other =
        "#set($context.requestOverride.header.X = 'a')#set($context.requestOverride.path.X = 'b')";
    assert!(overrides(other, None).is_ok());
}

#[test]
fn only_a_status_of_http_is_one() {
    for (status, expected) in
        [("99", None), ("100", Some(100)), ("599", Some(599)), ("600", None), ("'x'", None)]
    {
        let (_, found) =
            overrides(&format!("#set($context.responseOverride.status = {status})"), None).unwrap();
        assert_eq!(found.status(), expected, "{status}");
    }
}

#[test]
fn long_objects_are_found_by_hash_and_keep_their_order() {
    let members: Vec<String> = (0..500).map(|it| format!("\"k{it}\":{it}")).collect();
    let body = format!("{{{},\"k7\":\"again\"}}", members.join(","));
    let template = "$input.path('$.k499') $input.path('$.k7') $input.path('$').size() $input.path('$').keySet().get(7)\
        #set($m = $input.path('$'))#set($_ = $m.remove('k0')) $m.k1 $m.containsKey('k0') $m.size()";
    assert_eq!(try_render(template, &body).as_deref(), Ok("499 again 500 k7 1 false 499"));
}

#[test]
fn the_guides_passthrough_template_gives_json() {
    let template = r#"#set($allParams = $input.params())
{
"body-json" : $input.json('$'),
"params" : {
#foreach($type in $allParams.keySet())
    #set($params = $allParams.get($type))
"$type" : {
    #foreach($paramName in $params.keySet())
    "$paramName" : "$util.escapeJavaScript($params.get($paramName))"
        #if($foreach.hasNext),#end
    #end
}
    #if($foreach.hasNext),#end
#end
},
"stage-variables" : {
#foreach($key in $stageVariables.keySet())
"$key" : "$util.escapeJavaScript($stageVariables.get($key))"
    #if($foreach.hasNext),#end
#end
},
"context" : { "stage" : "$context.stage", "user" : "$context.identity.user" }
}"#;
    let out = try_render(template, r#"{"a": [1, 2]}"#).unwrap();
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["body-json"]["a"][1], 2);
    assert_eq!(json["params"]["querystring"]["q"], "2");
    assert_eq!(json["stage-variables"]["url"], "http://h");
    assert_eq!(json["context"]["user"], "");
}

#[test]
fn escaping_for_java_script_leaves_an_apostrophe_that_json_refuses() {
    // The guide's advice: turn \' back.
    let template = r#"#set($s = "it's")$util.escapeJavaScript($s).replaceAll("\\'", "'")"#;
    assert_eq!(render(template), "it's");
}
