//! A version of a function that was made through the Lambda API, as workers run it.

use crate::model::{FunctionLog, Runtime};
use crate::resources::function::{Configuration, FunctionCode, LATEST};
use crate::snapshot::compile::fnv1a;
use crate::snapshot::function::{Function, Launch, Permission, function_arn};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// As for functions of the file that say nothing of it.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);
const WORKERS_MAX: usize = 16;
const QUEUE_MAX: usize = 1000;
/// MiB; functions that were kept without it have this.
const STORAGE_MIN: u32 = 512;

/// Code that functions of the same change run.
#[derive(Debug, Clone)]
pub struct UsedCode {
    /// The SHA-256 of the zip in hex digits. Functions that run it have it as [`Launch::code`], until
    /// whoever unpacks it puts the folder there.
    pub id: Box<str>,
    /// The zip.
    pub code: Arc<FunctionCode>,
}

/// Where a version of a function is.
#[derive(Debug, Clone, Copy)]
pub struct FunctionPlace<'p> {
    /// Its region.
    pub region: &'p str,
    /// The account.
    pub account_id: &'p str,
    /// A version's number or an alias; `None` is the function itself.
    pub qualifier: Option<&'p str>,
}

impl FunctionPlace<'_> {
    /// The ARN of a function of this name here.
    pub fn arn(&self, name: &str) -> String {
        let arn = function_arn(self.region, self.account_id, name);
        match self.qualifier.filter(|it| *it != LATEST) {
            Some(qualifier) => format!("{arn}:{qualifier}"),
            None => arn,
        }
    }
}

/// Compiles a version. `code_id` names its zip, see [`UsedCode::id`]. `None`: nothing here runs its
/// runtime.
pub fn compile_function(
    place: &FunctionPlace<'_>,
    configuration: &Configuration,
    reserved_concurrency: Option<u32>,
    code_id: &str,
    permission: Permission,
) -> Option<Function> {
    let runtime = Runtime::from_name(&configuration.runtime)?;
    let arn: Box<str> = place.arn(&configuration.function_name).into();
    let variables = configuration.environment.iter().flat_map(|it| &it.variables);
    let environment: Vec<(String, String)> =
        variables.map(|(name, value)| (name.clone(), value.clone())).collect();
    let memory_bytes = u64::from(configuration.memory_size) << 20;
    let storage_bytes = u64::from(configuration.ephemeral_storage.max(STORAGE_MIN)) << 20;
    // What workers depend on and nothing else: a tag or a description replaces none. The text holds
    // secrets and is only hashed.
    let fingerprint = format!(
        "{code_id} {:?} {} {} {memory_bytes} {storage_bytes} {environment:?} {reserved_concurrency:?} {}",
        runtime, configuration.handler, configuration.version, configuration.timeout
    );
    let key: Box<str> = format!("{arn}#{:016x}", fnv1a(fingerprint.as_bytes())).into();
    Some(Function {
        arn,
        other: None,
        key: key.clone(),
        timeout: Duration::from_secs(u64::from(configuration.timeout)),
        init_timeout: INIT_TIMEOUT,
        idle_timeout: IDLE_TIMEOUT,
        workers_min: 0,
        workers_max: WORKERS_MAX,
        queue_max: QUEUE_MAX,
        reserved_concurrency,
        permission,
        events: Arc::default(),
        launch: Arc::new(Launch {
            name: configuration.function_name.clone(),
            version: configuration.version.clone(),
            key,
            runtime,
            handler: configuration.handler.clone(),
            code: PathBuf::from(code_id),
            client: None,
            isolation: None,
            environment,
            memory_bytes,
            storage_bytes,
            user: None,
            log: FunctionLog::Stderr,
            region: place.region.to_owned(),
            reserved_concurrency,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(qualifier: Option<&str>) -> FunctionPlace<'_> {
        FunctionPlace { region: "eu-west-1", account_id: "000000000000", qualifier }
    }

    fn configuration() -> Configuration {
        Configuration {
            function_name: "f".into(),
            runtime: "python3.12".into(),
            handler: "app.handler".into(),
            timeout: 3,
            memory_size: 128,
            version: LATEST.into(),
            ..Configuration::default()
        }
    }

    #[test]
    fn a_version_goes_by_its_arn() {
        let arn = |qualifier| {
            let compiled = compile_function(
                &place(qualifier),
                &configuration(),
                None,
                "c",
                Permission::Nobody,
            );
            compiled.unwrap().arn.into_string()
        };
        let plain = "arn:aws:lambda:eu-west-1:000000000000:function:f";
        assert_eq!(arn(None), plain);
        assert_eq!(arn(Some(LATEST)), plain);
        assert_eq!(arn(Some("prod")), format!("{plain}:prod"));
    }

    #[test]
    fn only_what_workers_depend_on_replaces_them() {
        let key = |configuration: &Configuration, code| {
            compile_function(&place(None), configuration, None, code, Permission::Nobody)
                .unwrap()
                .key
        };
        let first = configuration();
        let described = Configuration { description: "d".into(), ..configuration() };
        assert_eq!(key(&first, "c"), key(&described, "c"));
        let longer = Configuration { timeout: 4, ..configuration() };
        assert_ne!(key(&first, "c"), key(&longer, "c"));
        assert_ne!(key(&first, "c"), key(&first, "d"));
    }

    #[test]
    fn a_runtime_that_is_not_here_is_none() {
        let java = Configuration { runtime: "java21".into(), ..configuration() };
        assert!(compile_function(&place(None), &java, None, "c", Permission::Nobody).is_none());
    }
}
