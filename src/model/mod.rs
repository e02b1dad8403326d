//! What a user declares: TOML in, checked nouns out.
//!
//! One file per noun, each with the table of its keys (which is also the reference manual), the
//! declared type and the function that reads one into the other. Reading is a parse that can fail:
//! whoever holds a [`Model`] need not check again. All problems of a file are collected and reported
//! at once, in file order. Nothing here opens a socket, and the only files read are the
//! configuration itself and the certificates it names.

mod access_log;
mod api;
mod authorizer;
mod aws;
mod certificate;
mod code;
mod credentials;
mod domain;
mod event_place;
mod function;
mod functions;
mod integration;
mod isolation;
mod log;
mod management;
pub(crate) mod percent;
mod problem;
mod reader;
pub mod reference;
mod remote_function;
mod ring;
mod route_key;
mod server;
mod stage_logs;
mod store;
mod upstream;
mod vpc_link;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use reader::{Findings, Reader};
use reference::{Absent, Key, Kind, Table};

pub use access_log::{AccessLog, AccessLogDestination};
pub use api::{Api, Protocol, Route};
pub use authorizer::{Authorizer, AuthorizerKind, AuthorizerResponse, IdentitySource};
pub use aws::{Aws, CredentialSource};
pub use certificate::Certificate;
pub use code::{Code, code_id};
pub use credentials::AwsCredentials;
pub use domain::Domain;
pub(crate) use domain::is_host_name;
pub use event_place::EventPlace;
pub use function::{Client, Function, FunctionLog, Runtime, User, Workers};
pub use functions::Functions;
pub use integration::{
    HttpProxy, Integration, Lambda, Mock, PathPattern, PathPiece, PayloadFormat, ProxyPath,
};
pub(crate) use integration::{RESERVED_FIELDS, is_field_name, is_field_value};
pub use isolation::{Isolation, Namespaces};
pub use log::{Log, LogFormat};
pub use management::{AuditLog, Credential, Management, Role, TemplateFindings};
pub(crate) use problem::nearest;
pub use problem::{Problem, ProblemKind, Problems, Severity, Source};
pub(crate) use reader::found;
pub use remote_function::RemoteFunction;
pub use ring::{Buffers, Ring};
pub use route_key::{
    Method, MethodMatch, PARAMETERS_MAX, RouteKey, RouteKeyError, RoutePath, SEGMENT_BYTES_MAX,
    SEGMENTS_MAX, Segment,
};
pub use server::{Forwarding, Limits, Server, Timeouts};
pub use stage_logs::{StageLogDestination, StageLogs};
pub use store::Store;
pub use upstream::{
    Balance, Eject, HashOn, HealthCheck, Retry, RetryOn, StatusSet, Target, Upstream,
    UpstreamLimits, UpstreamTimeouts, UpstreamTls,
};
pub use vpc_link::VpcLink;

/// Everything one configuration declares, checked.
#[derive(Debug, Clone)]
pub struct Model {
    /// The file it came from; `None` for the built-in default.
    pub file: Option<PathBuf>,
    /// Listeners, limits, time-outs.
    pub server: Server,
    /// Sizes of each shard's ring and buffers.
    pub ring: Ring,
    /// How ringgate logs about itself.
    pub log: Log,
    /// TLS certificates, chosen by server name.
    pub certificates: Vec<Certificate>,
    /// The management listener.
    pub management: Management,
    /// Account, region and names; stored for the parts that speak AWS protocols.
    pub aws: Aws,
    /// Where management writes are kept.
    pub store: Store,
    /// Where logs of managed APIs' stages are written.
    pub stage_logs: StageLogs,
    /// Back ends: those declared by name first, then those that an integration's `url` implies.
    pub upstreams: Vec<Upstream>,
    /// Where private integrations lead to, in file order.
    pub vpc_links: Vec<VpcLink>,
    /// What holds for all functions.
    pub all_functions: Functions,
    /// Functions in file order.
    pub functions: Vec<Function>,
    /// Authorizers in file order.
    pub authorizers: Vec<Authorizer>,
    /// Functions that are invoked elsewhere, in file order.
    pub remote_functions: Vec<RemoteFunction>,
    /// APIs in file order.
    pub apis: Vec<Api>,
    /// What somebody should look at although the configuration is used.
    pub warnings: Problems,
}

