//! `ringgate adopt`: another gateway's APIs as TOML, read with `Get` calls only.

use super::export;
use super::remote::{
    Failed, Pair, Remote, encoded, pair_of_environment, region_of_environment, run,
};
use super::shown::print;
use crate::management::declared::Secrets;
use crate::management::declared::adopt::{Adoption, Layout, Topic, report};
use crate::resources::{account, domain, http, rest, usage};
use clap::{Args, Subcommand};
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Where to read.
#[derive(Debug, Clone, Subcommand)]
pub(super) enum Command {
    /// Read an Amazon account's APIs, with Get calls and your own credentials, and tell what cannot be
    /// carried over
    Aws(Options),
}

/// What to read, and how.
#[derive(Debug, Clone, Args)]
pub(super) struct Options {
    /// The region [default: AWS_REGION, then the profile's]
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// The service [default: Amazon's in the region]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// A profile of ~/.aws/credentials [default: the environment's credentials, then AWS_PROFILE]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// A folder for a file per API and adopt-report.md [default: standard output and standard error]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Only this API, by its id, without what belongs to no API; may be repeated
    #[arg(long, value_name = "ID")]
    api: Vec<String>,
    /// Also values of API keys; the files are then readable by their owner only
    #[arg(long)]
    with_secrets: bool,
}

/// Between two calls of Amazon: it lets an account make ten a second.
const PACE: Duration = Duration::from_millis(110);

/// How often a throttled call is made again. The pauses double from half a second, so that the last
/// comes after two minutes: other programs may use up the account's calls meanwhile.
const TRIES_MAX: u32 = 9;

/// How often a call is made that fails for a reason of the service's own.
const FAILURES_MAX: u32 = 3;

/// Pages of a list at most: a service that never ends must not keep us for ever.
const PAGES_MAX: usize = 10_000;

/// Exit status 0 when everything was read, whatever the report says.
pub(super) fn adopt(command: &Command) -> ExitCode {
    let Command::Aws(options) = command;
    let profile = options.profile.clone().or_else(|| std::env::var("AWS_PROFILE").ok());
    let from_environment = || {
        pair_of_environment("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", Some("AWS_SESSION_TOKEN"))
    };
    // A profile that is asked for goes before the environment, as with Amazon's own tools.
    let pair = match &options.profile {
        Some(name) => pair_of_profile(name),
        None => {
            from_environment().or_else(|| pair_of_profile(profile.as_deref().unwrap_or("default")))
        }
    };
    let Some(pair) = pair else {
        eprintln!(
            "error: there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile of ~/.aws/credentials; for others, `aws configure export-credentials --format env` prints what to set"
        );
        return ExitCode::from(super::EXIT_CONFIGURATION);
    };
    let region = options.region.clone().or_else(region_of_environment);
    let region = region.or_else(|| region_of_profile(profile.as_deref().unwrap_or("default")));
    let Some(region) = region else {
        eprintln!("error: say which region to read with --region");
        return ExitCode::from(super::EXIT_CONFIGURATION);
    };
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    let endpoint = options.endpoint.clone();
    let endpoint =
        endpoint.unwrap_or_else(|| format!("https://apigateway.{region}.amazonaws.com{suffix}"));
    let remote = match Remote::new(&endpoint, &region, pair) {
        Ok(remote) => remote,
        Err(error) => return super::remote::failed(&error),
    };
    let pace = if endpoint.contains("amazonaws.com") { PACE } else { Duration::ZERO };
    let account = Account {
        remote,
        pace,
        unread: RefCell::default(),
        failing: RefCell::default(),
        has_read: Cell::default(),
    };
    let options = options.clone();
    run(async move { account.adopt(&options).await })
}

/// An account that is read.
struct Account {
    remote: Remote,
    pace: Duration,
    /// Calls that were refused or failed, for the report.
    unread: RefCell<Vec<String>>,
    /// Kinds of nouns, by the ends of their paths, at which the service fails: asked for once each.
    failing: RefCell<BTreeSet<String>>,
    /// Whether anything was read: before that, a refusal is one of the credentials.
    has_read: Cell<bool>,
}

