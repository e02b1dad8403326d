//! Functions of the configuration file, as the Lambda API shows them, and what invocations of them need to
//! know besides.
//!
//! Everything shown follows from the file, so that it is the same after every start: what Lambda would draw
//! or note is made from the content and the file's own time.

use super::{File, SOURCE_TAG};
use crate::model::{self, Code, FunctionLog, Model};
use crate::resources::Timestamp;
use crate::resources::function::{
    Configuration, Environment, Function, FunctionEventConfig, LATEST, owner,
};
use crate::resources::rest::Map;
use crate::snapshot::function::EventRules;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The file's functions, by name.
#[derive(Debug, Clone, Default)]
pub struct FileFunctions {
    region: String,
    by_name: BTreeMap<String, FileFunction>,
}

/// What invocations of a function follow beside what is shown of it.
#[derive(Debug, Clone)]
pub struct FileFunction {
    /// What becomes of events that nobody waits for.
    pub rules: Arc<EventRules>,
    /// How long a worker may take to come up.
    pub init_timeout: Duration,
    /// Whether anything is written of its invocations.
    pub is_logged: bool,
}

impl FileFunctions {
    /// As a configuration says.
    pub fn of(model: &Model) -> Self {
        let facts = |function: &model::Function| FileFunction {
            rules: Arc::new(EventRules::of_file(function)),
            init_timeout: function.workers.init_timeout,
            is_logged: function.log != FunctionLog::None,
        };
        let by_name = model.functions.iter().map(|it| (it.name.clone(), facts(it)));
        Self { region: model.aws.region.clone(), by_name: by_name.collect() }
    }

    /// The function of this name, if the file has one: all of them are in its own region.
    pub fn get(&self, region: &str, name: &str) -> Option<&FileFunction> {
        self.by_name.get(name).filter(|_| self.region == region)
    }
}

impl File<'_> {
    /// A function, and its event invoke configuration where it has one.
    pub(super) fn function(&mut self, function: &model::Function) {
        let last_modified = self.last_modified(&function.code);
        let destinations = &self.model.all_functions.destinations;
        // The file says where dead letters go; an ARN is shown where one stands for the same place.
        let dead_letter = function.dead_letter.as_ref().and_then(|place| {
            destinations.iter().find(|(_, known)| *known == place).map(|(arn, _)| arn.clone())
        });
        let (code_size, code_sha256) = code(&function.code);
        let environment = (!function.environment.is_empty())
            .then(|| Environment { variables: function.environment.iter().cloned().collect() });
        let latest = Configuration {
            function_name: function.name.clone(),
            runtime: function.runtime.name().to_owned(),
            handler: function.handler.clone(),
            code_size,
            code_sha256,
            description: "Declared in ringgate's configuration file. Read-only here.".into(),
            timeout: function.timeout.as_secs_f64().ceil() as u32,
            memory_size: mebibytes(function.memory_bytes),
            last_modified,
            version: LATEST.into(),
            revision_id: revision_id(function),
            environment,
            architectures: vec![ARCHITECTURE.into()],
            ephemeral_storage: mebibytes(function.storage_bytes),
            tracing_mode: "PassThrough".into(),
            log_format: "Text".into(),
            log_group: format!("/aws/lambda/{}", function.name),
            dead_letter_target: dead_letter,
            ..Configuration::default()
        };
        let (name, value) = SOURCE_TAG;
        let noun = Function {
            latest,
            last_version: 0,
            reserved_concurrency: function.reserved_concurrency,
            tags: Map::from([(name.to_owned(), value.to_owned())]),
        };
        self.put("", &function.name, noun);
        let usual = EventRules::default();
        if (function.retries_max, function.event_age) != (usual.retries_max, usual.age_max) {
            let noun = FunctionEventConfig {
                qualifier: LATEST.into(),
                last_modified,
                maximum_retry_attempts: Some(function.retries_max),
                maximum_event_age_in_seconds: Some(function.event_age.as_secs() as u32),
                ..FunctionEventConfig::default()
            };
            self.put(&owner(&function.name), LATEST, noun);
        }
    }

    /// When the file, or the zip if that is newer, was written. Without a file: when it was read.
    fn last_modified(&self, code: &Code) -> Timestamp {
        let zip = match code {
            Code::Zip { file, .. } => Some(&**file),
            Code::Folder(_) | Code::Source { .. } => None,
        };
        let files = [self.model.file.as_deref(), zip];
        files.into_iter().flatten().filter_map(written).max().unwrap_or(self.now)
    }
}

/// The host's, in Lambda's word.
const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };

fn written(file: &Path) -> Option<Timestamp> {
    let written = std::fs::metadata(file).and_then(|it| it.modified()).ok()?;
    let since_epoch = written.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(Timestamp(since_epoch.as_secs() as i64))
}

/// Bytes of the code and the hash of it, as Lambda tells them of a zip. Of a folder nobody knows either
/// without reading all of it, and it may change at any time: 0, and nothing.
fn code(code: &Code) -> (u64, String) {
    let bytes = match code {
        Code::Folder(_) => 0,
        Code::Zip { file, .. } => std::fs::metadata(file).map_or(0, |it| it.len()),
        Code::Source { text, .. } => text.len() as u64,
    };
    let hash: Vec<u8> = code.id().map(from_hex).unwrap_or_default();
    (bytes, STANDARD.encode(hash))
}

