//! No template, and no body, can stall a shard or end it.

use super::*;

#[test]
fn a_loop_ends_silently_after_its_limit() {
    let template = Template::parse("#foreach($i in [1..1001])#set($n = $i)#end$n").unwrap();
    let mut out = String::new();
    template.render(&inputs(""), &mut Scratch::new(1), Limits::default(), &mut out).unwrap();
    assert_eq!(out, "1000");
}

#[test]
fn nesting_has_a_limit_in_the_parser() {
    let nested = |count: usize| format!("#set($x = {}1{})", "(".repeat(count), ")".repeat(count));
    assert!(Template::parse(&nested(20)).is_ok());
    assert!(Template::parse(&nested(5_000)).is_err());
    assert!(Template::parse(&"#if(true)".repeat(5_000)).is_err());
    assert!(Template::parse(&format!("#set($x = {}1)", "!".repeat(5_000))).is_err());
    assert!(Template::parse(&format!("#set($x = {}1)", "1 + ".repeat(100))).is_ok());
    assert!(Template::parse(&format!("#set($x = {}1)", "1 + ".repeat(101))).is_err());
    assert!(Template::parse(&"x".repeat(300 * 1024)).is_ok());
    assert!(Template::parse(&"x".repeat(300 * 1024 + 1)).is_err());
}

fn limited(template: &str, limits: Limits) -> Result<String, RenderProblem> {
    let mut out = String::new();
    let template = Template::parse(template).unwrap();
    let found = template.render(&inputs(""), &mut Scratch::new(1), limits, &mut out);
    assert!(found.is_ok() || out.is_empty(), "a failed rendering leaves nothing behind");
    found.map(|_| out).map_err(|it| it.problem)
}

#[test]
fn output_is_limited_to_the_byte() {
    let limits = |output_bytes| Limits { output_bytes, ..Limits::default() };
    assert_eq!(limited("ab#set($x = 'cd')$x", limits(4)).as_deref(), Ok("abcd"));
    let problem = limited("ab#set($x = 'cd')$x", limits(3)).unwrap_err();
    assert_eq!(problem, RenderProblem::Limit { what: "bytes of output", maximum: 3 });
}

#[test]
fn no_template_runs_for_long() {
    let limits = Limits {
        memory_bytes: 1 << 20,
        output_bytes: 1 << 20,
        steps: 100_000,
        ..Limits::default()
    };
    for (template, what) in [
        ("#foreach($a in [1..1000])#foreach($b in [1..1000])#end#end", "steps"),
        ("#set($l = [1..1000])#foreach($a in $l)#foreach($b in $l)#end#end", "steps"),
        ("#macro(f $a)#f(\"$a$a\")#end#f('x')", "macros inside each other"),
        ("#define($d)$d#end$d", "levels"),
        ("#set($t = '#evaluate($t)')#evaluate($t)", "levels"),
        ("#set($l = [1])#foreach($i in [1..40])#set($_ = $l.addAll($l))#end", "bytes of memory"),
        ("#set($s = 'x')#foreach($i in [1..40])#set($s = \"$s$s\")#end", "bytes of memory"),
        ("#set($s = 'x')#set($s = $s.repeat(2000000000))", "steps"),
        ("#set($r = [1..2000000000])", "steps"),
        ("#set($l = [1])#foreach($i in [1..60])#set($l = [$l, $l])#end$l", "steps"),
        ("#set($a = [])#set($b = [$a])#set($_ = $a.add($b))$a", "levels"),
        ("#set($a = [])#set($b = [$a])#set($_ = $a.add($b))$a.hashCode()", "levels"),
        (
            "#set($s = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaa!')#foreach($i in [1..1000])$s.matches(\"$i(a+)+$\")#end",
            "steps",
        ),
    ] {
        match limited(template, limits) {
            Err(RenderProblem::Limit { what: found, .. }) => assert_eq!(found, what, "{template}"),
            other => panic!("{template}: {other:?}"),
        }
    }
}

#[test]
fn deep_templates_fit_the_stack_of_a_thread() {
    // Test threads have 2 MiB; a shard's stack is larger, and frames are larger here than in a release.
    let nested =
        format!("#macro(f $a){}#f($a){}#end#f(1)", "#if(true)".repeat(50), "#end".repeat(50));
    assert!(limited(&nested, Limits::default()).is_err());
    for endless in [
        "#define($d)#set($x = $d + 'a')#end$d",
        "#define($d)#set($x = \"$d\")#end$d",
        "#set($a = [])#set($b = [$a])#set($_ = $a.add($b))$a",
        "#set($t = '#evaluate($t)')#evaluate($t)",
    ] {
        assert!(limited(endless, Limits::default()).is_err(), "{endless}");
    }
    let long = format!("#set($x = {}1)$x", "1 + ".repeat(100));
    assert_eq!(limited(&long, Limits::default()).as_deref(), Ok("101"));
    let body = format!("{}1{}", "[".repeat(400), "]".repeat(400));
    assert!(try_render("$input.path('$')$input.json('$..*')", &body).is_ok());
    assert!(try_render("$input.path('$')", &format!("[{body}]")).is_err());
}

#[test]
fn a_scratch_forgets_what_a_rendering_made() {
    let mut scratch = Scratch::new(7);
    let template = Template::parse("$x#set($x = $input.path('$.a'))$x").unwrap();
    for body in [r#"{"a":"1"}"#, r#"{"a":"2"}"#] {
        let mut out = String::new();
        template.render(&inputs(body), &mut scratch, Limits::default(), &mut out).unwrap();
        assert_eq!(out.len(), 1);
        assert!(body.contains(&out));
    }
}
