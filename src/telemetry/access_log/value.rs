//! Value: what a variable prints for one exchange. Numbers and times are written by hand, because they
//! are in nearly every line and `fmt` costs several times as much.

use std::time::Duration;

use super::escape::push_escaped;
use super::facts::Facts;
use super::variables::Variable;

/// Appends the value of a variable, escaped; `-` when it has none.
pub(super) fn push_value(out: &mut Vec<u8>, variable: Variable, facts: &Facts<'_>) {
    let text: &[u8] = match variable {
        Variable::Unavailable => b"",
        Variable::AccountId => facts.account_id.as_bytes(),
        Variable::ApiId => facts.api_id.as_bytes(),
        Variable::AuthorizeError => facts.authorize_error.as_bytes(),
        Variable::AuthorizerError => facts.authorizer_error.as_bytes(),
        Variable::AuthorizerRequestId => facts.authorizer_request_id.as_bytes(),
        Variable::AuthorizerPrincipalId => facts.authorizer_principal_id.as_bytes(),
        // Its name is known to whoever has the format.
        Variable::AuthorizerValue => b"",
        Variable::BasePathMatched => facts.base_path_matched.as_bytes(),
        Variable::CipherSuite => facts.cipher_suite.as_bytes(),
        Variable::DeploymentId => facts.deployment_id.as_bytes(),
        Variable::DomainName => facts.domain_name,
        Variable::DomainPrefix => first_label(facts.domain_name),
        Variable::EndpointType => facts.endpoint_type.as_bytes(),
        Variable::ErrorMessage => facts.error_message.as_bytes(),
        Variable::ErrorResponseType => facts.error_response_type.as_bytes(),
        Variable::ExtendedRequestId => facts.extended_request_id.as_bytes(),
        Variable::HttpMethod => facts.http_method,
        Variable::IntegrationError => facts.integration_error.as_bytes(),
        Variable::IntegrationRequestId => facts.integration_request_id,
        Variable::IntegrationRequestId2 => facts.integration_request_id_2,
        Variable::Path => facts.path,
        Variable::Protocol => facts.protocol.as_bytes(),
        Variable::RequestId => facts.request_id.as_bytes(),
        Variable::ResourceId => facts.resource_id.as_bytes(),
        Variable::ResourcePath => facts.resource_path.as_bytes(),
        Variable::ResponseTransferMode => facts.response_transfer_mode.as_bytes(),
        Variable::RoutingRuleMatched => facts.routing_rule_matched.as_bytes(),
        Variable::RouteKey => facts.route_key.as_bytes(),
        Variable::SourceIp => facts.source_ip.as_bytes(),
        Variable::Stage => facts.stage.as_bytes(),
        Variable::TlsVersion => facts.tls_version.as_bytes(),
        Variable::UserAgent => facts.user_agent,
        Variable::ValidationError => facts.validation_error.as_bytes(),
        Variable::IsCanary => match facts.is_canary {
            None => b"",
            Some(true) => b"true",
            Some(false) => b"false",
        },
        Variable::XrayTraceId => facts.xray_trace_id.as_bytes(),

        Variable::ErrorMessageString => {
            if facts.error_message.is_empty() {
                b""
            } else {
                out.push(b'"');
                push_escaped(out, facts.error_message.as_bytes());
                out.push(b'"');
                return;
            }
        }
        Variable::RequestTime => return push_clf_time(out, facts.request_time),
        Variable::RequestTimeEpoch => return push_milliseconds(out, facts.request_time),
        Variable::ResponseLatency => return push_milliseconds(out, facts.response_latency),
        Variable::ResponseLength => return push_number(out, facts.response_length),
        Variable::Status => match facts.status {
            0 => b"",
            status => return push_number(out, status.into()),
        },
        Variable::AuthorizeLatency => match facts.authorize_status {
            None => b"",
            Some(_) => b"0",
        },
        Variable::AuthorizeStatus => match facts.authorize_status {
            None => b"",
            Some(status) => return push_number(out, status.into()),
        },
        Variable::AuthorizerStatus => match facts.authorizer_status {
            None => b"",
            Some(status) => return push_number(out, status.into()),
        },
        Variable::AuthorizerIntegrationStatus => match facts.authorizer_integration_status {
            None => b"",
            Some(status) => return push_number(out, status.into()),
        },
        Variable::DataProcessed => match facts.data_processed {
            None => b"",
            Some(bytes) => return push_number(out, bytes),
        },
        Variable::IntegrationStatus => match facts.integration_status {
            None => b"",
            Some(status) => return push_number(out, status.into()),
        },
        Variable::FunctionStatus => match facts.function_status.or(facts.integration_status) {
            None => b"",
            Some(status) => return push_number(out, status.into()),
        },
        Variable::IntegrationLatency => match facts.integration_latency {
            None => b"",
            Some(latency) => return push_milliseconds(out, latency),
        },
        Variable::AuthorizerLatency => match facts.authorizer_latency {
            None => b"",
            Some(latency) => return push_milliseconds(out, latency),
        },
        Variable::TimeToAllHeaders => match facts.time_to_all_headers {
            None => b"",
            Some(latency) => return push_milliseconds(out, latency),
        },
        Variable::TimeToFirstContent => match facts.time_to_first_content {
            None => b"",
            Some(latency) => return push_milliseconds(out, latency),
        },
    };
    push_text(out, text);
}

