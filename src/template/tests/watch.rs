//! What somebody who looks at a rendering is told.

use super::*;
use crate::template::{Event, RenderError, Watch};
use std::cell::RefCell;
use std::rc::Rc;

#[derive(Debug, Default)]
struct Noted(Rc<RefCell<Vec<String>>>);

impl Watch for Noted {
    fn begins(&mut self, source: &str, body: &str) {
        self.0.borrow_mut().push(format!("{} bytes for {body}", source.len()));
    }

    fn saw(&mut self, at: u32, event: Event<'_, '_>) {
        self.0.borrow_mut().push(format!("{at} {event:?}"));
    }

    fn ends(&mut self, result: Result<&str, &RenderError>) {
        self.0.borrow_mut().push(format!("{result:?}"));
    }
}

fn watched(text: &str, body: &str) -> Vec<String> {
    let noted = Noted::default();
    let lines = Rc::clone(&noted.0);
    let template = Template::parse(text).unwrap();
    let mut scratch = Scratch::watched(1, Box::new(noted));
    let inputs = Inputs { body, ..Inputs::default() };
    let mut out = "before".to_owned();
    let _ = template.render(&inputs, &mut scratch, Limits::default(), &mut out);
    drop(scratch);
    Rc::try_unwrap(lines).unwrap().into_inner()
}

#[test]
fn every_statement_is_told_with_its_place_and_values() {
    let text = "#set($r = $input.path('$'))#if($r.a > 1)#foreach($i in $r.l)$i#end#else#end";
    let lines = watched(text, r#"{"a": 2, "l": ["x"]}"#);
    assert_eq!(
        lines,
        [
            "75 bytes for {\"a\": 2, \"l\": [\"x\"]}",
            "0 Set { target: \"$r\", value: {\"a\": 2, \"l\": [\"x\"]} }",
            "27 If { is_else: false, holds: true, values: [(\"$r.a\", 2)] }",
            "40 Foreach { item: \"i\", list: [\"x\"] }",
            "40 Each { item: \"i\", value: \"x\", count: 1 }",
            "60 Print { source: \"$i\", value: \"x\", begin: 6, out: \"beforex\", is_aside: false }",
            "40 Done { left_out: 0 }",
            "Ok(\"x\")",
        ]
    );
}

#[test]
fn what_stands_in_quotes_is_told_as_such_and_a_mistake_ends_it() {
    let lines = watched("#set($x = \"a$input.body\")\n$x.substring(9)", "b");
    assert!(lines[1].ends_with("is_aside: true }"), "{lines:?}");
    assert!(lines[3].starts_with("Err(RenderError { at: Position { line: 2"), "{lines:?}");
}

#[test]
fn looking_changes_nothing() {
    // The condition is looked at twice; what changes something is left out of that.
    let text = "#set($l = [1, 2])#set($i = $l.iterator())#if($i.next() == 1 && $l.size() == 2)y#end$i.next()";
    let lines = watched(text, "");
    assert_eq!(lines.last().unwrap(), "Ok(\"y2\")");
    assert!(lines.iter().any(|it| it.contains("values: [(\"$l.size()\", 2)]")), "{lines:?}");
}

#[test]
fn a_shown_value_ends_where_it_is_to() {
    let text = "#set($m = {})#set($x = $m.put('me', $m))#set($y = $m)$input.body";
    let lines = watched(text, &"x".repeat(100));
    assert!(lines.iter().all(|line| line.len() < 1_000), "{lines:?}");
    assert!(lines[4].contains(&format!("\"{}…", "x".repeat(79))), "{lines:?}");
}
