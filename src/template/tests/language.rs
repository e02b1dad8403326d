//! Velocity: references, directives, literals, white space, and Java's methods.

use super::*;

#[test]
fn references_print_values_and_nothing_for_what_is_not_there() {
    each(&[
        ("#set($a-b_1 = 'x')$a-b_1|${a-b_1}y|$!a-b_1|$!{a-b_1}", "x|xy|x|x"),
        ("[$nope][$nope.x.y][$nope.call(1)][${nope.x}][$!nope[0]]", "[][][][][]"),
        ("#set($x = 5)$x.|$x.1|$x._a|$5|$ x|$-", "5.|5.1|5._a|$5|$ x|$-"),
        ("#set($l = [1, [2, 3]])$l[0] $l[-1][0] $l.get(1).size()", "1 2 2"),
        ("#set($m = {'k': {'n': 1}})$m.k.n $m['k'].n $m.get('k')['n']", "1 1 1"),
        ("#set($s = 'abc')$s.nope()|$s.nope|$s.substring('x')|", "|||"),
    ]);
}

#[test]
fn set_assigns_variables_entries_and_places() {
    each(&[
        (
            "#set($m = {})#set($m.a = 1)#set($m['b'] = 2)#set($k = 'c')#set($m[$k] = 3)$m",
            "{a=1, b=2, c=3}",
        ),
        ("#set($l = [1, 2])#set($l[0] = 'z')$l", "[z, 2]"),
        ("#set($a = 1)#set($a = $nope)[$a]", "[]"),
        ("#set($a = [1])#set($b = $a)#set($_ = $b.add(2))$a", "[1, 2]"),
        ("#set($nope.x = 1)$nope", ""),
        ("#set ( $a\n=\n1 )$a", "1"),
    ]);
}

