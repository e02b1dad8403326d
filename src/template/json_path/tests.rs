//! Jayway's dialect, row by row.

use super::*;

const STORE: &str = r#"{"a":1,"b-c":2,"d e":3,"@type":"at","1a":"one","n":null,"l":[1,2,3,4],"e":[],"max":10,
    "books":[{"t":"A","p":5,"c":"x","tags":["q","r"]},{"t":"B","p":15,"c":"y"},
             {"t":"C","p":9.5,"c":"x","isbn":"1-2"},{"t":"D","p":"9","n":null}],
    "o":{"x":{"y":[{"z":1},{"z":2}]},"w":5}}"#;

fn select(path: &str) -> Option<String> {
    let path = JsonPath::parse(path).unwrap_or_else(|problem| panic!("{path}: {problem}"));
    let mut scratch = Scratch::new(1);
    let budget = scratch.budget(Limits::default());
    let document = json::parse(STORE, &budget).unwrap();
    let mut out = String::new();
    let found = path.select(document, &budget).unwrap()?;
    print::json(found, print::Style::Plain, &budget, &mut out).unwrap();
    Some(out)
}

fn each(cases: &[(&str, &str)]) {
    for (path, expected) in cases {
        assert_eq!(select(path).as_deref(), Some(*expected), "{path}");
    }
}

#[test]
fn a_definite_path_gives_the_value() {
    each(&[
        ("$.a", "1"),
        ("a", "1"),
        ("@.a", "1"),
        (" $.a ", "1"),
        ("$.['a']", "1"),
        ("$.b-c", "2"),
        ("$['d e']", "3"),
        ("$[\"b-c\"]", "2"),
        ("$.@type", "\"at\""),
        ("$.1a", "\"one\""),
        ("$.n", "null"),
        ("$.l[0]", "1"),
        ("$.l[-1]", "4"),
        ("$.l[(@.length-1)]", "4"),
        ("$.books[2].isbn", "\"1-2\""),
        ("$['a','l']", "{\"a\":1,\"l\":[1,2,3,4]}"),
        ("$['a','nope']", "{\"a\":1}"),
    ]);
}

#[test]
fn a_definite_path_to_nothing_gives_nothing() {
    for path in
        ["$.nope", "$.nope.x", "$.a.x", "$.n.x", "$.l[9]", "$.l[-9]", "$.l.x", "$.books.t", "$[0]"]
    {
        assert_eq!(select(path), None, "{path}");
    }
}

#[test]
fn an_indefinite_path_gives_a_list() {
    each(&[
        ("$.l[*]", "[1,2,3,4]"),
        ("$.l.*", "[1,2,3,4]"),
        ("$.l[0,2]", "[1,3]"),
        ("$.l[0,9]", "[1]"),
        ("$.l[1:3]", "[2,3]"),
        ("$.l[:2]", "[1,2]"),
        ("$.l[-2:]", "[3,4]"),
        ("$.l[:-1]", "[1,2,3]"),
        ("$.l[5:9]", "[]"),
        ("$.e[*]", "[]"),
        ("$.nope[*]", "[]"),
        ("$.books[*].isbn", "[\"1-2\"]"),
        ("$.books[0:2]['t','p']", "[{\"t\":\"A\",\"p\":5},{\"t\":\"B\",\"p\":15}]"),
        ("$..z", "[1,2]"),
        ("$..nope", "[]"),
        ("$..y[0].z", "[1]"),
        ("$..books[0].t", "[\"A\"]"),
        ("$..['w']", "[5]"),
        (
            "$.o..*",
            "[{\"y\":[{\"z\":1},{\"z\":2}]},5,[{\"z\":1},{\"z\":2}],{\"z\":1},{\"z\":2},1,2]",
        ),
    ]);
}

#[test]
fn filters_pick_elements() {
    for (filter, expected) in [
        ("@.p < 10", "[\"A\",\"C\"]"),
        ("@.p<=9.5", "[\"A\",\"C\"]"),
        ("@.p == 5.0", "[\"A\"]"),
        ("@.p >= 9.5 && @.c == 'x'", "[\"C\"]"),
        ("@.p < 6 || @.p > 10", "[\"A\",\"B\"]"),
        ("(@.p<10) && (@.c=='x' || @.c==\"y\")", "[\"A\",\"C\"]"),
        ("@.c != 'x'", "[\"B\",\"D\"]"),
        ("@.isbn", "[\"C\"]"),
        ("!@.isbn", "[\"A\",\"B\",\"D\"]"),
        ("!(@.p == 5)", "[\"B\",\"C\",\"D\"]"),
        ("@.t =~ /[ab]/i", "[\"A\",\"B\"]"),
        ("@.t in ['A','B']", "[\"A\",\"B\"]"),
        ("@.t nin ['A','B']", "[\"C\",\"D\"]"),
        ("@.tags size 2", "[\"A\"]"),
        ("@.tags empty false", "[\"A\"]"),
        ("@.tags contains 'q'", "[\"A\"]"),
        ("@.tags subsetof ['q','r','s']", "[\"A\"]"),
        ("@.tags anyof ['q']", "[\"A\"]"),
        ("@.tags[0] == 'q'", "[\"A\"]"),
        ("@['t'] == 'A'", "[\"A\"]"),
        ("@.p > $.max", "[\"B\"]"),
        ("@.n == null", "[\"D\"]"),
        ("@.nope == null", "[]"),
        ("5 == @.p", "[\"A\"]"),
    ] {
        assert_eq!(
            select(&format!("$.books[?({filter})].t")).as_deref(),
            Some(expected),
            "{filter}"
        );
    }
    each(&[
        ("$.l[?(@ > 2)]", "[3,4]"),
        ("$..[?(@.z == 1)]", "[{\"z\":1}]"),
        ("$.o[?(@.w == 5)].w", "[5]"),
        ("$.books[?(@.t == 'A')].tags[0]", "[\"q\"]"),
    ]);
}

