//! Templates and paths from a seed: well-formed ones, of what both sides understand alike.

use crate::oracle::Question;

pub(crate) fn question(seed: u64) -> Question {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let body = BODIES[random.below(BODIES.len())].to_owned();
    if random.below(4) == 0 {
        return Question::Path { path: random.path(), body };
    }
    let mut template = String::from(
        "#set($a = 5)#set($b = 'text')#set($l = [3, 1, 2])#set($m = {'k': 'v', 'n': 7})",
    );
    for _ in 0..=random.below(6) {
        random.node(&mut template, 3);
    }
    Question::Template { template, body }
}

const BODIES: &[&str] = &[
    r#"{"id":7,"name":"A/B \"q\"","tags":["x","y",{"deep":[1,2.5,null]}],"o":{"p":{"q":true},"e":[]},"z":null}"#,
    r#"[{"id":1,"v":1.0},{"id":2,"v":-3e2},{"id":3}]"#,
    r#"{"id":"text","tags":[],"o":{"p":[{"q":1},{"q":2}]},"big":12345678901234567890,"name":"\u00e9\u2028"}"#,
    "plain text",
];

struct Random(u64);

impl Random {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % count
    }

    fn one_of(&mut self, choices: &[&str]) -> String {
        choices[self.below(choices.len())].to_owned()
    }

    fn node(&mut self, out: &mut String, depth: usize) {
        let kind = self.below(if depth == 0 { 4 } else { 9 });
        match kind {
            0 => out.push_str(&self.one_of(&[
                "text", " ", "\n", "  \n  ", "{\"k\": ", ",", "\\", "ab", "é", "x\n\n", "\t",
            ])),
            1 | 2 => {
                let reference = self.reference(depth);
                let form = self.below(4);
                match form {
                    0 => out.push_str(&format!("${{{reference}}}")),
                    1 => out.push_str(&format!("$!{{{reference}}}")),
                    _ => out.push_str(&format!(
                        "${reference}{}",
                        self.one_of(&[" ", "\n", ",", "\"", ")"])
                    )),
                }
            }
            3 => {
                let value = self.expression(2);
                let name = self.one_of(&["a", "b", "c", "d"]);
                out.push_str(&self.one_of(&["", "  ", "\n", "\t"]));
                out.push_str(&format!(
                    "#set( ${name} = {value} ){}",
                    self.one_of(&["", "\n", "  \n", " x", "\r\n"])
                ));
            }
            4 | 5 => {
                let condition = self.condition(2);
                out.push_str(&format!("#if({condition}){}", self.one_of(&["", "\n", " ", " \n"])));
                self.node(out, depth - 1);
                if self.below(3) == 0 {
                    let condition = self.condition(1);
                    out.push_str(&format!("#elseif({condition}){}", self.one_of(&["", "\n", " "])));
                    self.node(out, depth - 1);
                }
                if self.below(2) == 0 {
                    out.push_str(&self.one_of(&["#else\n", "#{else}", "#else "]));
                    self.node(out, depth - 1);
                }
                out.push_str(&self.one_of(&["#end", "#end\n", "#{end}", "#end  \n", "#end "]));
            }
            6 => {
                let list = self.one_of(&[
                    "$l",
                    "[1..3]",
                    "[3..1]",
                    "$m",
                    "$m.keySet()",
                    "$m.entrySet()",
                    "['p', 'q']",
                    "$input.path('$.tags')",
                    "$nope",
                    "$b.split('x')",
                ]);
                out.push_str(&format!("#foreach($i in {list}){}", self.one_of(&["", "\n", " "])));
                out.push_str(&self.one_of(&[
                    "$i",
                    "$foreach.count",
                    "$foreach.index",
                    "$velocityCount",
                    "#if($foreach.hasNext),#end",
                    "#if($foreach.count == 2)#break#end",
                    "$i.key",
                ]));
                self.node(out, depth - 1);
                out.push_str("#end");
            }
            7 => {
                out.push_str("#define($t)");
                self.node(out, depth - 1);
                out.push_str("#end$t");
            }
            _ => out.push_str(&self.one_of(&[
                " ## comment\n",
                "#* block *#",
                "#[[ $raw #if ]]#",
                "\\$a ",
                "\\\\$a ",
                "\\#if",
                "$5 ",
            ])),
        }
    }

    fn reference(&mut self, depth: usize) -> String {
        let argument = if depth == 0 { "1".to_owned() } else { self.literal() };
        match self.below(14) {
            0 => "a".to_owned(),
            1 => "b".to_owned(),
            2 => "l".to_owned(),
            3 => "m".to_owned(),
            4 => self.one_of(&[
                "m.k",
                "m['n']",
                "m.get('k')",
                "m.nope",
                "m.size()",
                "m.containsKey('k')",
                "m.keySet()",
                "m.values()",
                "m.put('k', 1)",
            ]),
            5 => self.one_of(&[
                "l[0]",
                "l[-1]",
                "l.get(1)",
                "l.size()",
                "l.contains(3)",
                "l.indexOf(2)",
                "l.isEmpty()",
                "l.subList(0, 2)",
                "l.add(9)",
            ]),
            6 => self.one_of(&[
                "b.length()",
                "b.toUpperCase()",
                "b.substring(1)",
                "b.substring(1, 3)",
                "b.indexOf('x')",
                "b.replace('t', 'T')",
                "b.replaceAll('[tx]', '<$0>')",
                "b.split('x')[0]",
                "b.contains('ex')",
                "b.charAt(2).toString()",
                "b.hashCode()",
                "b.trim()",
            ]),
            7 => format!("b.concat({argument})"),
            8 => format!("b.equals({argument})"),
            9 => format!("l.contains({argument})"),
            10 => {
                let path =
                    self.one_of(&["$", "$.id", "$.tags", "$.o.p", "$..id", "$.name", "$.nope"]);
                format!("input.json('{path}')")
            }
            11 => self.one_of(&[
                "input.path('$')",
                "input.path('$.id')",
                "input.path('$.tags')",
                "input.path('$.o')",
                "input.path('$.o.p').q",
                "input.path('$.name').length()",
                "input.path('$.tags')[0]",
                "input.path('$..q')",
            ]),
            12 => self.one_of(&[
                "util.escapeJavaScript($b)",
                "util.urlEncode('a b/é')",
                "util.base64Encode($b)",
                "util.parseJson('{\"x\":[1]}').x[0]",
                "util.escapeJavaScript($input.json('$'))",
            ]),
            _ => self.one_of(&[
                "nope",
                "nope.x",
                "context.stage",
                "stageVariables.env",
                "nope.call(1)",
            ]),
        }
    }

    fn literal(&mut self) -> String {
        self.one_of(&[
            "1",
            "3",
            "-2",
            "1.5",
            "'x'",
            "\"y\"",
            "true",
            "$a",
            "$b",
            "[1, 2]",
            "{}",
            "\"${b}-\"",
            "12345678901",
            "100.0",
        ])
    }

    fn expression(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.literal();
        }
        match self.below(6) {
            0 | 1 => {
                let (left, right) = (self.expression(depth - 1), self.expression(depth - 1));
                let operator = self.one_of(&["-", "*", "/", "%"]);
                let sum = format!("({} + {})", self.literal(), self.literal());
                if self.below(3) == 0 { sum } else { format!("({left} {operator} {right})") }
            }
            2 => format!("${}", self.reference(depth - 1)),
            3 => self.condition(depth - 1),
            4 => format!("[{}, {}]", self.literal(), self.literal()),
            _ => self.literal(),
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.one_of(&["true", "false", "$a", "$nope", "'x'", "$b.isEmpty()"]);
        }
        let (left, right) = (self.condition(depth - 1), self.condition(depth - 1));
        match self.below(5) {
            0 => format!("({left} && {right})"),
            1 => format!("({left} or {right})"),
            2 => format!("!{left}"),
            _ => {
                let (left, right) = (self.literal(), self.literal());
                let operator = self.one_of(&["==", "!=", "<", ">", "<=", ">=", "eq", "lt"]);
                format!("{left} {operator} {right}")
            }
        }
    }

    fn path(&mut self) -> String {
        let mut path = String::from("$");
        for _ in 0..=self.below(3) {
            path.push_str(&self.one_of(&[
                ".id",
                ".name",
                ".tags",
                ".o",
                ".p",
                ".q",
                "['o']",
                "['id','name']",
                "[0]",
                "[1]",
                "[*]",
                ".*",
                "..q",
                "..id",
                "[0:2]",
                "[-1:]",
                "[1:]",
                "[?(@.id)]",
                "[?(@.id == 2)]",
                "[?(@.q == 1)]",
                "[?(@.id < 3 && @.v)]",
                ".nope",
            ]));
        }
        path
    }
}
