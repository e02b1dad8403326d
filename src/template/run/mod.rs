//! Run: one walk over a program, with everything it makes in one arena.
//!
//! ```text
//! block ── text, reference, #set, #if, #foreach, macro ──▶ out
//!   └─ expression ── reference ── property / index / call ──▶ Value
//! ```
//! Nothing here waits, and every node, value and byte takes from the [`Budget`], so a rendering ends.

mod call;
mod collection;
mod context;
mod expression;
mod format;
mod input;
mod reference;
mod scalar;
mod text;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use bumpalo::collections::Vec as ArenaVec;

use super::budget::{Budget, Outcome, failed, limit};
use super::inputs::Inputs;
use super::method::Method;
use super::overrides::Overrides;
use super::parse;
use super::print;
use super::problem::RenderProblem;
use super::program::{
    Arm, Block, Expression, Invoke, Macro, Names, Node, Offset, Part, Program, Reference, Symbol,
};
use super::value::{List, ListKind, Loop, Value};
use super::watch::{Event, Shown, Watch};

/// How often macros may stand inside each other; Velocity's `velocimacro.max.depth`.
const MACRO_DEPTH_MAX: u32 = 20;

/// What a node does to those behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    /// Leave the innermost loop, macro or `#define`.
    Break,
    /// Leave the template.
    Stop,
}

/// One macro's call: its parameters are evaluated by name, where it was called.
struct Frame<'f, 'a> {
    caller: Option<&'f Frame<'f, 'a>>,
    definition: &'f Macro,
    arguments: &'f [Expression],
    /// What the macro assigned to its parameters.
    assigned: RefCell<Vec<(Symbol, Value<'a>)>>,
    body: Option<&'f Arc<Block>>,
}

type Scope<'f, 'a> = Option<&'f Frame<'f, 'a>>;

/// One rendering.
struct Run<'a, 'r> {
    inputs: &'r Inputs<'a>,
    budget: &'r Budget<'a>,
    out: &'r mut String,
    /// By symbol.
    variables: ArenaVec<'a, Value<'a>>,
    names: &'r Names,
    /// Names that an `#evaluate` added.
    more_names: Option<Names>,
    macros: Vec<Arc<Macro>>,
    blocks: Vec<Arc<Block>>,
    depth: u32,
    macro_depth: u32,
    /// The directive or reference being rendered, for an error.
    at: Offset,
    innermost: Option<&'a Loop<'a>>,
    document: Cell<Option<Value<'a>>>,
    params: Option<Value<'a>>,
    context: context::Assigned<'a>,
    /// Nobody looks at an ordinary rendering. Asked for at statements only, so that it costs nothing.
    watch: Option<&'r mut (dyn Watch + 'static)>,
    /// Texts in quotes and blocks around what is rendered: not written to the output yet.
    aside: u32,
}

/// Renders `program` onto the end of `out`.
pub(super) fn run<'a>(
    program: &Program,
    inputs: &Inputs<'a>,
    budget: &Budget<'a>,
    watch: Option<&mut (dyn Watch + 'static)>,
    out: &mut String,
) -> Result<Overrides, (Offset, Box<RenderProblem>)> {
    let mut variables = ArenaVec::with_capacity_in(program.names.len(), budget.arena);
    variables.resize(program.names.len(), Value::Null);
    for (symbol, value) in [
        (Names::INPUT, Value::Input),
        (Names::UTIL, Value::Util),
        (Names::CONTEXT, Value::Context(&[])),
        (Names::STAGE_VARIABLES, Value::StageVariables),
    ] {
        if let Some(place) = variables.get_mut(symbol as usize) {
            *place = value;
        }
    }
    let mut run = Run {
        inputs,
        budget,
        out,
        variables,
        names: &program.names,
        more_names: None,
        macros: program.macros.clone(),
        blocks: Vec::new(),
        depth: 0,
        macro_depth: 0,
        at: 0,
        innermost: None,
        document: Cell::new(None),
        params: None,
        context: context::Assigned::new(budget.arena),
        watch,
        aside: 0,
    };
    match run.block(&program.body, None) {
        Ok(_) => run.overrides().map_err(|problem| (0, problem)),
        Err(problem) => Err((run.at, problem)),
    }
}

