//! `[[function]]`: a Lambda function that runs on this host.

use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use super::code::{self, Code};
use super::event_place::{self, EventPlace};
use super::functions::Functions;
use super::isolation::{self, Isolation};
use super::reader::{Reader, Refused, text};
use super::reference::{Absent, Key, Kind, Table};

const HOUR: Duration = Duration::from_secs(3600);
/// Amazon's least memory.
const MEMORY_MIN: u64 = 128 << 20;
/// Amazon's most.
const MEMORY_MAX: u64 = 10_240 << 20;
/// Amazon's least and most of a function's own disk.
const STORAGE_MIN: u64 = 512 << 20;
const STORAGE_MAX: u64 = 10_240 << 20;
/// Bytes of names and values in `environment`, Amazon's bound.
const ENVIRONMENT_BYTES_MAX: usize = 4096;

pub(super) static TABLE: Table = Table {
    header: "[[function]]",
    about: "A Lambda function, run by worker processes on this host. Each shard has workers of its own, so a request never leaves its shard.",
    keys: &[
        Key {
            name: "name",
            kind: Kind::Text("1 to 64 letters, digits, `_` and `-`"),
            absent: Absent::Required,
            example: "\"hello\"",
            about: "What integrations and logs call it; part of its ARN, `arn:aws:lambda:{region}:{account_id}:function:{name}`.",
        },
        Key {
            name: "runtime",
            kind: Kind::Text(
                "\"python3.X\", \"nodejsN.x\", \"provided\", \"provided.al2\" or \"provided.al2023\"",
            ),
            absent: Absent::Required,
            example: "\"provided.al2023\"",
            about: "What runs the code: `python3.X` and `nodejsN.x` by the interpreter on this host's `PATH`, `provided` by the executable `bootstrap` in the code folder. `python3` and `nodejs` are whichever version there is. `ringgate runtimes` lists what is found.",
        },
        Key {
            name: "handler",
            kind: Kind::Text("a handler such as \"app.handler\""),
            absent: Absent::Means("\"index.handler\" with `source`, else \"bootstrap\""),
            example: "\"app.handler\"",
            about: "Module and function that an event is handed to, as in Lambda; a `provided` runtime may use it as it likes.",
        },
        Key {
            name: "code",
            kind: Kind::Text("a folder or a .zip file"),
            absent: Absent::Means("`source`"),
            example: "\"functions/hello\"",
            about: "The folder with the code: the workers' working directory and `LAMBDA_TASK_ROOT`. A `.zip` file is unpacked into a folder of ringgate's own, 262,144,000 bytes of content at most; when it changes the workers are replaced.",
        },
        Key {
            name: "source",
            kind: Kind::Text("Python or JavaScript text"),
            absent: Absent::Means("`code`"),
            example: "# \"exports.handler = async () => 'hello'\"",
            about: "The code itself, instead of `code`: one file, `index.py` or `index.js`, as CloudFormation's inline code.",
        },
        Key {
            name: "client",
            kind: Kind::Choice(&["ringgate", "official"]),
            absent: Absent::Means("`client` of `[functions]`"),
            example: "\"ringgate\"",
            about: "What stands between Lambda's Runtime API and the handler: ringgate's own loop, or the official client, `awslambdaric` or `aws-lambda-ric`, which must be installed: docs/functions.md tells where, and what it costs.",
        },
        Key {
            name: "environment",
            kind: Kind::Other("a table from names to texts"),
            absent: Absent::Means("none"),
            example: "{ TABLE = \"products\" }",
            about: "Environment variables, 4 KiB in all as in Lambda. Workers see these and Lambda's own, and nothing of ringgate's environment but `PATH`, `LD_LIBRARY_PATH` and `TZ`. Names that Lambda sets itself are refused; AWS credentials are not.",
        },
        Key {
            name: "memory",
            kind: Kind::Size(MEMORY_MIN, MEMORY_MAX),
            absent: Absent::Default("\"128MiB\""),
            example: "\"128MiB\"",
            about: "What one worker's processes may hold in memory together. Looked at four times a second: a worker above it is killed. Amazon's default and bounds.",
        },
        Key {
            name: "ephemeral_storage",
            kind: Kind::Size(STORAGE_MIN, STORAGE_MAX),
            absent: Absent::Default("\"512MiB\""),
            example: "\"512MiB\"",
            about: "The largest file that a worker may write, and the most that its temporary folder (`TMPDIR`) may hold: looked at once a second, a worker above it is killed. Amazon's default and bounds.",
        },
        Key {
            name: "timeout",
            kind: Kind::Duration(Duration::from_millis(100), Duration::from_secs(900)),
            absent: Absent::Default("\"3s\""),
            example: "\"3s\"",
            about: "How long one invocation may take, from the moment a worker gets the event; beyond it the worker is killed. Amazon's default and maximum.",
        },
        Key {
            name: "reserved_concurrency",
            kind: Kind::Count(0, 100_000),
            absent: Absent::Means("the workers' `max` on each shard"),
            example: "100",
            about: "Most workers on all shards together; 0 refuses every invocation.",
        },
        Key {
            name: "retries",
            kind: Kind::Count(0, 2),
            absent: Absent::Default("2"),
            example: "2",
            about: "How often an event that nobody waits for is tried again after the function has failed. Amazon's default and bounds.",
        },
        Key {
            name: "event_age",
            kind: Kind::Duration(Duration::from_secs(60), Duration::from_secs(6 * 3600)),
            absent: Absent::Default("\"6h\""),
            example: "\"6h\"",
            about: "How old such an event may become before it is given up. Amazon's default and bounds.",
        },
        Key {
            name: "dead_letter",
            kind: Kind::Text(event_place::FORM),
            absent: Absent::Means("the log alone"),
            example: "\"file:/var/lib/ringgate/dead.jsonl\"",
            about: "Where such an event goes when it is given up: a file, to which a line of JSON is appended (mode 0600 when it is made), or a URL, to which the JSON is posted.",
        },
        Key {
            name: "user",
            kind: Kind::Text("\"UID\" or \"UID:GID\", in numbers"),
            absent: Absent::Means("ringgate's own user"),
            example: "# \"65534:65534\"",
            about: "Whose processes the workers are. Needs the right to change users, which root has. Without it a function can read whatever ringgate can, its configuration included.",
        },
        isolation::FILTER,
        isolation::NAMESPACES,
        Key {
            name: "log",
            kind: Kind::Text("\"stderr\", \"none\" or a file name"),
            absent: Absent::Default("\"stderr\""),
            example: "\"stderr\"",
            about: "Where the workers' output goes, line by line with the id of the request, and Lambda's START, END and REPORT lines. With \"none\" it is dropped and nothing is reported, which costs least.",
        },
        Key {
            name: "workers",
            kind: Kind::Table(&WORKERS),
            absent: Absent::Means("the defaults"),
            example: "",
            about: "How many processes.",
        },
    ],
};

