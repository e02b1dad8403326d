//! `$context` and `$stageVariables`: what the caller knows, and the overrides that a template assigns.

use arrayvec::ArrayVec;
use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;
use serde_json::Value as Json;

use super::{Outcome, Overrides, Run, Value};
use crate::template::budget::Budget;
use crate::template::inputs::Variable;
use crate::template::problem::RenderProblem;
use crate::template::value::{ListKind, Map};

/// The maps of `$context.requestOverride` and `responseOverride`, made when a template first names one.
pub(super) struct Assigned<'a> {
    maps: Option<Maps<'a>>,
    /// Each target that this rendering has set.
    targets: ArenaVec<'a, (&'static str, &'a str)>,
}

#[derive(Clone, Copy)]
struct Maps<'a> {
    request: &'a Map<'a>,
    response: &'a Map<'a>,
}

impl<'a> Assigned<'a> {
    pub(super) fn new(arena: &'a Bump) -> Self {
        Self { maps: None, targets: ArenaVec::new_in(arena) }
    }
}

/// Levels of what one template hands to the next.
const CARRIED_DEPTH_MAX: u32 = 32;

impl<'a> Run<'a, '_> {
    /// `$context.{way}.{name}`.
    pub(super) fn context_member(&mut self, way: &'a [&'a str], name: &str) -> Outcome<Value<'a>> {
        if way.is_empty() && matches!(name, "requestOverride" | "responseOverride") {
            let maps = self.override_maps()?;
            return Ok(Value::Map(if name == "requestOverride" {
                maps.request
            } else {
                maps.response
            }));
        }
        // `authorizer.claims.sub` has three parts; nothing has more than five.
        let mut parts: ArrayVec<&'a str, 8> = ArrayVec::new();
        let is_short = parts.try_extend_from_slice(way).is_ok();
        if !is_short || parts.try_push(self.budget.text(name)?).is_err() {
            return Ok(Value::Null);
        }
        // A reference to the caller's, not to this run's copy of it: the variable outlives the rendering.
        let context = self.inputs.context;
        Ok(match context.variable(&parts) {
            Variable::Missing => Value::Null,
            Variable::Text(std::borrow::Cow::Borrowed(text)) => Value::Text(text),
            Variable::Text(std::borrow::Cow::Owned(text)) => Value::Text(self.budget.text(&text)?),
            Variable::Integer(number) => Value::Integer(number),
            Variable::Boolean(flag) => Value::Boolean(flag),
            Variable::Group => {
                self.budget.hold(size_of_val(parts.as_slice()))?;
                Value::Context(self.budget.arena.alloc_slice_copy(&parts))
            }
        })
    }

    pub(super) fn stage_variable(&self, name: &str) -> Value<'a> {
        last(self.inputs.stage_variables, name).map_or(Value::Null, Value::Text)
    }

    /// The names in `$context.authorizer`, `$stageVariables` and the like.
    pub(super) fn group_names(&mut self, group: Value<'a>) -> Outcome<Vec<Value<'a>>> {
        let mut names: Vec<Value<'a>> = Vec::new();
        match group {
            Value::StageVariables => {
                for (name, _) in self.inputs.stage_variables {
                    if !names.iter().any(|it| matches!(it, Value::Text(it) if it == name)) {
                        names.push(Value::Text(name));
                    }
                    self.budget.steps(1 + names.len() / 8)?;
                }
            }
            Value::Context(way) => {
                self.inputs.context.names(way, &mut |name| names.push(Value::Text(name)));
                self.budget.steps(1 + names.len())?;
            }
            _ => {}
        }
        Ok(names)
    }

    pub(super) fn group_values(&mut self, group: Value<'a>) -> Outcome<Value<'a>> {
        let mut values = Vec::new();
        for name in self.group_names(group)? {
            if let Value::Text(name) = name {
                values.push(self.property(group, name)?);
            }
        }
        self.list(ListKind::Java, &values)
    }

    /// A map of a group's members, for the methods of maps.
    pub(super) fn group_map(&mut self, group: Value<'a>) -> Outcome<&'a Map<'a>> {
        let map = self.budget.map()?;
        for name in self.group_names(group)? {
            if let Value::Text(text) = name {
                let value = self.property(group, text)?;
                self.budget.put(map, name, value)?;
            }
        }
        Ok(map)
    }

    /// `put`, on the maps of overrides with Amazon's rule that each target is set once.
    pub(super) fn put(
        &mut self,
        map: &'a Map<'a>,
        key: Value<'a>,
        value: Value<'a>,
    ) -> Outcome<Option<Value<'a>>> {
        if let Some(guard) = map.guard {
            let key = self.text_of(key)?;
            if self.context.targets.iter().any(|(target, name)| *target == guard && *name == key) {
                let target = format!("{guard}.{key}");
                return Err(Box::new(RenderProblem::OverrideTwice(target)));
            }
            self.budget.hold(2 * size_of::<(&str, &str)>())?;
            self.budget.steps(1 + self.context.targets.len() / 8)?;
            self.context.targets.push((guard, key));
            return self.budget.put(map, Value::Text(key), value);
        }
        self.budget.put(map, key, value)
    }

    fn override_maps(&mut self) -> Outcome<Maps<'a>> {
        if let Some(maps) = self.context.maps {
            return Ok(maps);
        }
        let arena = self.budget.arena;
        let request = Map::guarded(arena, Some("requestOverride"));
        for (name, guard) in [
            ("header", "requestOverride.header"),
            ("path", "requestOverride.path"),
            ("querystring", "requestOverride.querystring"),
        ] {
            self.budget.put(
                request,
                Value::Text(name),
                Value::Map(Map::guarded(arena, Some(guard))),
            )?;
        }
        let response = Map::guarded(arena, Some("responseOverride"));
        let header = Map::guarded(arena, Some("responseOverride.header"));
        self.budget.put(response, Value::Text("header"), Value::Map(header))?;
        if let Some(carried) = self.inputs.overrides {
            for (map, members) in [(request, &carried.request), (response, &carried.response)] {
                for (name, value) in members {
                    // What was handed over goes into the map that is there, whose guard counts anew.
                    let inner = map.get_text(self.budget.hasher, name);
                    match (inner, value) {
                        (Some(Value::Map(inner)), Json::Object(members)) => {
                            for (name, value) in members {
                                let value = from_json(value, self.budget, 0)?;
                                self.budget.put(inner, Value::Text(name), value)?;
                            }
                        }
                        _ => {
                            let value = from_json(value, self.budget, 0)?;
                            self.budget.put(map, Value::Text(name), value)?;
                        }
                    }
                }
            }
        }
        let maps = Maps { request, response };
        self.context.maps = Some(maps);
        Ok(maps)
    }

    /// What the overrides are at the end.
    pub(super) fn overrides(&mut self) -> Outcome<Overrides> {
        let Some(maps) = self.context.maps else {
            return Ok(self.inputs.overrides.cloned().unwrap_or_default());
        };
        let mut exported = Overrides::default();
        for (map, members) in
            [(maps.request, &mut exported.request), (maps.response, &mut exported.response)]
        {
            let mut index = 0;
            while let Some((key, value)) = map.entry(index) {
                index += 1;
                if matches!(value, Value::Map(inner) if inner.guard.is_some() && inner.len() == 0) {
                    continue;
                }
                let key = self.text_of(key)?.to_owned();
                let value = self.export(value, 0)?;
                members.insert(key, value);
            }
        }
        Ok(exported)
    }

    fn export(&mut self, value: Value<'a>, depth: u32) -> Outcome<Json> {
        self.budget.steps(1)?;
        if depth > CARRIED_DEPTH_MAX {
            return Ok(Json::Null);
        }
        Ok(match value {
            Value::Null => Json::Null,
            Value::Boolean(flag) => Json::Bool(flag),
            Value::Integer(number) => number.into(),
            Value::List(list) => {
                let mut items = Vec::new();
                let mut index = 0;
                while let Some(item) = list.get(index) {
                    items.push(self.export(item, depth + 1)?);
                    self.budget.hold(size_of::<Json>())?;
                    index += 1;
                }
                Json::Array(items)
            }
            Value::Map(map) => {
                let mut members = serde_json::Map::new();
                let mut index = 0;
                while let Some((key, value)) = map.entry(index) {
                    let key = self.text_of(key)?.to_owned();
                    self.budget.hold(size_of::<Json>() + key.len())?;
                    let value = self.export(value, depth + 1)?;
                    members.insert(key, value);
                    index += 1;
                }
                Json::Object(members)
            }
            // Doubles too: what is sent is Java's text of them.
            other => Json::String(self.text_of(other)?.to_owned()),
        })
    }
}

fn from_json<'a>(json: &'a Json, budget: &Budget<'a>, depth: u32) -> Outcome<Value<'a>> {
    if depth > CARRIED_DEPTH_MAX {
        return Ok(Value::Null);
    }
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Boolean(*flag),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Integer(whole),
            None => Value::Double(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::Text(text),
        Json::Array(items) => {
            let mut values = Vec::with_capacity(items.len());
            for item in items {
                values.push(from_json(item, budget, depth + 1)?);
            }
            budget.list(ListKind::Java, &values)?
        }
        Json::Object(members) => {
            let map = budget.map()?;
            for (name, value) in members {
                let value = from_json(value, budget, depth + 1)?;
                budget.put(map, Value::Text(name), value)?;
            }
            Value::Map(map)
        }
    })
}

/// The last of the pairs with that name.
pub(super) fn last<'a>(pairs: &'a [(&'a str, &'a str)], name: &str) -> Option<&'a str> {
    pairs.iter().rev().find(|(it, _)| *it == name).map(|(_, value)| *value)
}