#[test]
fn functions_come_last() {
    each(&[
        ("$.l.length()", "4"),
        ("$.o.length()", "2"),
        ("$.l.min()", "1.0"),
        ("$.l.max()", "4.0"),
        ("$.l.avg()", "2.5"),
        ("$.l.sum()", "10.0"),
        ("$.books[*].p.sum()", "29.5"),
        ("$.o.keys()", "[\"x\",\"w\"]"),
        ("$.l.first()", "1"),
        ("$.l.last()", "4"),
        ("$.l.index(1)", "2"),
    ]);
    assert_eq!(select("$.a.length()"), None);
    assert_eq!(select("$.e.sum()"), None);
}

#[test]
fn what_is_no_path_is_refused_with_its_place() {
    for (path, expected) in [
        ("", "the path is empty at character 1"),
        ("$.", "expected a member's name, found the end at character 3"),
        ("$..", "a path cannot end with `..` at character 4"),
        ("$[", "expected an index, a name in quotes, `*` or `?`, found the end at character 3"),
        ("$['a'", "expected `]`, found the end at character 6"),
        ("$['a", "expected the closing quote, found the end at character 5"),
        ("$x", "expected `.` or `[`, found `x` at character 2"),
        ("$.l[a]", "expected an index, a name in quotes, `*` or `?`, found `a` at character 5"),
        (
            "$.l[?(@.x <)]",
            "expected a path, a number or a text in quotes, found `)` at character 12",
        ),
        ("$.l[?(1)]", "expected a comparison, found `)` at character 8"),
        ("$.a.nope()", "there is no function `nope` at character 5"),
    ] {
        assert_eq!(JsonPath::parse(path).unwrap_err().to_string(), expected, "{path}");
    }
    assert!(JsonPath::parse(&"$".repeat(5_000)).is_err());
    assert!(JsonPath::parse(&format!("${}", ".a".repeat(90))).is_ok());
    assert!(JsonPath::parse(&format!("${}", ".a".repeat(200))).is_err());
    assert!(JsonPath::parse(&format!("$[?({}@.a)]", "(".repeat(1_000))).is_err());
    assert!(JsonPath::parse(&format!("$[?({}@.a)]", "!".repeat(1_000))).is_err());
    assert!(
        JsonPath::parse(&format!("{}@.a{}", "$[?(".repeat(1_000), ")]".repeat(1_000))).is_err()
    );
}

#[test]
fn definiteness_is_known_from_the_path() {
    for path in ["$", "$.a[0]['b']", "$['a','b']", "$..a.length()"] {
        assert!(JsonPath::parse(path).unwrap().is_definite(), "{path}");
    }
    for path in ["$..a", "$.*", "$[0,1]", "$[1:]", "$[?(@.a)]", "$['a','b'].c"] {
        assert!(!JsonPath::parse(path).unwrap().is_definite(), "{path}");
    }
}

#[test]
fn text_is_selected_without_quotes() {
    let mut scratch = Scratch::new(1);
    let mut text = |path: &str| {
        let mut out = String::new();
        let path = JsonPath::parse(path).unwrap();
        let found = path.select_text(STORE, &mut scratch, Limits::default(), &mut out).unwrap();
        found.then_some(out)
    };
    assert_eq!(text("$.@type").as_deref(), Some("at"));
    assert_eq!(text("$.l").as_deref(), Some("[1,2,3,4]"));
    assert_eq!(text("$.n"), None);
    assert_eq!(text("$.nope"), None);
}

#[test]
fn a_search_that_multiplies_ends() {
    let body = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
    let path = JsonPath::parse("$..a..a..a..a..a..a").unwrap();
    let mut out = String::new();
    let limits = Limits { steps: 50_000, ..Limits::default() };
    let found = path.select_text(&body, &mut Scratch::new(1), limits, &mut out);
    assert_eq!(found, Err(RenderProblem::Limit { what: "steps", maximum: 50_000 }));
}