impl<'a> Run<'a, '_> {
    fn block(&mut self, block: &[Node], scope: Scope<'_, 'a>) -> Outcome<Flow> {
        self.deeper()?;
        for node in block {
            self.budget.steps(1)?;
            let flow = self.node(node, scope)?;
            if flow != Flow::Next {
                self.depth -= 1;
                return Ok(flow);
            }
        }
        self.depth -= 1;
        Ok(Flow::Next)
    }

    fn node(&mut self, node: &Node, scope: Scope<'_, 'a>) -> Outcome<Flow> {
        match node {
            Node::Text(text) => self.write(text)?,
            Node::Reference(reference) => return self.print_reference(reference, scope),
            Node::Set { target, value } => {
                self.at = target.at;
                let value = self.expression(value, scope)?;
                if let Some(watch) = self.watch.as_deref_mut() {
                    let event = Event::Set { target: &target.source, value: Shown(value) };
                    watch.saw(target.at, event);
                }
                self.assign(target, value, scope)?;
            }
            Node::If(arms) => {
                for Arm { condition, body, at } in arms {
                    let holds = match condition {
                        Some(condition) => self.condition(condition, scope)?,
                        None => true,
                    };
                    if self.watch.is_some() {
                        self.tell_condition(*at, condition.as_ref(), holds, scope)?;
                    }
                    if holds {
                        return self.block(body, scope);
                    }
                }
            }
            Node::Foreach { item, list, body, at } => {
                return self.foreach(*item, list, body, *at, scope);
            }
            Node::Break => return Ok(Flow::Break),
            Node::Stop => return Ok(Flow::Stop),
            Node::Define { name, body } => {
                self.budget.hold(size_of::<Arc<Block>>())?;
                self.blocks.push(Arc::clone(body));
                self.set_variable(*name, Value::Block(self.blocks.len() - 1), scope);
            }
            Node::Evaluate { text, at } => return self.evaluate(text, *at, scope),
            Node::Invoke(invoke) => return self.invoke(invoke, scope),
            Node::Refused { directive, at } => {
                self.at = *at;
                let message =
                    format!("`{directive}` is not available: there are no other templates to read");
                return Err(Box::new(RenderProblem::Directive(message)));
            }
        }
        Ok(Flow::Next)
    }

    fn foreach(
        &mut self,
        item: Symbol,
        list: &Expression,
        body: &Block,
        at: Offset,
        scope: Scope<'_, 'a>,
    ) -> Outcome<Flow> {
        let collection = self.expression(list, scope)?;
        if let Some(watch) = self.watch.as_deref_mut() {
            let item = self.more_names.as_ref().unwrap_or(self.names).text(item);
            watch.saw(at, Event::Foreach { item, list: Shown(collection) });
        }
        let (list, first) = match collection {
            Value::List(list) => (list, 0),
            Value::Iterator(cursor) => (cursor.list, cursor.next.get()),
            Value::Map(map) => match self.map_values(map)? {
                Value::List(list) => (list, 0),
                _ => return Ok(Flow::Next),
            },
            Value::Context(_) | Value::StageVariables => match self.group_values(collection)? {
                Value::List(list) => (list, 0),
                _ => return Ok(Flow::Next),
            },
            _ => return Ok(Flow::Next),
        };
        let mut saved =
            [item, Names::FOREACH, Names::COUNT, Names::HAS_NEXT].map(|it| (it, Value::Null));
        for (symbol, value) in &mut saved {
            *value = self.variable(*symbol, scope)?;
        }
        let parent = self.innermost;
        self.budget.hold(size_of::<Loop<'_>>())?;
        let state: &'a Loop<'a> = self.budget.arena.alloc(Loop {
            index: Cell::new(0),
            has_next: Cell::new(false),
            parent,
        });
        self.innermost = Some(state);
        let length = list.len();
        let iterations =
            length.saturating_sub(first).min(self.budget.limits.loop_iterations as usize);
        let mut flow = Flow::Next;
        for (count, index) in (first..first + iterations).enumerate() {
            let Some(value) = list.get(index) else { break };
            self.budget.steps(2)?;
            let value_count = i64::try_from(count).unwrap_or(i64::MAX);
            state.index.set(value_count);
            state.has_next.set(index + 1 < length);
            self.set_variable(item, value, scope);
            self.set_variable(Names::FOREACH, Value::Loop(state), scope);
            self.set_variable(Names::COUNT, Value::Integer(value_count + 1), scope);
            self.set_variable(Names::HAS_NEXT, Value::Boolean(index + 1 < length), scope);
            if let Some(watch) = self.watch.as_deref_mut() {
                let item = self.more_names.as_ref().unwrap_or(self.names).text(item);
                watch.saw(at, Event::Each { item, value: Shown(value), count: count + 1 });
            }
            flow = self.block(body, scope)?;
            if flow != Flow::Next {
                break;
            }
            // Java's iterator finds out when it is asked for the next.
            if list.len() != length && index + 1 != list.len() {
                return failed("#foreach", "ConcurrentModificationException");
            }
        }
        if let Value::Iterator(cursor) = collection {
            cursor.next.set(first + iterations);
        }
        self.innermost = parent;
        for (symbol, value) in saved {
            self.set_variable(symbol, value, scope);
        }
        if let Some(watch) = self.watch.as_deref_mut() {
            watch.saw(at, Event::Done { left_out: length.saturating_sub(first + iterations) });
        }
        Ok(if flow == Flow::Stop { Flow::Stop } else { Flow::Next })
    }

    fn invoke(&mut self, invoke: &Invoke, scope: Scope<'_, 'a>) -> Outcome<Flow> {
        let Some(definition) = self.macros.iter().rev().find(|it| it.name == invoke.name) else {
            self.write(&invoke.source)?;
            if let Some(body) = &invoke.body {
                let flow = self.block(body, scope)?;
                self.write(&invoke.end)?;
                return Ok(flow);
            }
            return Ok(Flow::Next);
        };
        let definition = Arc::clone(definition);
        self.at = invoke.at;
        if let Some(watch) = self.watch.as_deref_mut() {
            let name = self.more_names.as_ref().unwrap_or(self.names).text(invoke.name);
            watch.saw(invoke.at, Event::Macro { name });
        }
        self.macro_depth += 1;
        if self.macro_depth > MACRO_DEPTH_MAX {
            return limit("macros inside each other", MACRO_DEPTH_MAX as usize);
        }
        let frame = Frame {
            caller: scope,
            definition: &definition,
            arguments: &invoke.arguments,
            assigned: RefCell::default(),
            body: invoke.body.as_ref(),
        };
        let flow = self.block(&definition.body, Some(&frame))?;
        self.macro_depth -= 1;
        Ok(if flow == Flow::Stop { Flow::Stop } else { Flow::Next })
    }

    fn evaluate(&mut self, text: &Expression, at: Offset, scope: Scope<'_, 'a>) -> Outcome<Flow> {
        self.at = at;
        let Value::Text(text) = self.expression(text, scope)? else { return Ok(Flow::Next) };
        // Parsing costs more than copying, and what it makes is not in the arena.
        self.budget.steps(text.len() + 10)?;
        self.budget.hold(text.len().saturating_mul(16))?;
        let names = self.more_names.as_ref().unwrap_or(self.names).clone();
        self.budget.steps(names.len())?;
        let program = parse::parse_evaluated(text, names, at).map_err(|message| {
            Box::new(RenderProblem::Directive(format!("`#evaluate`: {message}")))
        })?;
        self.budget.hold(program.names.len() * size_of::<Value<'_>>())?;
        self.variables.resize(program.names.len(), Value::Null);
        self.more_names = Some(program.names);
        self.macros.extend(program.macros);
        let flow = self.block(&program.body, scope)?;
        Ok(if flow == Flow::Stop { Flow::Stop } else { Flow::Next })
    }

    /// Renders a `#define`d block where it is referred to.
    fn print_block(&mut self, block: usize, scope: Scope<'_, 'a>) -> Outcome<Flow> {
        let Some(body) = self.blocks.get(block).cloned() else { return Ok(Flow::Next) };
        let flow = self.block(&body, scope)?;
        Ok(if flow == Flow::Stop { Flow::Stop } else { Flow::Next })
    }

    /// Tells how a condition turned out, and what it looked at.
    #[cold]
    fn tell_condition(
        &mut self,
        at: Offset,
        condition: Option<&Expression>,
        holds: bool,
        scope: Scope<'_, 'a>,
    ) -> Outcome<()> {
        let mut asked = Vec::new();
        if let Some(condition) = condition {
            references(condition, &mut asked);
        }
        let mut values = Vec::with_capacity(asked.len());
        for reference in asked {
            values.push((&*reference.source, Shown(self.reference(reference, scope)?)));
        }
        if let Some(watch) = self.watch.as_deref_mut() {
            let is_else = condition.is_none();
            watch.saw(at, Event::If { is_else, holds, values: &values });
        }
        Ok(())
    }

    fn write(&mut self, text: &str) -> Outcome<()> {
        self.budget.bytes(text.len())?;
        self.budget.output(self.out.len() + text.len())?;
        self.out.push_str(text);
        Ok(())
    }

    /// Takes what was written since `begin` off the output, into the arena.
    fn take_written(&mut self, begin: usize) -> Outcome<&'a str> {
        let text = self.budget.text(self.out.get(begin..).unwrap_or_default())?;
        self.out.truncate(begin);
        Ok(text)
    }

    /// A value's text.
    fn text_of(&mut self, value: Value<'a>) -> Outcome<&'a str> {
        if let Value::Text(text) = value {
            return Ok(text);
        }
        let begin = self.out.len();
        if let Value::Block(block) = value {
            self.aside += 1;
            self.print_block(block, None)?;
            self.aside -= 1;
        } else {
            print::java(value, self.budget, self.out)?;
        }
        self.take_written(begin)
    }

    fn list(&self, kind: ListKind, items: &[Value<'a>]) -> Outcome<Value<'a>> {
        self.budget.list(kind, items)
    }

    fn empty_list(&self) -> Outcome<&'a List<'a>> {
        self.budget.hold(size_of::<List<'_>>())?;
        Ok(List::new(self.budget.arena, ListKind::Java, ArenaVec::new_in(self.budget.arena)))
    }

    fn deeper(&mut self) -> Outcome<()> {
        self.depth += 1;
        self.budget.depth(self.depth)
    }
}

/// The references of a condition that can be looked at once more without changing anything.
fn references<'e>(expression: &'e Expression, found: &mut Vec<&'e Reference>) {
    match expression {
        Expression::Reference(reference) => {
            let is_pure = |part: &Part| match part {
                Part::Property(_) => true,
                Part::Index(index) => {
                    matches!(index, Expression::Integer(_) | Expression::Text(_))
                }
                Part::Call(call) => call.method.is_some_and(Method::changes_nothing),
            };
            if reference.parts.iter().all(is_pure) {
                found.push(reference);
            }
        }
        Expression::Not(inner) => references(inner, found),
        Expression::Binary { sides, .. } => {
            references(&sides.0, found);
            references(&sides.1, found);
        }
        _ => {}
    }
}