/// The whole file.
pub static ROOT: Table = Table {
    header: "the file",
    about: "",
    keys: &[
        table("server", Kind::Table(&server::TABLE)),
        table("certificate", Kind::Tables(&certificate::TABLE)),
        table("management", Kind::Table(&management::TABLE)),
        table("log", Kind::Table(&log::TABLE)),
        table("access_log", Kind::Table(&access_log::GLOBAL)),
        table("stage_logs", Kind::Table(&stage_logs::TABLE)),
        table("ring", Kind::Table(&ring::TABLE)),
        table("aws", Kind::Table(&aws::TABLE)),
        table("store", Kind::Table(&store::TABLE)),
        table("upstream", Kind::Tables(&upstream::TABLE)),
        table("vpc_link", Kind::Tables(&vpc_link::TABLE)),
        table("functions", Kind::Table(&functions::TABLE)),
        table("function", Kind::Tables(&function::TABLE)),
        table("authorizer", Kind::Tables(&authorizer::TABLE)),
        table("remote_function", Kind::Tables(&remote_function::TABLE)),
        table("api", Kind::Tables(&api::TABLE)),
    ],
};

const fn table(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, absent: Absent::Means("its defaults"), example: "", about: "" }
}

/// Tables that are values of a key and so have no header of their own in the file.
pub static INLINE_TABLES: &[&Table] = &[
    &upstream::TARGET,
    &upstream::TLS,
    &integration::HTTP_PROXY,
    &integration::LAMBDA,
    &integration::MOCK,
];

/// The configuration that runs when there is no file: the commented default that ships beside it.
pub const BUILT_IN: &str = include_str!("../../config/ringgate.toml");

/// Where a configuration is looked for when none is named.
pub const DEFAULT_FILE: &str = "config/ringgate.toml";

/// Largest configuration file; ten thousand routes are about two MiB.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Reads a configuration: the given file; without one [`DEFAULT_FILE`] of the working directory;
/// without that the built-in default.
pub fn load(path: Option<&Path>) -> Result<Model, Problems> {
    let file = match path {
        Some(path) => path,
        None if Path::new(DEFAULT_FILE).exists() => Path::new(DEFAULT_FILE),
        None => return parse(Path::new("(built-in default)"), BUILT_IN.to_owned()),
    };
    let mut model = parse(file, read_file(file)?)?;
    model.file = Some(file.to_owned());
    Ok(model)
}

fn read_file(file: &Path) -> Result<String, Problems> {
    let unreadable = |error: String| {
        let kind = ProblemKind::Unreadable { error };
        let problem = Problem { span: 0..0, first: None, kind };
        Problems::new(Source::new(file.to_owned(), String::new()), vec![problem])
    };
    let size =
        fs::metadata(file).map_err(|error| unreadable(certificate::plain_words(&error)))?.len();
    if size > FILE_BYTES_MAX {
        return Err(unreadable("the file is larger than 64 MiB".into()));
    }
    let bytes = fs::read(file).map_err(|error| unreadable(certificate::plain_words(&error)))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let message = "the file is not UTF-8 from here on".to_owned();
        let problem =
            Problem { span: at..at + 1, first: None, kind: ProblemKind::Syntax { message } };
        Problems::new(Source::new(file.to_owned(), text), vec![problem])
    })
}

/// Reads the text of a configuration; `file` is the name to print and the folder for relative names.
pub fn parse(file: &Path, text: String) -> Result<Model, Problems> {
    let source = Source::new(file.to_owned(), text);
    let (model, list) = read(&source);
    let problems = Problems::new(source, list);
    match model {
        Some(mut model) if problems.error_count() == 0 => {
            model.warnings = problems;
            Ok(model)
        }
        _ => Err(problems),
    }
}

