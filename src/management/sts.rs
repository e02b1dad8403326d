//! STS and IAM, as far as tools ask them before they begin: `GetCallerIdentity` tells who calls and in
//! which account (Terraform's provider and the CDK ask it first). Everything else is refused in a way
//! that says what is there.
//!
//! These services speak the Query protocol: a form as the request, XML as the answer, and some error
//! types under other names than in the REST protocols.

use super::access::Caller;
use super::incoming::Incoming;
use super::refusal::{self, Protocol};
use crate::aws::Fault;
use axum::body::Body;
use axum::http::{HeaderValue, Response, header};

/// Whether a call is one for here: the signature says so, or, without one, a form with an action is
/// posted to `/`.
pub fn is_query_call(incoming: &Incoming, service: Option<&str>) -> bool {
    match service {
        Some(service) => ["sts", "iam"].contains(&service),
        None => incoming.path == "/" && parameter(incoming, "Action").is_some(),
    }
}

/// Answers it.
pub fn answer(
    incoming: &Incoming,
    caller: &Caller,
    account_id: &str,
    request_id: &str,
) -> Response<Body> {
    let action = parameter(incoming, "Action").unwrap_or_default();
    let is_iam = caller.service.as_deref() == Some("iam");
    if action == "GetCallerIdentity" && !is_iam {
        return identity(caller, account_id, request_id);
    }
    let shown: String = action.chars().take(64).collect();
    let what = if is_iam { "IAM" } else { "STS" };
    let fault = match action.is_empty() {
        true => Fault::new(
            400,
            "MissingAction",
            format!(
                "The request names no action. Of {what}, ringgate has GetCallerIdentity of STS only."
            ),
        ),
        false => Fault::new(
            400,
            "InvalidAction",
            format!(
                "ringgate has no {what} operation '{shown}'. It answers Amazon API Gateway (apigateway, apigatewayv2, apigatewaymanagementapi) and GetCallerIdentity of STS."
            ),
        ),
    };
    refusal::fault(&fault, Protocol::Query, request_id)
}

fn identity(caller: &Caller, account_id: &str, request_id: &str) -> Response<Body> {
    let name = escaped(&caller.principal.name);
    let account = escaped(account_id);
    let request = escaped(request_id);
    let body = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  \
         <GetCallerIdentityResult>\n    \
         <Arn>arn:aws:iam::{account}:user/{name}</Arn>\n    \
         <UserId>{name}</UserId>\n    \
         <Account>{account}</Account>\n  \
         </GetCallerIdentityResult>\n  \
         <ResponseMetadata>\n    <RequestId>{request}</RequestId>\n  </ResponseMetadata>\n\
         </GetCallerIdentityResponse>\n"
    );
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    refusal::with_request_id(response, request_id)
}

/// A parameter of the form, or of the query for calls without content.
fn parameter(incoming: &Incoming, name: &str) -> Option<String> {
    let is_form = incoming
        .field("content-type")
        .is_some_and(|kind| kind.trim_start().starts_with("application/x-www-form-urlencoded"));
    let form = match is_form {
        true => std::str::from_utf8(&incoming.body).unwrap_or_default(),
        false => "",
    };
    let pairs = form.split('&').chain(incoming.query.split('&'));
    let value = pairs
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)?;
    // Actions and versions are letters, digits and dashes: nothing in them is ever encoded.
    Some(value.to_owned())
}

/// Text as XML's content; quotes need no escape there.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // XML 1.0 has no way to write these.
            control if control.is_control() && !"\t\n\r".contains(control) => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::management::access::{Principal, Proof};
    use crate::model::Role;
    use axum::http::HeaderMap;

    fn call(service: Option<&str>, body: &str) -> (Incoming, Caller) {
        let mut headers = HeaderMap::new();
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        headers.insert("content-type", form.parse().unwrap());
        let incoming = Incoming {
            peer: "127.0.0.1:1".parse().unwrap(),
            method: "POST".into(),
            path: "/".into(),
            query: String::new(),
            headers,
            body: body.to_owned().into(),
        };
        let principal = Principal {
            name: "AKIDEXAMPLE00000".into(),
            role: Role::Reader,
            proof: Proof::Signature,
        };
        let caller =
            Caller { principal, region: "us-east-1".into(), service: service.map(Into::into) };
        (incoming, caller)
    }

    async fn body(response: Response<Body>) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn get_caller_identity_names_account_and_user() {
        let (incoming, caller) = call(Some("sts"), "Action=GetCallerIdentity&Version=2011-06-15");
        assert!(is_query_call(&incoming, Some("sts")));
        let response = answer(&incoming, &caller, "123456789012", "r-1");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["x-amzn-requestid"], "r-1");
        let text = body(response).await;
        assert!(text.contains("<Account>123456789012</Account>"), "{text}");
        assert!(text.contains("<Arn>arn:aws:iam::123456789012:user/AKIDEXAMPLE00000</Arn>"));
        assert!(text.contains("<RequestId>r-1</RequestId>"));
    }

    #[tokio::test]
    async fn without_a_signature_the_form_decides() {
        let (incoming, _) = call(None, "Action=GetCallerIdentity");
        assert!(is_query_call(&incoming, None));
        assert!(!is_query_call(&Incoming { path: "/restapis".into(), ..incoming.clone() }, None));
        assert!(!is_query_call(&incoming, Some("apigateway")));
        let in_query = Incoming {
            method: "GET".into(),
            body: Default::default(),
            query: "Action=GetCallerIdentity&Version=2011-06-15".into(),
            ..incoming
        };
        assert!(is_query_call(&in_query, None));
    }

    #[tokio::test]
    async fn other_actions_are_refused_and_told_what_there_is() {
        for (service, action, told) in [
            ("iam", "GetUser", "ringgate has no IAM operation 'GetUser'."),
            ("iam", "GetCallerIdentity", "ringgate has no IAM operation"),
            ("sts", "AssumeRole", "ringgate has no STS operation 'AssumeRole'."),
            ("sts", "<x>", "'&lt;x&gt;'"),
        ] {
            let (incoming, caller) = call(Some(service), &format!("Action={action}"));
            let response = answer(&incoming, &caller, "0", "r-2");
            assert_eq!(response.status(), 400);
            let text = body(response).await;
            assert!(text.contains("<Code>InvalidAction</Code>"), "{text}");
            assert!(
                text.contains("<Type>Sender</Type>") && text.contains(told.trim_start()),
                "{text}"
            );
        }
    }
}
