//! Method settings: what a stage sets for a method, addressed from the root of the patch's pointer.
//!
//! A path is read from its end: the last two segments name the setting, the one before the verb, all
//! before that the resource. Tools write the resource in several ways (`pets/{id}`, `~1pets~1{id}`,
//! `/pets/{id}`) and read back the key that they wrote, so the key is kept as written; what it means
//! is decided where the stage is compiled.

use super::super::super::Call;
use super::super::super::patch::{Op, PatchOperation};
use super::patch::bad_op;
use crate::aws::Fault;
use crate::resources::account::Account;
use crate::resources::rest_stage::{MethodSetting, Stage};

/// The key of what holds for all methods.
const ALL: &str = "*/*";

/// Verbs that can be addressed.
const VERBS: [&str; 9] = ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "ANY", "*"];

/// Seconds that an answer may be kept at most (the service's limit).
const TTL_MAX: i64 = 3600;

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setting {
    Metrics,
    LoggingLevel,
    DataTrace,
    BurstLimit,
    RateLimit,
    Caching,
    CacheTtl,
    CacheEncrypted,
    CacheControlAuthorized,
    CacheControlStrategy,
}

/// A setting's suffix of a path, and the name of its member in the answer.
const SETTINGS: [(&str, &str, Setting); 10] = [
    ("metrics/enabled", "metricsEnabled", Setting::Metrics),
    ("logging/dataTrace", "dataTraceEnabled", Setting::DataTrace),
    ("logging/loglevel", "loggingLevel", Setting::LoggingLevel),
    ("throttling/burstLimit", "throttlingBurstLimit", Setting::BurstLimit),
    ("throttling/rateLimit", "throttlingRateLimit", Setting::RateLimit),
    ("caching/ttlInSeconds", "cacheTtlInSeconds", Setting::CacheTtl),
    ("caching/enabled", "cachingEnabled", Setting::Caching),
    ("caching/dataEncrypted", "cacheDataEncrypted", Setting::CacheEncrypted),
    (
        "caching/requireAuthorizationForCacheControl",
        "requireAuthorizationForCacheControl",
        Setting::CacheControlAuthorized,
    ),
    (
        "caching/unauthorizedCacheControlHeaderStrategy",
        "unauthorizedCacheControlHeaderStrategy",
        Setting::CacheControlStrategy,
    ),
];

/// What many tutorials print before the resource. Amazon has no such path; it is taken off.
const TUTORIAL: &str = "methodSettings/";

/// Sets one setting; makes the entry where there is none.
///
/// # Errors
/// 400: the path is no setting's, or the value none of its.
pub(super) fn set(
    call: &Call<'_>,
    stage: &mut Stage,
    operation: &PatchOperation,
    path: &str,
) -> Result<(), Fault> {
    let (key, setting) = parse(path).ok_or_else(|| bad_path(path))?;
    if operation.op != Op::Replace {
        return Err(bad_op(operation, path));
    }
    let all = stage.method_settings.get(ALL);
    let mut entry = match stage.method_settings.get(key).or(all) {
        Some(entry) => entry.clone(),
        None => untouched(),
    };
    change(&mut entry, setting, operation)?;
    let logs = entry.data_trace_enabled
        || entry.logging_level.as_deref().is_some_and(|level| level != "OFF");
    if logs && matches!(setting, Setting::LoggingLevel | Setting::DataTrace) {
        check_role(call)?;
    }
    stage.method_settings.insert(key.to_owned(), entry);
    Ok(())
}

/// Removes an entry.
///
/// # Errors
/// 400: there is none. Terraform knows the text and takes it for success.
pub(super) fn remove(stage: &mut Stage, path: &str) -> Result<(), Fault> {
    let Some(key) = path.strip_prefix('/').filter(|key| key.contains('/')) else {
        return Err(bad_path(path));
    };
    let tutorial = key.strip_prefix(TUTORIAL).filter(|key| key.contains('/'));
    for key in [Some(key), tutorial].into_iter().flatten() {
        if stage.method_settings.remove(key).is_some() {
            return Ok(());
        }
    }
    // The blank at the end is Amazon's.
    Err(Fault::bad_request(format!(
        "Cannot remove method setting {key} because there is no method setting for this method "
    )))
}

/// An entry of which nothing is said.
fn untouched() -> MethodSetting {
    MethodSetting {
        metrics_enabled: false,
        logging_level: None,
        data_trace_enabled: false,
        throttling_burst_limit: 5000,
        throttling_rate_limit: 10_000.0,
        caching_enabled: false,
        cache_ttl_in_seconds: 300,
        cache_data_encrypted: false,
        require_authorization_for_cache_control: true,
        unauthorized_cache_control_header_strategy: "SUCCEED_WITH_RESPONSE_HEADER".to_owned(),
    }
}

/// A path as an entry's key and a setting.
fn parse(path: &str) -> Option<(&str, Setting)> {
    let path = path.strip_prefix('/')?;
    if let Some(tutorial) = path.strip_prefix(TUTORIAL) {
        let members = SETTINGS.iter().map(|(_, member, setting)| (*member, *setting));
        let found = suffixed(tutorial).or_else(|| cut(tutorial, members));
        if found.is_some() {
            return found;
        }
    }
    suffixed(path)
}

/// A path that ends in a group and a member.
fn suffixed(path: &str) -> Option<(&str, Setting)> {
    cut(path, SETTINGS.iter().map(|(suffix, _, setting)| (*suffix, *setting)))
}