impl Account {
    async fn adopt(&self, options: &Options) -> Result<ExitCode, Failed> {
        let mut adoption = Adoption::new(&self.remote.region);
        let secrets = if options.with_secrets { Secrets::Written } else { Secrets::Hidden };
        let wanted = |id: &str| options.api.is_empty() || options.api.iter().any(|it| it == id);
        let mut count = 0;
        for answer in self.list_v1("/restapis").await? {
            if wanted(text(&answer, "id"))
                && let Some(api) = adoption.rest_api(&answer)
            {
                self.rest_api(&mut adoption, &api).await?;
                count += 1;
            }
        }
        for answer in self.list_v2("/v2/apis").await? {
            let id = text(&answer, "apiId");
            if wanted(id)
                && let Some(api) = adoption.keep::<http::Api>("", id, &answer)
            {
                self.http_api(&mut adoption, &api).await?;
                count += 1;
            }
        }
        if options.api.is_empty() {
            self.shared(&mut adoption, secrets).await?;
        } else if count < options.api.len() {
            eprintln!("warning: {count} of {} APIs were found", options.api.len());
        }
        for call in self.unread.take() {
            adoption.remark(Topic::Unreadable, call);
        }
        let layout = if options.out.is_some() { Layout::Folder } else { Layout::File };
        let (mut files, remarks) = adoption.finish(secrets, layout);
        let report = report(&self.remote.region, &self.remote.endpoint, &remarks);
        let Some(out) = &options.out else {
            files.iter().for_each(|file| print(&file.text));
            eprint!("{report}");
            return Ok(ExitCode::SUCCESS);
        };
        let name = "adopt-report.md".to_owned();
        files.push(crate::management::declared::File { name, text: report });
        Ok(export::write(Some(out), true, &files, options.with_secrets))
    }

    async fn rest_api(
        &self,
        adoption: &mut Adoption,
        api: &Arc<rest::RestApi>,
    ) -> Result<(), Failed> {
        let at = format!("/restapis/{}", encoded(&api.id));
        for mut answer in self.list_v1(&format!("{at}/resources?embed=methods")).await? {
            let resource = encoded(text(&answer, "id"));
            let verbs: Vec<String> = answer["resourceMethods"]
                .as_object()
                .map(|methods| methods.keys().cloned().collect())
                .unwrap_or_default();
            for verb in verbs {
                // Some services do not embed methods, or not their integrations.
                let method = &answer["resourceMethods"][&verb];
                if method["authorizationType"].is_null() || method["methodIntegration"].is_null() {
                    let target = format!("{at}/resources/{resource}/methods/{verb}");
                    if let Some(method) = self.one(&target).await? {
                        answer["resourceMethods"][&verb] = method;
                    }
                }
            }
            adoption.resource(api, &answer);
        }
        for answer in self.list_v1(&format!("{at}/models")).await? {
            adoption.keep::<rest::Model>(&api.id, text(&answer, "name"), &answer);
        }
        for answer in self.list_v1(&format!("{at}/requestvalidators")).await? {
            adoption.keep::<rest::RequestValidator>(&api.id, text(&answer, "id"), &answer);
        }
        for answer in self.list_v1(&format!("{at}/authorizers")).await? {
            adoption.authorizer(api, &answer);
        }
        for answer in self.list_v1(&format!("{at}/gatewayresponses")).await? {
            if answer["defaultResponse"] != Value::Bool(true) {
                let kind = text(&answer, "responseType");
                adoption.keep::<rest::GatewayResponse>(&api.id, kind, &answer);
            }
        }
        for answer in self.list_v1(&format!("{at}/documentation/parts")).await? {
            adoption.keep::<rest::DocumentationPart>(&api.id, text(&answer, "id"), &answer);
        }
        for answer in self.list_v1(&format!("{at}/documentation/versions")).await? {
            let version = text(&answer, "version");
            adoption.keep::<rest::DocumentationVersion>(&api.id, version, &answer);
            adoption.remark(Topic::Documentation, format!("{}: version {version}", api.name));
        }
        for answer in self.list_v1(&format!("{at}/stages")).await? {
            adoption.stage(api, &answer);
        }
        Ok(())
    }