pub(super) static WORKERS: Table = Table {
    header: "[function.workers]",
    about: "A function's worker processes. Every number is per shard.",
    keys: &[
        Key {
            name: "min",
            kind: Kind::Count(0, 1000),
            absent: Absent::Default("0"),
            example: "0",
            about: "Workers that are started before anybody asks, and kept.",
        },
        Key {
            name: "max",
            kind: Kind::Count(1, 1000),
            absent: Absent::Default("16"),
            example: "16",
            about: "Most workers: as many invocations run at the same time.",
        },
        Key {
            name: "queue",
            kind: Kind::Count(0, 100_000),
            absent: Absent::Default("1000"),
            example: "1000",
            about: "Invocations that may wait for a worker; beyond it they are refused as throttled. Each waits no longer than its integration's `timeout`.",
        },
        Key {
            name: "idle_timeout",
            kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(24 * 3600)),
            absent: Absent::Default("\"10m\""),
            example: "\"10m\"",
            about: "A worker above `min` that had nothing to do for so long is ended.",
        },
        Key {
            name: "init_timeout",
            kind: Kind::Duration(Duration::from_millis(100), HOUR),
            absent: Absent::Default("\"10s\""),
            example: "\"10s\"",
            about: "From the start of the process to its first request for an event; beyond it the worker is killed. Amazon's is 10 s.",
        },
    ],
};

/// A function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Unique in the file.
    pub name: String,
    /// What runs the code.
    pub runtime: Runtime,
    /// Module and function, or whatever a `bootstrap` makes of it.
    pub handler: String,
    /// Where the code comes from.
    pub code: Code,
    /// What stands between the Runtime API and the handler.
    pub client: Client,
    /// Names and values in file order; no name is reserved.
    pub environment: Vec<(String, String)>,
    /// What one worker's processes may hold.
    pub memory_bytes: u64,
    /// The largest file that a worker may write, and most that its temporary folder may hold.
    pub storage_bytes: u64,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// Most workers on all shards.
    pub reserved_concurrency: Option<u32>,
    /// How often an event that nobody waits for is tried again.
    pub retries_max: u32,
    /// How old one may become.
    pub event_age: Duration,
    /// Where one goes that is given up.
    pub dead_letter: Option<EventPlace>,
    /// Whose processes the workers are.
    pub user: Option<User>,
    /// How far its workers are kept apart.
    pub isolation: Isolation,
    /// Where output goes.
    pub log: FunctionLog,
    /// How many processes.
    pub workers: Workers,
}

