//! Configurations: what of them a call may set, within which limits, and how they are answered.

use super::event_config::check_destination;
use super::fault::{changed_since, invalid, no_function};
use super::of_file::change;
use super::place::{Place, arn};
use crate::aws::Fault;
use crate::management::operation::{Operation, read};
use crate::management::{Answer, Call, Settings};
use crate::resources::function::{Configuration, Environment, Function};
use crate::runtimes::Runtime;
use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) static OPERATIONS: &[Operation] =
    &[read("GetFunctionConfiguration", get), change("UpdateFunctionConfiguration", update)];

/// Seconds that one invocation may take.
const TIMEOUT_MAX: u32 = 900;

/// Bytes of all names and values of environment variables together, as JSON.
const ENVIRONMENT_BYTES_MAX: usize = 4096;

/// Variables that are the runtime's own.
const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_MAX_CONCURRENCY",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// Members that need something that ringgate does not have. Nothing is promised by leaving them out
/// silently.
const REFUSED: &[(&str, &str)] = &[
    ("Layers", "layers: put their content into the zip"),
    ("FileSystemConfigs", "file systems to mount: read the host's own paths"),
    ("ImageConfig", "container images"),
    ("CodeSigningConfigArn", "code signing"),
    ("CapacityProviderConfig", "capacity providers"),
    ("DurableConfig", "durable functions"),
    ("TenancyConfig", "tenant isolation"),
    ("PublishTo", "managed instances"),
];