    async fn http_api(&self, adoption: &mut Adoption, api: &Arc<http::Api>) -> Result<(), Failed> {
        let at = format!("/v2/apis/{}", encoded(&api.api_id));
        for answer in self.list_v2(&format!("{at}/integrations")).await? {
            adoption.http_integration(api, &answer);
            let id = text(&answer, "integrationId");
            if !api.is_http() {
                let target = format!("{at}/integrations/{}/integrationresponses", encoded(id));
                let owner = format!("{}/{id}", api.api_id);
                for answer in self.list_v2(&target).await? {
                    let id = text(&answer, "integrationResponseId");
                    adoption.keep::<http::IntegrationResponse>(&owner, id, &answer);
                }
            }
        }
        for answer in self.list_v2(&format!("{at}/authorizers")).await? {
            adoption.http_authorizer(api, &answer);
        }
        for answer in self.list_v2(&format!("{at}/models")).await? {
            adoption.keep::<http::Model>(&api.api_id, text(&answer, "modelId"), &answer);
        }
        for answer in self.list_v2(&format!("{at}/routes")).await? {
            adoption.route(api, &answer);
            let id = text(&answer, "routeId");
            if !api.is_http() {
                let target = format!("{at}/routes/{}/routeresponses", encoded(id));
                let owner = format!("{}/{id}", api.api_id);
                for answer in self.list_v2(&target).await? {
                    let id = text(&answer, "routeResponseId");
                    adoption.keep::<http::RouteResponse>(&owner, id, &answer);
                }
            }
        }
        for answer in self.list_v2(&format!("{at}/stages")).await? {
            adoption.http_stage(api, &answer);
        }
        Ok(())
    }

    /// What belongs to no API.
    async fn shared(&self, adoption: &mut Adoption, secrets: Secrets) -> Result<(), Failed> {
        if let Some(answer) = self.one("/account").await?
            && answer["cloudwatchRoleArn"].is_string()
        {
            adoption.keep::<account::Account>("", "account", &answer);
            adoption.remark(Topic::Role, "the account, for logs");
        }
        for answer in self.list_v1("/clientcertificates").await? {
            adoption.client_certificate(&answer);
        }
        for answer in self.list_v1("/vpclinks").await? {
            adoption.remark(Topic::VpcLink, text(&answer, "name"));
            adoption.keep::<account::VpcLink>("", text(&answer, "id"), &answer);
        }
        for answer in self.list_v2("/v2/vpclinks").await? {
            adoption.remark(Topic::VpcLink, text(&answer, "name"));
            adoption.keep::<account::HttpVpcLink>("", text(&answer, "vpcLinkId"), &answer);
        }
        let values = secrets == Secrets::Written;
        for answer in self.list_v1(&format!("/apikeys?includeValues={values}")).await? {
            adoption.api_key(&answer, secrets);
        }
        for answer in self.list_v1("/usageplans").await? {
            let id = text(&answer, "id").to_owned();
            adoption.keep::<usage::UsagePlan>("", &id, &answer);
            for answer in self.list_v1(&format!("/usageplans/{}/keys", encoded(&id))).await? {
                let key = text(&answer, "id");
                let entry = serde_json::json!({"keyId": key, "keyType": text(&answer, "type")});
                adoption.keep::<usage::UsagePlanKey>(&id, key, &entry);
            }
        }
        for answer in self.list_v1("/domainnames").await? {
            self.domain_name(adoption, &answer).await?;
        }
        Ok(())
    }

