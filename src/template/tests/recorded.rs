//! What was recorded or measured of the service and has no place in the other tables: what each value
//! prints, what bodies that are no JSON give, and methods that templates of others use.

use super::*;

#[test]
fn a_reference_may_be_written_in_every_form() {
    each_with(
        r#"{"k": {"b-c": [7]}}"#,
        &[(
            "#set($a = $input.path('$').k)$a.get('b-c')[0] ${a}.x $!a.none $!{a.none}|$a['b-c'][0]|${a[\"b-c\"][0]}",
            "7 {b-c=[7]}.x  |7|7",
        )],
    );
}

#[test]
fn nothing_stays_nothing_and_is_null() {
    each(&[
        ("#set($new = $input.path('$.x'))[$new]#if($new == $null)n#end#if($new)y#end", "[]n"),
        ("#if($nope.method().deeper.still == $null)n#end", "n"),
        ("#if($null)y#else n#end", " n"),
    ]);
}

#[test]
fn a_loops_variable_is_what_it_was_before_when_the_loop_is_over() {
    each(&[
        ("#set($i = 7)#foreach($i in [1, 2])$i#end|$i", "12|7"),
        ("#foreach($i in [1, 2])$i#end|$i|", "12||"),
        ("#set($m = {'a': 1, 'b': 2})#foreach($k in $m.keySet())$k$m.get($k)#end", "a1b2"),
    ]);
}