/// Cuts one of the suffixes off a path; the rest must be a resource and a verb.
fn cut(
    path: &str,
    mut suffixes: impl Iterator<Item = (&'static str, Setting)>,
) -> Option<(&str, Setting)> {
    suffixes.find_map(|(suffix, setting)| {
        let key = path.strip_suffix(suffix)?.strip_suffix('/')?;
        let (_, verb) = key.rsplit_once('/')?;
        VERBS.contains(&verb).then_some((key, setting))
    })
}

fn change(
    entry: &mut MethodSetting,
    setting: Setting,
    operation: &PatchOperation,
) -> Result<(), Fault> {
    let value = operation.value.as_deref().unwrap_or_default();
    match setting {
        Setting::Metrics => entry.metrics_enabled = operation.is_true(),
        Setting::DataTrace => entry.data_trace_enabled = operation.is_true(),
        Setting::Caching => entry.caching_enabled = operation.is_true(),
        Setting::CacheEncrypted => entry.cache_data_encrypted = operation.is_true(),
        Setting::CacheControlAuthorized => {
            entry.require_authorization_for_cache_control = operation.is_true();
        }
        Setting::LoggingLevel => {
            one_of(value, &["OFF", "ERROR", "INFO"], "logging level")?;
            entry.logging_level = Some(value.to_owned());
        }
        Setting::CacheControlStrategy => {
            let strategies = [
                "FAIL_WITH_403",
                "SUCCEED_WITH_RESPONSE_HEADER",
                "SUCCEED_WITHOUT_RESPONSE_HEADER",
            ];
            one_of(value, &strategies, "unauthorized cache control header strategy")?;
            value.clone_into(&mut entry.unauthorized_cache_control_header_strategy);
        }
        Setting::CacheTtl => {
            let ttl = value.parse().ok().filter(|ttl| (0..=TTL_MAX).contains(ttl));
            entry.cache_ttl_in_seconds = ttl.ok_or_else(|| {
                Fault::bad_request(
                    "Invalid time-to-live setting, must be an integer no greater than 3600",
                )
            })?;
        }
        Setting::BurstLimit => {
            let limit = value.parse::<f64>().ok().filter(|limit| is_limit(*limit));
            let limit = limit.filter(|limit| limit.fract() == 0.0 && *limit <= f64::from(i32::MAX));
            let limit = limit.ok_or_else(|| {
                Fault::bad_request(format!(
                    "Invalid throttling burst limit: {value}. It must be a whole number from 0, or -1 for none"
                ))
            })?;
            #[expect(clippy::cast_possible_truncation, reason = "whole, and within an i32")]
            let limit = limit as i64;
            entry.throttling_burst_limit = limit;
        }
        Setting::RateLimit => {
            let limit = value.parse::<f64>().ok().filter(|limit| is_limit(*limit));
            entry.throttling_rate_limit = limit.ok_or_else(|| {
                Fault::bad_request(format!(
                    "Invalid throttling rate limit: {value}. It must be a number from 0, or -1 for none"
                ))
            })?;
        }
    }
    Ok(())
}

/// A limit, or -1: no limit of the method's own. Terraform writes `-1.000000`.
#[expect(clippy::float_cmp, reason = "-1 is exact, and no result of arithmetic")]
fn is_limit(limit: f64) -> bool {
    limit == -1.0 || (limit >= 0.0 && limit.is_finite())
}

fn one_of(value: &str, known: &[&str], what: &str) -> Result<(), Fault> {
    if known.contains(&value) {
        return Ok(());
    }
    let known = known.join(",");
    Err(Fault::bad_request(format!("Invalid {what} specified. Valid options are {known}")))
}

/// AWS logs only with a role; whether that is asked for here is a setting of ringgate's.
fn check_role(call: &Call<'_>) -> Result<(), Fault> {
    let account = call.draft.get::<Account>("", "account");
    let has_role = account.is_some_and(|account| account.cloudwatch_role_arn.is_some());
    if call.settings.logging_needs_role && !has_role {
        return Err(Fault::bad_request(
            "CloudWatch Logs role ARN must be set in account settings to enable logging",
        ));
    }
    Ok(())
}

/// The path is nothing that a stage has. The list is Amazon's, with its two slips: nothing, and one
/// blank, between three of the settings.
pub(super) fn bad_path(path: &str) -> Fault {
    let settings = |prefix: &str, slip: &str| {
        let mut list = String::new();
        for (suffix, _, setting) in SETTINGS {
            let is_slip = matches!(setting, Setting::RateLimit | Setting::CacheTtl);
            list.push_str(if is_slip { slip } else { ", " });
            list.push_str(&format!("{prefix}/{suffix}"));
        }
        list
    };
    Fault::bad_request(format!(
        "Invalid method setting path: {path}. Must be one of: [/deploymentId, /description, /cacheClusterEnabled, /cacheClusterSize, /clientCertificateId, /accessLogSettings, /accessLogSettings/destinationArn, /accessLogSettings/format{}{}, /variables/{{variable_name}}, /tracingEnabled]",
        settings("/{resourcePath}/{httpMethod}", ""),
        settings("/*/*", " ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Tools read back the key that they wrote, whatever the resource's path looks like.
        #[test]
        fn what_is_written_is_the_key(
            resource in "[a-z{}~*+/]{0,20}",
            verb in proptest::sample::select(&VERBS),
            setting in proptest::sample::select(&SETTINGS),
        ) {
            let (suffix, _, setting) = setting;
            let key = format!("{resource}/{verb}");
            let path = format!("/{key}/{suffix}");
            prop_assert_eq!(parse(&path), Some((key.as_str(), setting)));
        }

        #[test]
        fn any_path_is_read_or_not(path in ".{0,40}") {
            parse(&path);
        }
    }
}
