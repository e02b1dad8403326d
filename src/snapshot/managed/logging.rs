//! What a stage logs: its access log, and which of its methods write execution logs.

use crate::model::RouteKey;
use crate::resources::rest::Map;
use crate::resources::rest_stage::MethodSetting;
use crate::snapshot::RouteIndex;
use crate::telemetry::access_log::Format;
use std::sync::Arc;

/// What a release logs. A stage that logs nothing has none.
#[derive(Debug, Default)]
pub struct StageLogging {
    /// The access log.
    pub access: Option<AccessLogging>,
    /// The execution log.
    pub execution: Option<ExecutionLogging>,
}

/// Where a line goes: a log group, and the canary's besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogGroups {
    /// The stage's.
    pub stage: Arc<str>,
    /// The canary's own, of requests that it serves.
    pub canary: Option<Arc<str>>,
}

impl LogGroups {
    fn of(stage: &str, is_canary: bool) -> Self {
        let canary = is_canary.then(|| format!("{stage}/Canary").into());
        Self { stage: stage.into(), canary }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Arc<str>> {
        std::iter::once(&self.stage).chain(&self.canary)
    }
}

/// An access log.
#[derive(Debug)]
pub struct AccessLogging {
    /// Where lines go.
    pub groups: LogGroups,
    /// What they say.
    pub format: Format,
}

/// An execution log.
#[derive(Debug)]
pub struct ExecutionLogging {
    /// Where lines go.
    pub groups: LogGroups,
    /// By route.
    levels: Box<[Option<Level>]>,
}

/// What of its requests a method logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Only those that fail (`ERROR`), or all (`INFO`).
    pub only_failed: bool,
    /// Headers and content too.
    pub has_data: bool,
}

impl ExecutionLogging {
    /// What a route's requests log. `None`: nothing.
    pub fn level(&self, route: RouteIndex) -> Option<Level> {
        self.levels.get(route.0 as usize).copied().flatten()
    }
}

/// The access log that a stage declares. `None`: it has none, or only half of one.
pub(super) fn access(
    destination_arn: Option<&str>,
    format: Option<&str>,
    is_canary: bool,
) -> Option<AccessLogging> {
    let arn = destination_arn.filter(|it| !it.is_empty())?;
    let format = format.filter(|it| !it.is_empty())?;
    let groups = LogGroups::of(group_of(arn), is_canary);
    Some(AccessLogging { groups, format: Format::lenient(format) })
}

/// The log group or delivery stream that an ARN names.
fn group_of(arn: &str) -> &str {
    let arn = arn.strip_suffix(":*").unwrap_or(arn);
    let name = arn.split_once(":log-group:").map(|(_, name)| name);
    let name = name.or_else(|| arn.split_once(":deliverystream/").map(|(_, name)| name));
    name.unwrap_or_else(|| arn.rsplit(':').next().unwrap_or(arn))
}

/// The execution log of a REST stage whose routes have these keys.
pub(super) fn execution(
    api_id: &str,
    stage: &str,
    settings: &Map<MethodSetting>,
    routes: &[RouteKey],
    is_canary: bool,
) -> Option<ExecutionLogging> {
    let all = addressed(settings);
    let levels: Box<[_]> = routes.iter().map(|route| level_of(&all, route)).collect();
    levels.iter().any(Option::is_some).then(|| {
        let group = format!("API-Gateway-Execution-Logs_{api_id}/{stage}");
        ExecutionLogging { groups: LogGroups::of(&group, is_canary), levels }
    })
}

/// Which routes of a REST stage have metrics of their own; nothing where none has.
pub(super) fn detailed(settings: &Map<MethodSetting>, routes: &[RouteKey]) -> Box<[bool]> {
    let all = addressed(settings);
    let is_detailed = |route| setting_of(&all, route).is_some_and(|it| it.metrics_enabled);
    let detailed: Box<[bool]> = routes.iter().map(is_detailed).collect();
    if detailed.contains(&true) { detailed } else { Box::default() }
}

fn addressed(settings: &Map<MethodSetting>) -> Vec<(Addressed, &MethodSetting)> {
    settings.iter().filter_map(|(key, setting)| Some((Addressed::of(key)?, setting))).collect()
}

/// What a method setting's key names.
struct Addressed {
    /// `None`: all.
    path: Option<String>,
    /// `None`: all.
    verb: Option<String>,
}

impl Addressed {
    /// As it was written: `*/*`, `pets/{id}/GET`, `~1pets~1{id}/GET`, `~1/GET` for the root.
    fn of(key: &str) -> Option<Self> {
        let (resource, verb) = key.rsplit_once('/')?;
        let plain = resource.replace("~1", "/").replace("~0", "~");
        let path = match plain.as_str() {
            "*" | "/*" => None,
            // Stored and not applied, as on Amazon.
            "" => return None,
            path if path.starts_with('/') => Some(path.to_owned()),
            path => Some(format!("/{path}")),
        };
        Some(Self { path, verb: (verb != "*").then(|| verb.to_ascii_uppercase()) })
    }

