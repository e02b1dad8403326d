//! The ARN of one request: what policies speak of.

use super::RouteFacts;

/// Longest method ARN of a REST API whose caller is checked; a longer one is answered with 414.
pub const METHOD_ARN_BYTES_MAX: usize = 1600;

/// Writes `arn:aws:execute-api:{region}:{account}:{api}/{stage}/{METHOD}/{path}`. The path is the
/// request's own behind the stage, as received; that of the route `$default` is left out with its method.
pub fn write_method_arn(route: &RouteFacts<'_>, method: &str, path: &[u8], out: &mut String) {
    for part in [
        "arn:",
        route.partition,
        ":execute-api:",
        route.region,
        ":",
        route.account_id,
        ":",
        route.api_id,
        "/",
        route.stage,
        "/",
    ] {
        out.push_str(part);
    }
    if route.route_key == "$default" {
        out.push_str(route.route_key);
        return;
    }
    out.push_str(method);
    out.push('/');
    out.push_str(&String::from_utf8_lossy(path.strip_prefix(b"/").unwrap_or(path)));
}