/// What stands between the Runtime API and the handler of a function in Python or JavaScript.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Client {
    /// Ringgate's own loop.
    #[default]
    Ringgate,
    /// `awslambdaric` of PyPI, `aws-lambda-ric` of npm.
    Official,
}

/// The words for them.
pub(super) const CLIENTS: [(&str, Client); 2] =
    [("ringgate", Client::Ringgate), ("official", Client::Official)];

/// What runs a function's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runtime {
    /// `python3.12`: the interpreter of that name.
    Python(String),
    /// `nodejs22.x`.
    Node(String),
    /// `provided…`: the executable `bootstrap`.
    Provided(String),
}

impl Runtime {
    /// As Amazon writes it.
    pub fn name(&self) -> &str {
        match self {
            Self::Python(name) | Self::Node(name) | Self::Provided(name) => name,
        }
    }

    /// From Amazon's word; `None` for runtimes that cannot be run here.
    pub fn from_name(name: &str) -> Option<Self> {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        if let Some(minor) = name.strip_prefix("python3.") {
            return is_number(minor).then(|| Self::Python(name.to_owned()));
        }
        if let Some(major) = name.strip_prefix("nodejs").and_then(|it| it.strip_suffix(".x")) {
            return is_number(major).then(|| Self::Node(name.to_owned()));
        }
        matches!(name, "provided" | "provided.al2" | "provided.al2023")
            .then(|| Self::Provided(name.to_owned()))
    }

    /// From a word of the file, which has more than Amazon.
    pub fn of_file(name: &str) -> Option<Self> {
        Self::from_name(name).or_else(|| Self::of_any_version(name))
    }

    /// From the words for an interpreter of whichever version there is. Lambda has none.
    fn of_any_version(name: &str) -> Option<Self> {
        match name {
            "python3" => Some(Self::Python(name.to_owned())),
            "nodejs" => Some(Self::Node(name.to_owned())),
            _ => None,
        }
    }
}

/// A user by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl std::str::FromStr for User {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (uid, gid) = text.split_once(':').unwrap_or((text, text));
        Ok(Self { uid: uid.parse().map_err(drop)?, gid: gid.parse().map_err(drop)? })
    }
}

/// Where a function's output goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FunctionLog {
    /// Standard error of ringgate.
    Stderr,
    /// Nowhere.
    None,
    /// Appended to this file.
    File(PathBuf),
}

/// How many worker processes, on each shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workers {
    /// Started before anybody asks, and kept.
    pub min: usize,
    /// Never more.
    pub max: usize,
    /// Invocations that may wait for one.
    pub queue_max: usize,
    /// After so long without work one above `min` is ended.
    pub idle_timeout: Duration,
    /// From the start of the process to its first request for an event.
    pub init_timeout: Duration,
}

/// Names that the host itself gives to workers.
const RESERVED: &[&str] = &[
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
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "_HANDLER",
    "_LAMBDA_TELEMETRY_LOG_FD",
    "_X_AMZN_TRACE_ID",
];