    /// How well it fits a route; `None`: not at all.
    fn fits(&self, verb: &str, path: &str) -> Option<u8> {
        let path_fits = self.path.as_ref().is_none_or(|known| known == path);
        let verb_fits = self.verb.as_ref().is_none_or(|known| known == verb);
        let rank = 2 * u8::from(self.path.is_some()) + u8::from(self.verb.is_some());
        (path_fits && verb_fits).then_some(rank)
    }
}

/// The setting that names a route most closely: it counts as a whole.
fn setting_of<'s>(
    settings: &[(Addressed, &'s MethodSetting)],
    route: &RouteKey,
) -> Option<&'s MethodSetting> {
    let text = route.to_string();
    let (verb, path) = text.split_once(' ')?;
    let fitting =
        settings.iter().filter_map(|(key, setting)| Some((key.fits(verb, path)?, setting)));
    fitting.max_by_key(|(rank, _)| *rank).map(|(_, setting)| *setting)
}

fn level_of(settings: &[(Addressed, &MethodSetting)], route: &RouteKey) -> Option<Level> {
    let setting = setting_of(settings, route)?;
    let only_failed = match setting.logging_level.as_deref() {
        Some("INFO") => false,
        Some("ERROR") => true,
        _ => return None,
    };
    Some(Level { only_failed, has_data: setting.data_trace_enabled })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(level: &str, data: bool) -> MethodSetting {
        MethodSetting {
            logging_level: Some(level.to_owned()),
            data_trace_enabled: data,
            ..MethodSetting::default()
        }
    }

    fn level(settings: &[(&str, MethodSetting)], route: &str) -> Option<(bool, bool)> {
        let settings: Map<_> =
            settings.iter().map(|(key, setting)| ((*key).to_owned(), setting.clone())).collect();
        let routes = [route.parse().unwrap()];
        let logging = execution("a1", "prod", &settings, &routes, false)?;
        assert_eq!(&*logging.groups.stage, "API-Gateway-Execution-Logs_a1/prod");
        logging.level(RouteIndex(0)).map(|level| (level.only_failed, level.has_data))
    }

    #[test]
    fn a_setting_is_found_however_its_key_is_written() {
        for (key, route, is_found) in [
            ("*/*", "GET /pets", true),
            ("/*/*", "GET /pets", true),
            ("pets/{id}/GET", "GET /pets/{id}", true),
            ("~1pets~1{id}/GET", "GET /pets/{id}", true),
            ("~1pets~1{id}/GET", "PUT /pets/{id}", false),
            ("~1/GET", "GET /", true),
            ("/GET", "GET /", false),
            ("~1pets/*", "PUT /pets", true),
            ("*/PUT", "PUT /pets", true),
            ("*/PUT", "GET /pets", false),
            ("pets/ANY", "ANY /pets", true),
        ] {
            let found = level(&[(key, setting("INFO", true))], route);
            assert_eq!(found, is_found.then_some((false, true)), "{key} {route}");
        }
    }

    #[test]
    fn the_closest_setting_counts_as_a_whole() {
        let settings = [("*/*", setting("INFO", true)), ("pets/GET", setting("ERROR", false))];
        assert_eq!(level(&settings, "GET /pets"), Some((true, false)));
        assert_eq!(level(&settings, "PUT /pets"), Some((false, true)));
        let settings = [("*/*", setting("INFO", true)), ("pets/GET", setting("OFF", true))];
        assert_eq!(level(&settings, "GET /pets"), None);
        assert_eq!(level(&[("*/*", MethodSetting::default())], "GET /pets"), None);
    }

    #[test]
    fn destinations_are_named_by_their_last_part() {
        for (arn, group) in [
            ("arn:aws:logs:us-east-1:000000000000:log-group:my/group:*", "my/group"),
            ("arn:aws:logs:us-east-1:000000000000:log-group:my-group", "my-group"),
            (
                "arn:aws:firehose:us-east-1:000000000000:deliverystream/amazon-apigateway-x",
                "amazon-apigateway-x",
            ),
            ("something", "something"),
        ] {
            let logging = access(Some(arn), Some("$context.requestId"), true).unwrap();
            assert_eq!(&*logging.groups.stage, group);
            assert_eq!(logging.groups.canary.as_deref(), Some(&*format!("{group}/Canary")));
        }
        assert!(access(None, Some("x"), false).is_none());
        assert!(access(Some("x"), Some(""), false).is_none());
    }
}