fn read(source: &Source) -> (Option<Model>, Vec<Problem>) {
    let (table, errors) = DeTable::parse_recoverable(source.text());
    if !errors.is_empty() {
        // What could be recovered is not looked at: it would be called incomplete where it is only
        // not understood.
        return (None, syntax_problems(source, &errors));
    }
    let findings = Findings::new(source);
    let model = read_root(&Reader::new(&ROOT, table.get_ref(), 0..0, &findings), source);
    (model, findings.into_list())
}

/// One problem per line: after the first, the parser is guessing.
fn syntax_problems(source: &Source, errors: &[toml::de::Error]) -> Vec<Problem> {
    let mut problems: Vec<Problem> = errors
        .iter()
        .map(|error| Problem {
            span: error.span().unwrap_or(0..0),
            first: None,
            kind: ProblemKind::Syntax { message: error.message().to_owned() },
        })
        .collect();
    problems.sort_by_key(|problem| problem.span.start);
    problems.dedup_by_key(|problem| source.position(problem.span.start).0);
    problems
}

fn read_root(root: &Reader<'_>, source: &Source) -> Option<Model> {
    let (server, mut listeners) = server::read(&root.table("server"));
    let certificates = root.tables("certificate");
    let certificates: Vec<_> = certificates.iter().map(certificate::read).collect();
    let (management, management_address) = management::read(&root.table("management"));
    listeners.push(management_address);
    listeners.sort_by_key(|listener| listener.span().start);
    server::check_listeners(&listeners, root.findings);

    let access_log = root.table_if_set("access_log").map(|table| access_log::read(&table));
    let log = log::read(&root.table("log"));
    let ring = ring::read(&root.table("ring"));
    let aws = aws::read(&root.table("aws"));
    let store = store::read(&root.table("store"));
    let stage_logs = stage_logs::read(&root.table("stage_logs"));

    let upstream_tables = root.tables("upstream");
    // Names first: an upstream with a mistake in it is still declared.
    let upstream_names = names(&upstream_tables, "upstream");
    let upstreams: Vec<_> = upstream_tables.iter().map(upstream::read).collect();
    let mut used = vec![false; upstream_names.len()];
    let mut implied = Vec::new();

    let vpc_link_tables = root.tables("vpc_link");
    let vpc_links: Vec<_> = vpc_link_tables
        .iter()
        .map(|table| vpc_link::read(table, &upstream_names, &mut used))
        .collect();

    let all_functions = functions::read(&root.table("functions"), &listeners);
    let function_tables = root.tables("function");
    let function_names = names(&function_tables, "function");
    let functions: Vec<_> =
        function_tables.iter().map(|table| function::read(table, &all_functions)).collect();

    let remote_tables = root.tables("remote_function");
    let remote_names = names(&remote_tables, "remote function");
    let remote_functions: Vec<_> = remote_tables
        .iter()
        .map(|table| remote_function::read(table, &aws, upstream_names.len(), &mut implied))
        .collect();
    // Routes and authorizers may name both.
    let remote_names = remote_names.into_iter().filter(|name| name != "*");
    let function_names: Vec<String> = function_names.into_iter().chain(remote_names).collect();

    let authorizer_tables = root.tables("authorizer");
    let authorizer_names = names(&authorizer_tables, "authorizer");
    let authorizers: Vec<_> =
        authorizer_tables.iter().map(|table| authorizer::read(table, &function_names)).collect();

    let api_tables = root.tables("api");
    names(&api_tables, "API");
    let mut across = api::Across {
        access_log: access_log.as_ref(),
        upstream_names: &upstream_names,
        function_names: &function_names,
        authorizers: authorizer::Declared { names: &authorizer_names, authorizers: &authorizers },
        implied: &mut implied,
        used: &mut used,
        addresses: HashMap::new(),
    };
    let apis: Vec<_> = api_tables.iter().map(|table| api::read(table, &mut across)).collect();

    // While there are errors a route may be missing only because of one of them.
    if !root.findings.has_errors() {
        for ((table, name), used) in upstream_tables.iter().zip(&upstream_names).zip(used) {
            if !used {
                let name = name.clone();
                root.findings.add(table.span_of("name"), ProblemKind::UnusedUpstream { name });
            }
        }
    }
    // A missing element is one with a problem, so no model is made.
    let mut upstreams = upstreams.into_iter().collect::<Option<Vec<_>>>()?;
    upstreams.extend(implied);
    Some(Model {
        file: None,
        server,
        ring,
        log,
        certificates: certificates.into_iter().collect::<Option<Vec<_>>>()?,
        management,
        aws,
        store,
        stage_logs,
        upstreams,
        vpc_links: vpc_links.into_iter().collect::<Option<Vec<_>>>()?,
        all_functions,
        functions: functions.into_iter().collect::<Option<Vec<_>>>()?,
        authorizers: authorizers.into_iter().collect::<Option<Vec<_>>>()?,
        remote_functions: remote_functions.into_iter().collect::<Option<Vec<_>>>()?,
        apis: apis.into_iter().collect::<Option<Vec<_>>>()?,
        warnings: Problems::new(source.clone(), Vec::new()),
    })
}

