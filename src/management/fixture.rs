//! For tests: operations called by name on resources in memory, without listener, shapes or store.

use super::rest::test_invoke::{self, BackEnds, NoBackEnds};
use super::{Answer, Call, Settings, http, lambda, operation, publish, rest};
use crate::aws::id::IdSource;
use crate::aws::{Fault, shapes};
use crate::resources::{Draft, State, Timestamp};
use serde_json::Value;

/// Resources in memory, and a clock that the test sets.
pub(crate) struct Fixture {
    pub(crate) state: State,
    pub(crate) now: Timestamp,
    pub(crate) region: String,
    ids: IdSource,
    pub(crate) settings: Settings,
}

impl Fixture {
    /// Nothing made yet; ids are the same in every run.
    pub(crate) fn new() -> Self {
        Self {
            state: State::default(),
            now: Timestamp(1_772_359_200),
            region: "us-east-1".into(),
            ids: IdSource::seeded(1),
            settings: Settings {
                account_id: "000000000000".into(),
                domain_suffix: "localhost".into(),
                logging_needs_role: false,
                functions_need_permission: true,
                template_findings: crate::model::TemplateFindings::Warn,
                back_ends: std::sync::Arc::default(),
                event_places: std::sync::Arc::default(),
                file_functions: std::sync::Arc::default(),
            },
        }
    }

    /// Calls an operation of v1.
    pub(crate) fn v1(&mut self, name: &str, input: Value) -> Result<Value, Fault> {
        let input = known_members(shapes::apigateway(), name, input);
        let answer = match name {
            test_invoke::TEST_INVOKE_METHOD => self.test_invoke(input, &NoBackEnds)?,
            _ => self.call(rest::TABLES, name, input)?,
        };
        check_answer(shapes::apigateway(), name, &answer);
        Ok(answer)
    }

    /// Tries a method with these back ends, which answer at once.
    pub(crate) fn test_invoke(
        &mut self,
        input: Value,
        back_ends: &dyn BackEnds,
    ) -> Result<Value, Fault> {
        let Value::Object(input) = input else { panic!("an input is an object") };
        let mut call = Call {
            draft: Draft::new(&self.state, &self.region),
            input,
            now: self.now,
            ids: &mut self.ids,
            settings: &self.settings,
        };
        let function_of =
            |arn: &str| publish::function_of(&self.state, &self.settings, &self.region, arn);
        let links = publish::private_links(&self.state, &self.region);
        let begun = test_invoke::begin(&mut call, &function_of, &links)?;
        match futures_lite::future::block_on(begun.finish(back_ends)) {
            Answer::Json(value) => Ok(value),
            other => panic!("{other:?} is no answer of a test call"),
        }
    }

    /// Calls an operation of v2.
    pub(crate) fn v2(&mut self, name: &str, input: Value) -> Result<Value, Fault> {
        let input = known_members(shapes::apigatewayv2(), name, input);
        let answer = self.call(http::TABLES, name, input)?;
        check_answer(shapes::apigatewayv2(), name, &answer);
        Ok(answer)
    }

    /// Calls an operation of Lambda.
    pub(crate) fn lambda(&mut self, name: &str, input: Value) -> Result<Value, Fault> {
        let input = known_members(shapes::lambda(), name, input);
        let answer = self.call(lambda::TABLES, name, input)?;
        check_answer(shapes::lambda(), name, &answer);
        Ok(answer)
    }

    fn call(
        &mut self,
        tables: &[&'static [operation::Operation]],
        name: &str,
        input: Value,
    ) -> Result<Value, Fault> {
        let operation = operation::find(tables, name).expect("the operation exists");
        let Value::Object(input) = input else { panic!("an input is an object") };
        let mut call = Call {
            draft: Draft::new(&self.state, &self.region),
            input,
            now: self.now,
            ids: &mut self.ids,
            settings: &self.settings,
        };
        let answer = super::run(operation, &mut call);
        let (touched, _) = call.draft.finish();
        let answer = answer?;
        if operation.access == operation::Access::Read {
            assert!(touched.is_empty(), "{name} reads, but changed something");
        }
        self.state.apply(touched);
        Ok(match answer {
            Answer::Empty => Value::Null,
            Answer::Json(value) => value,
            Answer::File { content, .. } => {
                Value::String(String::from_utf8_lossy(&content).into_owned())
            }
        })
    }
}

/// What the model does not have never reaches an operation.
fn known_members(service: &shapes::Service, name: &str, mut input: Value) -> Value {
    let operation = service.operation(name).expect("the model has the operation");
    if let Some(members) = input.as_object_mut() {
        members.retain(|member, _| operation.members().iter().any(|known| known.name == member));
    }
    input
}

/// Clients drop what the model does not have, so an answer must have nothing else; and no `null`.
fn check_answer(service: &shapes::Service, name: &str, answer: &Value) {
    let operation = service.operation(name).expect("the model has the operation");
    for (member, value) in answer.as_object().into_iter().flatten() {
        let is_known = operation.output().iter().any(|known| known.name == member);
        assert!(is_known, "{name} answers {member}, which the model does not have");
        assert!(!value.is_null(), "{name} answers null for {member}");
    }
}