#[test]
fn each_kind_of_value_prints_in_its_own_way() {
    each_with(
        r#"{"s":"text","i":5,"d":1.99,"b":true,"n":null,"o":{"bigger":"dict","to":"test","with":"separators"},
            "l":[{"foo":"bar"}],"deep":{"foo":[{"nested":"bar"}]},"e":[],"big":10000000000,"bigd":10000000000.0}"#,
        &[
            (
                "$input.path('$.s') $input.path('$.i') $input.path('$.d') $input.path('$.b')",
                "text 5 1.99 true",
            ),
            ("$input.path('$.big') $input.path('$.bigd')", "10000000000 1.0E10"),
            ("[$input.path('$.n')][$input.path('$.nope')]", "[][]"),
            ("$input.path('$.o')", "{bigger=dict, to=test, with=separators}"),
            ("$input.path('$.l')|$input.path('$.l')[0]", r#"[{"foo":"bar"}]|{foo=bar}"#),
            ("$input.path('$.deep')", r#"{foo=[{"nested":"bar"}]}"#),
            (
                "$input.path('$.l').toString()|$input.path('$.o').toString()",
                r#"[{"foo":"bar"}]|{bigger=dict, to=test, with=separators}"#,
            ),
            ("$input.path('$.e') $input.path('$.e').size() $input.path('$.e').size", "[] 0 0"),
            ("#set($l = ['a', 'b'])$l#set($m = {'k': 'v'})$m", "[a, b]{k=v}"),
            (
                "#set($o = $util.parseJson('{\"l\":[{\"foo\":\"bar\"}]}'))$o $o.l[0]",
                r#"{l=[{"foo":"bar"}]} {foo=bar}"#,
            ),
        ],
    );
}

#[test]
fn a_body_is_read_by_its_first_character() {
    for (body, template, expected) in [
        ("", "$input.body|$input.json('$')|[$input.path('$')][$input.body.x]", "{}|{}|[][]"),
        (
            "a=b",
            "$input.body|$input.json('$')|$input.path('$')|[$input.path('$.x')]",
            "a=b|\"a=b\"|a=b|[]",
        ),
        ("\"a=b\"", "$input.body|$input.json('$')|$input.path('$')", "\"a=b\"|\"a=b\"|a=b"),
        ("a{b", "$input.json('$')", "\"a{b\""),
        ("null{", "$input.json('$')", "\"null{\""),
        // Lenient, as json-smart is.
        ("{a: 1, 'b': 'c', \"d\": [1, 2,],}", "$input.json('$')", r#"{"a":1,"b":"c","d":[1,2]}"#),
        (
            r#"{"a": "x/y", "l": [1]}"#,
            "$input.json('$.a')|$input.json('$.l')|$input.json('$.none')",
            r#""x/y"|[1]|"""#,
        ),
    ] {
        assert_eq!(try_render(template, body).as_deref(), Ok(expected), "{body}: {template}");
    }
    for malformed in ["{a", "[1", "{\"a\":}"] {
        assert!(try_render("$input.json('$')", malformed).is_err(), "{malformed}");
    }
}

#[test]
fn parameters_are_found_in_path_query_and_header_in_that_order() {
    each(&[
        ("$input.params('both')|$input.params('q')|$input.params('X-A')", "from path|2|a"),
        ("[$input.params().header.get('x-a')][$input.params().header.get('X-A')]", "[][a]"),
        (
            "$input.params().querystring.get('both') $input.params().header.both",
            "from query from header",
        ),
        (
            "$input.params().path $input.params().querystring",
            "{id=42, both=from path} {q=2, both=from query}",
        ),
    ]);
}

#[test]
fn methods_of_texts_lists_maps_and_numbers_that_no_other_table_has() {
    each(&[
        (
            "#set($s = 'a,b,c')$s.split(',', 2)[1]|$s.lastIndexOf(',', 2)|$s.toString()|$s.getBytes().size()",
            "b,c|1|a,b,c|5",
        ),
        (
            "#set($s = 'abc')$s.concat('d')|$s.charAt(0)|$s.hashCode()|$s.compareTo('abc')",
            "abcd|a|96354|0",
        ),
        (
            "#set($m = {'a': 1})$m.putAll({'b': 2})|$m|$m.toString()|$m.keySet().contains('b')",
            "|{a=1, b=2}|{a=1, b=2}|true",
        ),
        (
            "#set($l = [1, 2])$l.toString() $l.add(1, 9) $l $l.indexOf(9) $l.remove(1)",
            "[1, 2]  [1, 9, 2] 1 9",
        ),
        ("#set($l = [1])[$l.count()][$l.length()]", "[][]"),
        (
            "#set($n = 7)$n.intValue() $n.longValue() $n.doubleValue() $n.equals(7) $n.compareTo(8) $n.toString()",
            "7 7 7.0 true -1 7",
        ),
        ("#set($_ = $nope.put('a', 1))#set($m = {})#set($_ = $m.put('a', 1))$m", "{a=1}"),
    ]);
}

#[test]
fn util_is_what_the_guide_names_and_no_more() {
    each(&[
        (
            "#set($s = $util.urlDecode('%08%09%0A%0C%0D%01'))$util.escapeJavaScript($s)",
            r"\b\t\n\f\r\u0001",
        ),
        ("$util.base64Encode('a?>')|$util.base64Decode('YT8+')", "YT8+|a?>"),
        ("$util.urlEncode('ü &')|$util.urlDecode('%C3%BC+%26')", "%C3%BC+%26|ü &"),
        ("[$util.toJson({})][$util.qr('x')][$util.error('x')][$util.time.now()]", "[][][][]"),
        (
            "#set($o = $util.parseJson('{\"k\":{\"arr\":[1,[2]]}}'))$o.k.arr[1][0]$o['k']['arr'][0]",
            "21",
        ),
    ]);
}

#[test]
fn a_template_of_a_store_is_reshaped() {
    let template = "#set($inputRoot = $input.path('$'))
{
  \"kinds\": [
#foreach($elem in $inputRoot.photos.photo)
    {\"id\": \"$elem.id\", \"title\": \"$util.escapeJavaScript($elem.title)\", \"is\": $elem.ispublic}#if($foreach.hasNext),#end

#end
  ],
  \"count\": $inputRoot.photos.photo.size()
}";
    let body = r#"{"photos": {"photo": [{"id": "1", "title": "a \"b\"", "ispublic": 1}, {"id": "2", "title": "c", "ispublic": 0}]}}"#;
    let made: serde_json::Value =
        serde_json::from_str(&try_render(template, body).unwrap()).unwrap();
    assert_eq!(
        made,
        serde_json::json!({ "kinds": [
            { "id": "1", "title": "a \"b\"", "is": 1 }, { "id": "2", "title": "c", "is": 0 },
        ], "count": 2 })
    );
}