/// What a call may set of a configuration; what is absent stays.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Given {
    pub runtime: Option<String>,
    pub role: Option<String>,
    pub handler: Option<String>,
    pub description: Option<String>,
    pub timeout: Option<u32>,
    pub memory_size: Option<u32>,
    pub environment: Option<Environment>,
    pub architectures: Option<Vec<String>>,
    pub ephemeral_storage: Option<EphemeralStorage>,
    pub tracing_config: Option<TracingConfig>,
    pub logging_config: Option<LoggingConfig>,
    pub dead_letter_config: Option<DeadLetterConfig>,
    pub vpc_config: Option<Map<String, Value>>,
    #[serde(rename = "KMSKeyArn")]
    pub kms_key_arn: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EphemeralStorage {
    size: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TracingConfig {
    mode: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeadLetterConfig {
    target_arn: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LoggingConfig {
    log_format: Option<String>,
    application_log_level: Option<String>,
    system_log_level: Option<String>,
    log_group: Option<String>,
}

impl Given {
    /// Refuses members that need what ringgate does not have.
    ///
    /// # Errors
    /// One of them is there, and not empty.
    pub(super) fn refuse_unknown(call: &Call<'_>) -> Result<(), Fault> {
        for (member, what) in REFUSED {
            let is_there = call.input.get(*member).is_some_and(|value| match value {
                Value::Array(elements) => !elements.is_empty(),
                Value::Object(members) => !members.is_empty(),
                Value::String(text) => !text.is_empty(),
                _ => true,
            });
            if is_there {
                return Err(invalid(format!("{member}: ringgate has no {what}")));
            }
        }
        let snap_start = call.input.get("SnapStart").and_then(|it| it["ApplyOn"].as_str());
        if snap_start.is_some_and(|it| it != "None") {
            return Err(invalid("SnapStart: ringgate has no snapshots of functions"));
        }
        Ok(())
    }

    /// Changes a configuration.
    ///
    /// # Errors
    /// Something is beyond its limit.
    pub(super) fn apply(
        self,
        configuration: &mut Configuration,
        settings: &Settings,
    ) -> Result<(), Fault> {
        if let Some(runtime) = self.runtime {
            if Runtime::parse(&runtime).is_none() {
                return Err(invalid(format!(
                    "The runtime parameter of {runtime} is not supported: ringgate runs python3.*, \
                     nodejs*.x and provided.*"
                )));
            }
            configuration.runtime = runtime;
        }
        if let Some(timeout) = self.timeout {
            if timeout > TIMEOUT_MAX {
                return Err(Fault::validation(format!(
                    "1 validation error detected: Value '{timeout}' at 'timeout' failed to satisfy \
                     constraint: Member must have value less than or equal to {TIMEOUT_MAX}"
                )));
            }
            configuration.timeout = timeout;
        }
        if let Some(environment) = self.environment {
            check_environment(&environment)?;
            configuration.environment = Some(environment);
        }
        let set = |place: &mut String, given: Option<String>| {
            if let Some(given) = given {
                *place = given;
            }
        };
        set(&mut configuration.role, self.role);
        set(&mut configuration.handler, self.handler);
        set(&mut configuration.description, self.description);
        set(&mut configuration.tracing_mode, self.tracing_config.and_then(|it| it.mode));
        if let Some(memory_size) = self.memory_size {
            configuration.memory_size = memory_size;
        }
        if let Some(architectures) = self.architectures.filter(|it| !it.is_empty()) {
            configuration.architectures = architectures;
        }
        if let Some(storage) = self.ephemeral_storage {
            configuration.ephemeral_storage = storage.size;
        }
        if let Some(dead_letter) = self.dead_letter_config {
            let target = dead_letter.target_arn.as_deref().unwrap_or_default();
            check_destination(settings, "DeadLetterConfig", target)?;
            configuration.dead_letter_target = dead_letter.target_arn.filter(|it| !it.is_empty());
        }
        if let Some(logging) = self.logging_config {
            set_logging(configuration, logging)?;
        }
        if let Some(vpc) = self.vpc_config {
            configuration.shown.remove("VpcConfig");
            let is_empty = |member: &str| {
                vpc.get(member).and_then(Value::as_array).is_none_or(|ids| ids.is_empty())
            };
            if !is_empty("SubnetIds") || !is_empty("SecurityGroupIds") {
                let mut shown = vpc.clone();
                shown.entry("VpcId").or_insert_with(|| json!(""));
                configuration.shown.insert("VpcConfig".into(), Value::Object(shown));
            }
        }
        if let Some(arn) = self.kms_key_arn {
            configuration.shown.remove("KMSKeyArn");
            if !arn.is_empty() {
                configuration.shown.insert("KMSKeyArn".into(), Value::String(arn));
            }
        }
        Ok(())
    }
}

fn set_logging(configuration: &mut Configuration, logging: LoggingConfig) -> Result<(), Fault> {
    if let Some(format) = logging.log_format {
        configuration.log_format = format;
    }
    if let Some(group) = logging.log_group {
        configuration.log_group = group;
    }
    if configuration.log_format == "JSON" {
        let level = |given: Option<String>, known: &Option<String>| {
            given.or_else(|| known.clone()).or_else(|| Some("INFO".to_owned()))
        };
        configuration.application_log_level =
            level(logging.application_log_level, &configuration.application_log_level);
        configuration.system_log_level =
            level(logging.system_log_level, &configuration.system_log_level);
        return Ok(());
    }
    configuration.application_log_level = None;
    configuration.system_log_level = None;
    if logging.application_log_level.is_some() || logging.system_log_level.is_some() {
        return Err(invalid(
            "To configure log level, set your log format to JSON: levels are not supported with Text",
        ));
    }
    Ok(())
}

/// Checks variables, and tells of no value: they hold passwords.
fn check_environment(environment: &Environment) -> Result<(), Fault> {
    let unable = "Lambda was unable to configure your environment variables because the environment \
                  variables you have provided";
    let variables = &environment.variables;
    let is_name = |name: &str| {
        name.len() >= 2
            && name.starts_with(|it: char| it.is_ascii_alphabetic())
            && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_')
    };
    if let Some(name) =
        variables.keys().find(|name| !is_name(name) && !RESERVED.contains(&name.as_str()))
    {
        return Err(Fault::validation(format!(
            "1 validation error detected: Value '{name}' at 'environment.variables' failed to satisfy \
             constraint: Map keys must satisfy constraint: [Member must satisfy regular expression \
             pattern: [a-zA-Z]([a-zA-Z0-9_])+]"
        )));
    }
    let reserved: Vec<&str> =
        variables.keys().map(String::as_str).filter(|name| RESERVED.contains(name)).collect();
    if !reserved.is_empty() {
        return Err(invalid(format!(
            "{unable} contains reserved keys that are currently not supported for modification. \
             Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    let bytes = serde_json::to_string(variables).map_or(usize::MAX, |text| text.len());
    if bytes > ENVIRONMENT_BYTES_MAX {
        return Err(invalid(format!("{unable} exceeded the 4KB limit. Bytes measured: {bytes}")));
    }
    Ok(())
}

impl Configuration {
    /// Notes that it has been changed.
    pub(super) fn touch(&mut self, call: &mut Call<'_>) {
        self.last_modified = call.now;
        self.revision_id = call.ids.uuid();
    }
}

/// `FunctionConfiguration`, under the ARN with this qualifier.
pub(super) fn answer(
    call: &Call<'_>,
    configuration: &Configuration,
    qualifier: Option<&str>,
) -> Value {
    let it = configuration;
    let mut shown = json!({
        "FunctionName": it.function_name,
        "FunctionArn": arn(call, &it.function_name, qualifier),
        "Runtime": it.runtime,
        "Role": it.role,
        "Handler": it.handler,
        "CodeSize": it.code_size,
        "Description": it.description,
        "Timeout": it.timeout,
        "MemorySize": it.memory_size,
        "LastModified": it.last_modified.iso().replace('Z', ".000+0000"),
        "CodeSha256": it.code_sha256,
        "Version": it.version,
        "TracingConfig": { "Mode": it.tracing_mode },
        "RevisionId": it.revision_id,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": it.architectures,
        "EphemeralStorage": { "Size": it.ephemeral_storage },
        "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
        "RuntimeVersionConfig": { "RuntimeVersionArn": runtime_arn(call, &it.runtime) },
        "LoggingConfig": { "LogFormat": it.log_format, "LogGroup": it.log_group },
    });
    if let Some(level) = &it.application_log_level {
        shown["LoggingConfig"]["ApplicationLogLevel"] = json!(level);
    }
    if let Some(level) = &it.system_log_level {
        shown["LoggingConfig"]["SystemLogLevel"] = json!(level);
    }
    if let Some(environment) = &it.environment {
        shown["Environment"] = json!({ "Variables": environment.variables });
    }
    if let Some(target) = &it.dead_letter_target {
        shown["DeadLetterConfig"] = json!({ "TargetArn": target });
    }
    for (member, value) in &it.shown {
        shown[member] = value.clone();
    }
    shown
}

/// Looks like Lambda's, which names a build of the runtime by a hash.
fn runtime_arn(call: &Call<'_>, runtime: &str) -> String {
    let hash = digest(&SHA256, runtime.as_bytes());
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("arn:aws:lambda:{}::runtime:{hex}", call.region())
}

/// `GetFunctionConfiguration`.
fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let place = Place::of(call)?;
    let configuration = place.configuration(call, 1.0)?;
    Ok(Answer::Json(answer(call, &configuration, place.qualifier.as_deref())))
}

/// `UpdateFunctionConfiguration`.
fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let name = Place::whole(call)?;
    let found = call.draft.get::<Function>("", &name);
    let mut function = (*found.ok_or_else(|| no_function(&arn(call, &name, None)))?).clone();
    Given::refuse_unknown(call)?;
    if call.text_of("RevisionId").is_some_and(|it| it != function.latest.revision_id) {
        return Err(changed_since("GetFunction"));
    }
    let given: Given = call.input()?;
    given.apply(&mut function.latest, call.settings)?;
    function.latest.touch(call);
    let answered = answer(call, &function.latest, None);
    call.draft.put("", &name, function);
    Ok(Answer::Json(answered))
}