fn from_hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks_exact(2);
    let pairs = pairs.filter_map(|pair| std::str::from_utf8(pair).ok());
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

/// Rounded up, so that it is never shown as less than it is.
fn mebibytes(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(u32::MAX)
}

/// Looks like Lambda's; another one whenever what is declared is another.
fn revision_id(function: &model::Function) -> String {
    // With secrets in it: only hashed.
    let hash = digest(&SHA256, format!("{function:?}").as_bytes());
    let hex: String = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let part = |range| hex.get(range).unwrap_or_default();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::management::from_file::{Nouns, nouns};
    use crate::resources::{Entity, Key};

    const FILE: &str = r#"
[functions.destinations]
"arn:aws:sqs:us-east-1:000000000000:dead" = "http://127.0.0.1:9/dead"
[[function]]
name = "plain"
runtime = "python3"
source = "def handler(event, context): return 1"
[[function]]
name = "rich"
runtime = "nodejs22.x"
handler = "index.main"
source = "exports.main = async () => 1"
memory = "200MiB"
ephemeral_storage = "513MiB"
timeout = "1500ms"
reserved_concurrency = 7
environment = { TABLE = "products" }
retries = 0
event_age = "90s"
dead_letter = "http://127.0.0.1:9/dead"
log = "none"
workers = { init_timeout = "1m" }
"#;

    fn model(text: &str) -> Model {
        model::parse(Path::new("f"), text.to_owned()).unwrap()
    }

    fn get<T: Entity>(nouns: &Nouns, owner: &str, id: &str) -> Option<Arc<T>> {
        let object = nouns.get(&Key::new("us-east-1", owner, T::KIND, id))?;
        Some(Arc::clone(object).into_any().downcast::<T>().unwrap())
    }

    #[test]
    fn a_function_shows_what_the_file_says() {
        let nouns = nouns(&model(FILE), Timestamp(1));
        let rich = get::<Function>(&nouns, "", "rich").unwrap();
        assert_eq!(rich.reserved_concurrency, Some(7));
        assert_eq!(rich.tags["ringgate:source"], "file");
        let it = &rich.latest;
        assert_eq!((it.runtime.as_str(), it.handler.as_str()), ("nodejs22.x", "index.main"));
        assert_eq!((it.memory_size, it.ephemeral_storage, it.timeout), (200, 513, 2));
        assert_eq!(it.environment.as_ref().unwrap().variables["TABLE"], "products");
        let arn = Some("arn:aws:sqs:us-east-1:000000000000:dead");
        assert_eq!(it.dead_letter_target.as_deref(), arn);
        let events = get::<FunctionEventConfig>(&nouns, &owner("rich"), LATEST).unwrap();
        let limits = (events.maximum_retry_attempts, events.maximum_event_age_in_seconds);
        assert_eq!(limits, (Some(0), Some(90)));

        let plain = get::<Function>(&nouns, "", "plain").unwrap();
        let it = &plain.latest;
        assert_eq!((it.runtime.as_str(), it.timeout, it.memory_size), ("python3", 3, 128));
        assert_eq!((it.code_size, it.code_sha256.len()), (37, 44));
        assert_eq!(
            (it.role.as_str(), &it.environment, it.last_modified),
            ("", &None, Timestamp(1))
        );
        assert!(get::<FunctionEventConfig>(&nouns, &owner("plain"), LATEST).is_none());
    }

    #[test]
    fn what_lambda_would_draw_is_the_same_until_the_file_changes() {
        let drawn = |text: &str| {
            let nouns = nouns(&model(text), Timestamp(1));
            let it = get::<Function>(&nouns, "", "plain").unwrap();
            (it.latest.revision_id.clone(), it.latest.code_sha256.clone())
        };
        let (first, other_code) = (drawn(FILE), drawn(&FILE.replace("return 1\"", "return 2\"")));
        assert_eq!(first, drawn(&FILE.replace("200MiB", "300MiB")), "another function's change");
        assert!(first.0 != other_code.0 && first.1 != other_code.1);
        assert_eq!(first.0.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    }

    #[test]
    fn code_has_the_size_and_hash_of_its_zip_and_a_folder_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("code.zip");
        std::fs::write(&file, "abc").unwrap();
        let zip = Code::Zip { file, id: model::code_id(b"abc") };
        // FIPS 180-2, appendix B.1, as Base64.
        let hash = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
        assert_eq!(code(&zip), (3, hash.to_owned()));
        assert_eq!(code(&Code::Folder(folder.path().into())), (0, String::new()));
    }

    #[test]
    fn invocations_follow_the_file() {
        let functions = FileFunctions::of(&model(FILE));
        let rich = functions.get("us-east-1", "rich").unwrap();
        assert_eq!((rich.rules.retries_max, rich.rules.age_max), (0, Duration::from_secs(90)));
        assert!(rich.rules.dead_letter.is_some() && !rich.is_logged);
        assert_eq!(rich.init_timeout, Duration::from_secs(60));
        assert!(functions.get("us-east-1", "plain").unwrap().is_logged);
        assert!(functions.get("eu-west-1", "plain").is_none());
        assert!(functions.get("us-east-1", "other").is_none());
    }
}