#[test]
fn literals_are_those_of_velocity() {
    each(&[
        (r#"#set($x = 1)#set($a = "v$x ${x}y ""q""")$a"#, r#"v1 1y "q""#),
        ("#set($a = 'no $x ''q''')$a", "no $x 'q'"),
        (r#"#set($a = "a\nb")$a"#, r"a\nb"),
        (r##"#set($a = "#if(true)y#end#")$a"##, "y#"),
        (
            "#set($a = [1..3])$a#set($a = [3..1])$a#set($a = [-1..1])$a",
            "[1, 2, 3][3, 2, 1][-1, 0, 1]",
        ),
        ("#set($a = {'k': [1, 'b', true], 'n': {}})$a", "{k=[1, b, true], n={}}"),
        ("#set($a = 1.50)$a,#set($b = 1e3)$b,#set($c = -5)$c,#set($d = .5)$d", "1.5,1000.0,-5,0.5"),
        ("#set($a = 12345678901234567890)$a", "12345678901234567890"),
    ]);
}

#[test]
fn arithmetic_is_javas() {
    each(&[
        ("#set($a = 7 / 2)$a,#set($a = -7 % 3)$a,#set($a = 5 / 2.0)$a", "3,-1,2.5"),
        ("#set($a = 1 + 2 * 3 - (4 - 1))$a", "4"),
        ("#set($a = 1 / 0)[$a]#set($a = 1 % 0)[$a]", "[][]"),
        ("#set($a = 'x' + 1 + 2)$a,#set($a = 1 + 2 + 'x')$a", "x12,3x"),
        (
            "#set($a = 100000 * 100000)$a,#set($a = 9223372036854775807 + 1)$a",
            "10000000000,9223372036854775808",
        ),
        ("#set($a = 1.1 + 2.2)$a", "3.3000000000000003"),
        ("#set($a = 3-2)$a", "1"),
        ("#set($a = true + 1)[$a]#set($a = $nope + 1)[$a]", "[][]"),
    ]);
}

#[test]
fn comparison_and_logic_have_words_too() {
    each(&[
        ("#if(1 == 1.0 && '1' == 1 && 'a' != 'b')y#end", "y"),
        ("#if(1 lt 2 and 2 gt 1 and 1 le 1 and 1 ge 1 and 1 eq 1 and 1 ne 2)y#end", "y"),
        ("#if(not false && !false)y#end", "y"),
        ("#if(false || true)y#end#if(false or false)n#end", "y"),
        ("#if('a' < 'b')n#end#if($nope < 1)n#end", ""),
        ("#if([1, 2] == [1, 2] && {'a': 1} == {'a': 1})y#end", "y"),
        ("#set($a = 1 > 2)$a,#set($a = !$nope)$a", "false,true"),
    ]);
}

#[test]
fn what_is_missing_equals_null_and_the_empty_text() {
    // Recorded on API Gateway; stock Velocity denies the second.
    let template = "#set($r = $input.path('$.x')){\"body\": $r, \"nested\": $r.nested, \
        \"isNull\": #if( $r == $null )\"true\"#else\"false\"#end, \
        \"isEmptyString\": #if( $r == \"\" )\"true\"#else\"false\"#end}";
    let missing = r#"{"body": , "nested": , "isNull": "true", "isEmptyString": "true"}"#;
    let empty = r#"{"body": [], "nested": , "isNull": "false", "isEmptyString": "false"}"#;
    for (body, expected) in
        [("", missing), ("{}", missing), (r#"{"x":null}"#, missing), (r#"{"x":[]}"#, empty)]
    {
        assert_eq!(try_render(template, body).as_deref(), Ok(expected), "{body}");
    }
}

#[test]
fn references_hold_unless_null_or_false_and_bare_literals_never_do() {
    each(&[
        ("#set($e = '')#if($e)y#end#set($e = 0)#if($e)y#end#set($e = [])#if($e)y#end", "yyy"),
        ("#set($e = false)#if($e)n#end#if($nope)n#end", ""),
        ("#if('a')n#end#if(1)n#end#if([1])n#end#if(1 + 1)n#end#if(true)y#end", "y"),
    ]);
}

#[test]
fn conditions_take_the_first_arm_that_holds() {
    each(&[
        ("#if(false)a#elseif(true)b#elseif(true)c#else d#end", "b"),
        ("#if(false)a#else b#end", " b"),
        ("#if(true)1#{else}2#{end}3", "13"),
        ("#if(false)a#else if(true)b#end", " if(true)b"),
    ]);
}

#[test]
fn foreach_goes_over_lists_maps_ranges_and_arrays() {
    each(&[
        (
            "#foreach($i in ['a', 'b'])$i$foreach.count$foreach.index$foreach.hasNext;#end",
            "a10true;b21false;",
        ),
        (
            "#foreach($i in [1..2])$velocityCount$velocityHasNext$foreach.first$foreach.last;#end",
            "1truetruefalse;2falsefalsetrue;",
        ),
        ("#foreach($i in {'a': 1, 'b': 2})$i#end", "12"),
        ("#set($m = {'a': 1})#foreach($e in $m.entrySet())$e.key=$e.value $e#end", "a=1 a=1"),
        ("#set($s = 'a,b')#foreach($x in $s.split(','))[$x]#end", "[a][b]"),
        ("#foreach($x in $nope)x#end#foreach($x in 5)x#end", ""),
        (
            "#foreach($a in [1, 2])#foreach($b in [1])$foreach.parent.count$foreach.topmost.index#end#end",
            "1021",
        ),
        ("#foreach($i in [1..9])#if($i == 3)#break#end$i#end.", "12."),
        ("#foreach($i in [1..9])#if($i == 3)#stop#end$i#end.", "12"),
        ("#set($i = 7)#foreach($i in [1, 2])$i#end$i$foreach.count", "127"),
    ]);
}

#[test]
fn macros_take_arguments_by_name() {
    each(&[
        ("#macro(f $a $b)<$a|$b>#end#f(1 'x')#f(1, 2)#f(1)", "<1|x><1|2><1|>"),
        ("#set($l = [1, 2, 3])#macro(f $a)$a $a#end#f($l.remove(0))", "1 2"),
        ("#macro(f $a)#set($a = 5)$a#end#set($x = 1)#f($x)$x", "51"),
        ("#macro(f)#set($g = 7)#end#f()$g", "7"),
        ("#f(1)#macro(f $a)x$a#end", "x1"),
        ("#macro(f)<$bodyContent>#end#@f()in#end", "<in>"),
        ("#foo(1)\n#foo #{foo} #@foo()x#end", "#foo(1)\n#foo #{foo} #@foo()x#end"),
        ("#macro(r $n)$n#if($n > 0)#set($k = $n - 1)#r($k)#end#end#r(3)", "3210"),
        ("#macro(f)a#break b#end#f()c", "ac"),
    ]);
    let endless = try_render("#macro(f)#f()#end#f()", "").unwrap_err();
    assert_eq!(
        endless,
        "line 1, column 10: the template needs more than 20 macros inside each other"
    );
}

#[test]
fn define_and_evaluate_render_later() {
    each(&[
        ("#define($d)hi $x#end#set($x = 1)$d $d", "hi 1 hi 1"),
        ("#define($d)a#end#set($e = \"$d!\")$e#if($d == 'a')y#end", "a!y"),
        ("#set($t = '#set($y = 2)$x$y')#set($x = 1)#evaluate($t)$y", "122"),
        ("#evaluate('#macro(f)m#end')#f()", "m"),
    ]);
}

#[test]
fn other_templates_cannot_be_read() {
    assert!(
        try_render("a\n #parse('x')", "").unwrap_err().starts_with("line 2, column 2: `#parse`")
    );
    assert!(try_render("#include('x')", "").is_err());
    each(&[("#if(false)#parse('x')#end", "")]);
}

#[test]
fn escapes_count_backslashes() {
    each(&[
        (r"#set($a = 1)\$a \\$a \\\$a \${a} \$!a", r"$a \1 \$a ${a} $!a"),
        (r"\$nope \\$nope|", r"\$nope \|"),
        (r"\#if \#set \#end \#foo \\#if(true)a#end", r"#if #set #end \#foo \a"),
        (r"\a \ \n", r"\a \ \n"),
    ]);
}

#[test]
fn comments_and_raw_text() {
    each(&[
        ("a ## c\nb", "a b"),
        ("a#* c\nc *#b#** d *#", "ab"),
        ("#[[ $x #if ]]#b", " $x #if b"),
        ("##", ""),
    ]);
}

#[test]
fn white_space_is_swallowed_as_in_velocity() {
    each(&[
        ("#set($x = 1)\n\n#set($y = 2)  \nb", "\nb"),
        ("a\n  #set($y = 1)  \n  b", "a\n    b"),
        ("$x  #set($y = 1)b#if(true) \t#set($y = 1)#end", "b"),
        ("#if(true)  \n a\n  #end  \n b", " a\n   b"),
        ("#if(true) a #end b", " a  b"),
        ("#if(false)#else \r\n c#end\rd", " cd"),
        ("#foreach($i in [1, 2]) \n $i\n#end\nx", " 1\n 2\nx"),
        ("#macro(f)\nx\n#end\n#f() \ny", "x\ny"),
        ("#break", ""),
    ]);
}

#[test]
fn mistakes_are_named_with_their_place() {
    for (template, expected) in [
        ("a\n#if(true)", "line 2, column 1: `#if` has no `#end`"),
        ("a #end", "line 1, column 3: `#end` without a directive to end"),
        ("#else", "line 1, column 1: `#else` without an `#if`"),
        ("é${x", "line 1, column 5: expected `}` to end `${x`, found the end of the template"),
        ("#set($x == 1)", "line 1, column 9: expected `=`, found `=`"),
        ("#set($x = )", "line 1, column 11: expected a value, found `)`"),
        ("#set($x = 'a)", "line 1, column 11: the text has no closing `'`"),
        (
            "#foreach(i in $l)#end",
            "line 1, column 10: expected the loop's variable, like `$name`, found `i`",
        ),
        ("#if(true)#else#else#end", "line 1, column 15: `#else` was there before: expected `#end`"),
        ("#* a", "line 1, column 1: the comment `#*` has no `*#`"),
        ("#if(true)\n\"#set($x = [1,])\"#end", "line 2, column 15: expected a value, found `]`"),
    ] {
        assert_eq!(Template::parse(template).unwrap_err().to_string(), expected, "{template}");
    }
}

#[test]
fn texts_have_javas_methods() {
    each(&[
        (
            "#set($s = 'abc')$s.length() $s.isEmpty() $s.charAt(1) $s.substring(1) $s.substring(0, 2)",
            "3 false b bc ab",
        ),
        (
            "#set($s = 'abcb')$s.indexOf('b') $s.indexOf('b', 2) $s.lastIndexOf('b') $s.indexOf('z')",
            "1 3 3 -1",
        ),
        (
            "#set($s = 'abc')$s.contains('b') $s.startsWith('a') $s.endsWith('a') $s.equals('abc') $s.equalsIgnoreCase('ABC') $s.compareTo('abd')",
            "true true false true true -1",
        ),
        (
            "#set($s = ' aB ')[$s.trim()] [$s.toLowerCase()] [$s.toUpperCase()] $s.concat('x')",
            "[aB] [ ab ] [ AB ]  aB x",
        ),
        (
            "#set($s = 'a.b.c')$s.replace('.', '-') $s.replaceAll('[.]', '<$0>') $s.replaceFirst('\\.', '') $s.matches('a.*')",
            "a-b-c a<.>b<.>c ab.c true",
        ),
        (
            "#set($s = 'a,b,,')$s.split(',').size() $s.split(',')[1] $s.split(',', -1).size()",
            "2 b 4",
        ),
        (
            "#set($s = '1é😀')$s.length() $s.substring(2) $s.indexOf('😀') $s.hashCode()",
            "4 😀 2 3456571",
        ),
        (
            "#set($s = '')$s.join('-', [1, 2]) $s.format('%05d|%.2f|%5s|%-3s|%,d', 5, 1.005, 'a', 'b', 1234567) $s.valueOf(5)",
            "1-2 00005|1.01|    a|b  |1,234,567 5",
        ),
    ]);
    for failing in ["$s.substring(9)", "$s.charAt(3)", "$s.replaceAll('[', '')", "$s.concat($nope)"]
    {
        assert!(try_render(&format!("#set($s = 'abc'){failing}"), "").is_err(), "{failing}");
    }
}

#[test]
fn lists_and_maps_have_javas_methods() {
    each(&[
        (
            "#set($l = [1, 2])$l.add(3) $l.add(0, 'z') $l $l.remove(0) $l.contains(2) $l.contains('2') $l.indexOf(3) $l.size",
            "true  [z, 1, 2, 3] z true false 2 3",
        ),
        (
            "#set($l = [1, 2, 3])$l.subList(0, 2) $l.set(0, 9) $l.addAll([4]) $l.isEmpty() $l $l.clear() $l",
            "[1, 2] 1 true false [9, 2, 3, 4]  []",
        ),
        (
            "#set($m = {'a': 1})$m.put('b', 2)|$m.put('a', 3) $m $m.keySet() $m.values() $m.entrySet()",
            "|1 {a=3, b=2} [a, b] [3, 2] [a=3, b=2]",
        ),
        (
            "#set($m = {'a': 1})$m.containsKey('a') $m.containsValue(2) $m.remove('a') $m.size() $m.isEmpty() $m.getOrDefault('z', 5)",
            "true false 1 0 true 5",
        ),
        ("#set($l = [1])#set($_ = $l.add($l))$l", "[1, (this Collection)]"),
        (
            "#set($i = [1, 2])#set($i = $i.iterator())$i.next() $i.hasNext() $i.next() $i.hasNext()",
            "1 true 2 false",
        ),
    ]);
    for failing in ["$l[2]", "$l[-3]", "$l.get(-1)", "$l.subList(0, 3)"] {
        assert!(try_render(&format!("#set($l = [1, 2]){failing}"), "").is_err(), "{failing}");
    }
}

#[test]
fn numbers_have_javas_methods() {
    each(&[
        (
            "#set($i = 5)$i.parseInt('7') $i.toString() $i.equals(5) $i.compareTo(6) $i.doubleValue() $i.toHexString(255)",
            "7 5 true -1 5.0 ff",
        ),
        (
            "#set($d = 2.9)$d.intValue() $d.longValue() $d.parseDouble('1.5') $d.class.name $d.class.simpleName",
            "2 2 1.5 java.lang.Double Double",
        ),
    ]);
    assert!(try_render("#set($i = 5)$i.parseInt('x')", "").is_err());
}