    async fn domain_name(&self, adoption: &mut Adoption, answer: &Value) -> Result<(), Failed> {
        let Some(owner) = adoption.domain_name(answer) else { return Ok(()) };
        let name = encoded(text(answer, "domainName"));
        // The older list leaves out mappings of HTTP APIs.
        let newer = match answer["endpointConfiguration"]["types"][0].as_str() {
            Some("REGIONAL") => {
                self.list_v2(&format!("/v2/domainnames/{name}/apimappings")).await?
            }
            _ => Vec::new(),
        };
        let mut mappings: BTreeMap<String, Value> = BTreeMap::new();
        let id = answer["domainNameId"].as_str();
        let id = id.map(|id| format!("?domainNameId={}", encoded(id))).unwrap_or_default();
        for older in self.list_v1(&format!("/domainnames/{name}/basepathmappings{id}")).await? {
            let key = text(&older, "basePath").to_owned();
            let key = if key == "(none)" { String::new() } else { key };
            let mapping = serde_json::json!({
                "apiMappingKey": key, "apiId": older["restApiId"], "stage": older["stage"],
            });
            mappings.insert(key, mapping);
        }
        for mapping in newer {
            mappings.insert(text(&mapping, "apiMappingKey").to_owned(), mapping);
        }
        for (key, mapping) in mappings {
            let place = if key.is_empty() { "(none)" } else { &key };
            adoption.keep::<domain::ApiMapping>(&owner, place, &mapping);
        }
        let mode = text(answer, "routingMode");
        if !mode.is_empty() && mode != "BASE_PATH_MAPPING_ONLY" {
            for rule in self.list_v2(&format!("/v2/domainnames/{name}/routingrules")).await? {
                let id = text(&rule, "routingRuleId");
                adoption.keep::<domain::RoutingRule>(&owner, id, &rule);
            }
        }
        Ok(())
    }

    /// One noun; nothing where there is none, or the service does not know such nouns. What may not be
    /// read, or cannot, is left out and told of.
    async fn one(&self, target: &str) -> Result<Option<Value>, Failed> {
        let mut pause = Duration::from_millis(500);
        let path = target.split('?').next().unwrap_or_default();
        let kind = path.rsplit('/').next().unwrap_or_default();
        for tried in 1..=TRIES_MAX {
            tokio::time::sleep(self.pace).await;
            let reply = self.remote.call("GET", target, Vec::new()).await?;
            match reply.status {
                200..=299 => {
                    self.has_read.set(true);
                    return Ok(Some(reply.document));
                }
                // Not all services have all kinds of nouns: what they do not have cannot be adopted.
                404 | 405 | 501 => return Ok(None),
                403 if self.has_read.get() => {
                    self.leave_out(target, &reply.document);
                    return Ok(None);
                }
                500..=599 if tried == FAILURES_MAX || self.failing.borrow().contains(kind) => {
                    self.failing.borrow_mut().insert(kind.to_owned());
                    self.leave_out(target, &reply.document);
                    return Ok(None);
                }
                429 | 500..=599 => {
                    // A part of the pause by chance, so that several of us do not come back together.
                    let chance = u64::from(std::process::id() % 97);
                    tokio::time::sleep(pause + Duration::from_millis(chance)).await;
                    pause *= 2;
                }
                status => return Err(self.remote.refused(status, &reply.document)),
            }
        }
        let message =
            serde_json::json!({"message": format!("it is too busy to answer GET {target}")});
        Err(self.remote.refused(429, &message))
    }

    /// Notes a call that has no answer.
    fn leave_out(&self, target: &str, document: &Value) {
        let message = document["message"].as_str().or_else(|| document["Message"].as_str());
        let path = target.split('?').next().unwrap_or_default();
        let reason = message.unwrap_or("no reason given");
        self.unread.borrow_mut().push(format!("GET {path}: {reason}"));
    }