/// Appends what an authorizer's function passed on by that name, escaped; `-` when it did not.
pub(super) fn push_authorizer_value(out: &mut Vec<u8>, name: &str, facts: &Facts<'_>) {
    let found = facts.authorizer_values.iter().find(|(known, _)| **known == *name);
    push_text(out, found.map_or(b"", |(_, value)| value.as_bytes()));
}

fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    if text.is_empty() {
        out.push(b'-');
    } else {
        push_escaped(out, text);
    }
}

fn first_label(domain_name: &[u8]) -> &[u8] {
    let end = memchr::memchr(b'.', domain_name).unwrap_or(domain_name.len());
    &domain_name[..end]
}

fn push_number(out: &mut Vec<u8>, mut number: u64) {
    // u64::MAX has 20 digits.
    let mut digits = [b'0'; 20];
    let mut from = digits.len();
    loop {
        from -= 1;
        digits[from] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[from..]);
}

fn push_milliseconds(out: &mut Vec<u8>, duration: Duration) {
    let milliseconds =
        duration.as_secs().saturating_mul(1000).saturating_add(u64::from(duration.subsec_millis()));
    push_number(out, milliseconds);
}

/// Appends a time as Amazon writes `requestTime`: `dd/Mon/yyyy:HH:MM:SS +0000`, always UTC.
pub fn push_clf_time(out: &mut Vec<u8>, since_epoch: Duration) {
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let seconds = since_epoch.as_secs();
    let (year, month, day) = civil_date(seconds / 86_400);
    let second = seconds % 86_400;
    let two = |number: u64| [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8];
    let mut text = *b"00/Jan/0000:00:00:00 +0000";
    text[0..2].copy_from_slice(&two(day));
    let from = 3 * (month as usize - 1);
    text[3..6].copy_from_slice(&MONTHS[from..from + 3]);
    text[7..9].copy_from_slice(&two(year / 100));
    text[9..11].copy_from_slice(&two(year));
    text[12..14].copy_from_slice(&two(second / 3600));
    text[15..17].copy_from_slice(&two(second / 60 % 60));
    text[18..20].copy_from_slice(&two(second % 60));
    out.extend_from_slice(&text);
}

/// Year, month (1-12) and day (1-31) of a day since 1970-01-01 in the Gregorian calendar. Years are
/// counted from March, so that the leap day is the last, in cycles of 400 years of 146 097 days.
fn civil_date(days_since_epoch: u64) -> (u64, u64, u64) {
    let day = days_since_epoch + 719_468; // since 0000-03-01
    let cycle = day / 146_097;
    let day_of_cycle = day % 146_097;
    let year_of_cycle =
        (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = cycle * 400 + year_of_cycle + u64::from(month <= 2);
    (year, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn dates_are_those_of_a_calendar_library(seconds in 0_u64..250_000_000_000) {
            let mut out = Vec::new();
            push_clf_time(&mut out, Duration::from_secs(seconds));
            let time = jiff::Timestamp::from_second(seconds as i64).unwrap();
            let expected = time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string();
            prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
        }

        #[test]
        fn numbers_are_decimal(number: u64) {
            let mut out = Vec::new();
            push_number(&mut out, number);
            prop_assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }
}