/// Reads one `[[function]]`.
pub(super) fn read(reader: &Reader<'_>, all: &Functions) -> Option<Function> {
    let name = reader.read("name", |value, key| {
        let name = text(value, key)?;
        match is_name(name) {
            true => Ok(name.to_owned()),
            false => Err(Refused::new("bad-name", key.kind.expected())),
        }
    });
    let runtime = reader.read("runtime", |value, key| {
        let name = text(value, key)?;
        Runtime::of_file(name).ok_or_else(|| Refused::new("bad-runtime", key.kind.expected()))
    });
    let code = code::read(reader, runtime.as_ref());
    let handler = reader.text("handler").unwrap_or_else(|| match code {
        Some(Code::Source { .. }) => "index.handler".to_owned(),
        _ => "bootstrap".to_owned(),
    });
    let client = reader.choice("client", &CLIENTS);
    if let (Some(Client::Official), Some(Runtime::Provided(_)), Some(value)) =
        (client, &runtime, reader.raw("client"))
    {
        let expected = "nothing, or \"ringgate\": a `provided` runtime brings its own client,";
        reader.refuse("client", value, Refused::new("client-of-bootstrap", expected));
    }
    let user = reader.read("user", |value, key| {
        text(value, key)?
            .parse::<User>()
            .map_err(|()| Refused::new("bad-user", key.kind.expected()))
    });
    let findings = reader.findings;
    let log = reader.read("log", |value, key| {
        Ok(match text(value, key)? {
            "stderr" => FunctionLog::Stderr,
            "none" => FunctionLog::None,
            file => FunctionLog::File(findings.resolve(file)),
        })
    });
    let retries_max = reader.count("retries");
    let event_age = reader.duration("event_age");
    let dead_letter =
        reader.read("dead_letter", |value, key| event_place::parse(text(value, key)?, findings));
    let environment = read_environment(reader);
    let memory_bytes = reader.size("memory");
    let storage_bytes = reader.size("ephemeral_storage");
    let timeout = reader.duration("timeout");
    let reserved_concurrency = reader.count_if_set("reserved_concurrency");
    let isolation = isolation::read(reader, all.isolation);
    let workers = read_workers(&reader.table("workers"));
    Some(Function {
        name: name?,
        runtime: runtime?,
        handler,
        code: code?,
        client: client.unwrap_or(all.client),
        environment,
        memory_bytes,
        storage_bytes,
        timeout,
        reserved_concurrency,
        retries_max,
        event_age,
        dead_letter,
        user,
        isolation,
        log: log?,
        workers,
    })
}

/// Whether a function may be called so: Amazon's alphabet and length.
fn is_name(name: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(is_word)
}

fn read_environment(reader: &Reader<'_>) -> Vec<(String, String)> {
    let Some(value) = reader.raw("environment") else { return Vec::new() };
    let Some(table) = value.get_ref().as_table() else {
        let expected = "a table from names to texts";
        reader.refuse("environment", value, Refused::new("wrong-type", expected));
        return Vec::new();
    };
    let mut pairs: Vec<_> = table.iter().collect();
    pairs.sort_by_key(|(name, _)| name.span().start);
    let mut environment = Vec::new();
    for (name, value) in pairs {
        let name_text = name.get_ref().as_ref();
        let taken = match value.get_ref() {
            DeValue::String(text) if text.contains('\0') => {
                Err(Refused::new("bad-variable", "a text without NUL"))
            }
            _ if RESERVED.contains(&name_text) => {
                Err(Refused::new("reserved-variable", "a name that Lambda does not set itself"))
            }
            _ if !is_variable_name(name_text) => {
                let form = "a letter, then letters, digits and `_`, as a variable's name";
                Err(Refused::new("bad-variable", form))
            }
            DeValue::String(text) => Ok(text.to_string()),
            _ => Err(Refused::new("wrong-type", "a text")),
        };
        match taken {
            Ok(text) => environment.push((name_text.to_owned(), text)),
            Err(refused) => reader.refuse(name_text, value, refused),
        }
    }
    let bytes: usize = environment.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > ENVIRONMENT_BYTES_MAX {
        let expected = format!("at most {ENVIRONMENT_BYTES_MAX} bytes of names and values");
        reader.refuse("environment", value, Refused::new("environment-too-long", expected));
    }
    environment
}

fn is_variable_name(name: &str) -> bool {
    name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn read_workers(reader: &Reader<'_>) -> Workers {
    let min: usize = reader.count("min");
    let max: usize = reader.count("max");
    if min > max
        && let Some(value) = reader.raw("min")
    {
        let expected = format!("at most `max`, which is {max}");
        reader.refuse("min", value, Refused::new("min-above-max", expected));
    }
    Workers {
        min,
        max,
        queue_max: reader.count("queue"),
        idle_timeout: reader.duration("idle_timeout"),
        init_timeout: reader.duration("init_timeout"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_are_known_by_amazons_words() {
        for name in ["python3.9", "python3.13", "nodejs22.x", "provided", "provided.al2023"] {
            assert_eq!(Runtime::from_name(name).map(|it| it.name().to_owned()), Some(name.into()));
        }
        for name in ["python", "python3.", "python2.7", "nodejs", "nodejs22", "nodejs.x", "java21"]
        {
            assert_eq!(Runtime::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn a_user_is_one_or_two_numbers() {
        assert_eq!("7".parse(), Ok(User { uid: 7, gid: 7 }));
        assert_eq!("7:8".parse(), Ok(User { uid: 7, gid: 8 }));
        for bad in ["", ":", "7:", ":8", "nobody", "-1", "7:8:9"] {
            assert_eq!(bad.parse::<User>(), Err(()), "{bad}");
        }
    }
}