    /// All elements of a list of the older service.
    async fn list_v1(&self, target: &str) -> Result<Vec<Value>, Failed> {
        self.list(target, "limit=500", "position", &["item", "items", "_embedded"]).await
    }

    /// All elements of a list of the newer service.
    async fn list_v2(&self, target: &str) -> Result<Vec<Value>, Failed> {
        self.list(target, "maxResults=500", "nextToken", &["items", "routingRules"]).await
    }

    async fn list(
        &self,
        target: &str,
        limit: &str,
        token: &str,
        members: &[&str],
    ) -> Result<Vec<Value>, Failed> {
        let mut all = Vec::new();
        let mut next = String::new();
        for _ in 0..PAGES_MAX {
            let and = if target.contains('?') { '&' } else { '?' };
            let page = self.one(&format!("{target}{and}{limit}{next}")).await?;
            let Some(page) = page else { return Ok(all) };
            let elements = members.iter().map(|member| &page[*member]).find(|it| !it.is_null());
            match elements {
                Some(Value::Array(list)) => all.extend(list.iter().cloned()),
                // The older form of a list: one element stands alone.
                Some(Value::Object(embedded)) => match embedded.get("item") {
                    Some(Value::Array(list)) => all.extend(list.iter().cloned()),
                    Some(one) => all.push(one.clone()),
                    None => all.push(Value::Object(embedded.clone())),
                },
                _ => {}
            }
            match page[token].as_str().filter(|it| !it.is_empty()) {
                Some(position) => next = format!("&{token}={}", encoded(position)),
                None => return Ok(all),
            }
        }
        Ok(all)
    }
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    export::text(value, member)
}

/// A file of Amazon's tools: where a variable says, or in `~/.aws`.
fn aws_file(variable: &str, name: &str) -> Option<String> {
    let path = match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => Path::new(&std::env::var_os("HOME")?).join(".aws").join(name),
    };
    std::fs::read_to_string(path).ok()
}

/// The credentials of a profile, if they stand in the file.
fn pair_of_profile(name: &str) -> Option<Pair> {
    let section = section(&aws_file("AWS_SHARED_CREDENTIALS_FILE", "credentials")?, &[name])?;
    Some(Pair {
        access_key_id: section.get("aws_access_key_id")?.clone(),
        secret_access_key: section.get("aws_secret_access_key")?.clone(),
        session_token: section.get("aws_session_token").cloned(),
    })
}

fn region_of_profile(name: &str) -> Option<String> {
    let sections = [format!("profile {name}"), name.to_owned()];
    let sections: Vec<&str> = sections.iter().map(String::as_str).collect();
    section(&aws_file("AWS_CONFIG_FILE", "config")?, &sections)?.remove("region")
}

/// The first of the named sections of an INI file that there is.
fn section(text: &str, names: &[&str]) -> Option<BTreeMap<String, String>> {
    names.iter().find_map(|name| {
        let heading =
            |line: &str| Some(line.strip_prefix('[')?.strip_suffix(']')?.trim().to_owned());
        let mut lines = text.lines().map(str::trim);
        lines.by_ref().find(|line| heading(line).as_deref() == Some(*name))?;
        let own = lines.take_while(|line| heading(line).is_none());
        let pairs = own.filter(|line| !line.starts_with(['#', ';'])).filter_map(|line| {
            let (key, value) = line.split_once('=')?;
            Some((key.trim().to_lowercase(), value.trim().to_owned()))
        });
        Some(pairs.collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_its_own_section() {
        let file = "# mine\n[default]\naws_access_key_id = A\n[ work ]\n; old\naws_access_key_id=B\naws_secret_access_key = s=1\n\n[c]\nregion = x\n";
        let work = section(file, &["profile work", "work"]).unwrap();
        assert_eq!(
            (work["aws_access_key_id"].as_str(), work["aws_secret_access_key"].as_str()),
            ("B", "s=1")
        );
        assert_eq!(work.len(), 2);
        assert!(section(file, &["missing"]).is_none());
    }
}