/// The names of declared things in file order, empty where one is missing; reports repeated ones.
fn names(tables: &[Reader<'_>], noun: &'static str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for table in tables {
        let name = table.raw("name").and_then(|name| name.get_ref().as_str());
        let name = name.unwrap_or_default().to_owned();
        let first = names.iter().position(|seen| !name.is_empty() && *seen == name);
        if let Some(first) = first.and_then(|first| tables.get(first)) {
            let first = first.span_of("name");
            let first_line = table.findings.line(&first);
            let kind = ProblemKind::DuplicateName { noun, name: name.clone(), first_line };
            table.findings.add_second(table.span_of("name"), first, kind);
        }
        names.push(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The manual promises what is in the tables, so whatever is there must be read.
    #[test]
    fn every_documented_key_is_read() {
        let reference = include_str!("../../config/reference.toml");
        // What the file has commented out, for want of files.
        let more = "[[certificate]]\n[[function]]\n[[authorizer]]\n[[api]]\n[[api.route]]\n\
                    integration = { type = \"lambda\" }";
        let text = format!("{reference}\n{more}\n");
        let source = Source::new("reference.toml".into(), text);
        let (table, errors) = DeTable::parse_recoverable(source.text());
        assert!(errors.is_empty(), "{errors:?}");
        let findings = Findings::new(&source);
        read_root(&Reader::new(&ROOT, table.get_ref(), 0..0, &findings), &source);
        let asked = findings.asked.take();

        let mut tables = vec![&ROOT];
        tables.extend(INLINE_TABLES);
        while let Some(table) = tables.pop() {
            for key in table.keys {
                assert!(
                    asked.contains(&(table.header, key.name.to_owned())),
                    "{} {}",
                    table.header,
                    key.name
                );
                if let Kind::Table(inner) | Kind::Tables(inner) = key.kind {
                    tables.push(inner);
                }
            }
        }
    }

    #[test]
    fn an_empty_file_is_all_defaults_and_opens_nothing_to_the_network() {
        let model = parse(Path::new("empty.toml"), String::new()).expect("a valid configuration");
        let listeners = model.server.listen.iter().chain([&model.management.listen]);
        assert!(listeners.into_iter().all(|address| address.ip().is_loopback()));
        assert_eq!(model.server.limits.body_bytes_max, 10_485_760);
        assert_eq!(model.server.limits.head_bytes_max, 10_240);
        assert_eq!(model.server.shards, None);
        assert_eq!(model.server.forwarding, Forwarding::Both);
        assert!(model.warnings.is_empty() && model.apis.is_empty());
    }
}
