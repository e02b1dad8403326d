//! Integrations of HTTP APIs with an action of an AWS service: `IntegrationSubtype`. The request's
//! parameters are the action's.

use super::mapping;
use crate::aws::Fault;
use crate::resources::http::Integration;

/// An action, what it needs and what else it takes besides `Region`.
struct Action {
    subtype: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
}

/// The actions that there are (developer guide, "integration subtype reference").
static ACTIONS: [Action; 10] = [
    Action {
        subtype: "EventBridge-PutEvents",
        required: &["Detail", "DetailType", "Source"],
        optional: &["Time", "EventBusName", "Resources", "TraceHeader"],
    },
    Action {
        subtype: "SQS-SendMessage",
        required: &["QueueUrl", "MessageBody"],
        optional: &[
            "DelaySeconds",
            "MessageAttributes",
            "MessageDeduplicationId",
            "MessageGroupId",
            "MessageSystemAttributes",
        ],
    },
    Action {
        subtype: "SQS-ReceiveMessage",
        required: &["QueueUrl"],
        optional: &[
            "AttributeNames",
            "MaxNumberOfMessages",
            "MessageAttributeNames",
            "ReceiveRequestAttemptId",
            "VisibilityTimeout",
            "WaitTimeSeconds",
        ],
    },
    Action {
        subtype: "SQS-DeleteMessage",
        required: &["QueueUrl", "ReceiptHandle"],
        optional: &[],
    },
    Action { subtype: "SQS-PurgeQueue", required: &["QueueUrl"], optional: &[] },
    Action {
        subtype: "AppConfig-GetConfiguration",
        required: &["Application", "Environment", "Configuration", "ClientId"],
        optional: &["ClientConfigurationVersion"],
    },
    Action {
        subtype: "Kinesis-PutRecord",
        required: &["StreamName", "Data", "PartitionKey"],
        optional: &["SequenceNumberForOrdering", "ExplicitHashKey"],
    },
    Action {
        subtype: "StepFunctions-StartExecution",
        required: &["StateMachineArn"],
        optional: &["Name", "Input"],
    },
    Action {
        subtype: "StepFunctions-StartSyncExecution",
        required: &["StateMachineArn"],
        optional: &["Name", "Input", "TraceHeader"],
    },
    Action {
        subtype: "StepFunctions-StopExecution",
        required: &["ExecutionArn"],
        optional: &["Cause", "Error"],
    },
];

/// Checks an integration with an action.
///
/// # Errors
/// There is no such action, or something that it needs is missing.
pub(super) fn check(integration: &Integration, subtype: &str) -> Result<(), Fault> {
    let action = ACTIONS.iter().find(|action| action.subtype == subtype);
    let is_format = integration.payload_format_version.as_deref() == Some("1.0");
    let Some(action) = action.filter(|_| is_format) else {
        return Err(Fault::bad_request(format!("Operation: {subtype} is not supported.")));
    };
    if integration.credentials_arn.is_none() {
        return Err(Fault::bad_request(format!(
            "Role ARN must be specified for AWS integration configuration with Subtype: {subtype}"
        )));
    }
    let unwanted = [
        ("IntegrationMethod", integration.integration_method.is_some()),
        ("IntegrationUri", integration.integration_uri.is_some()),
    ];
    if let Some((name, _)) = unwanted.iter().find(|(_, is_set)| *is_set) {
        return Err(Fault::bad_request(format!(
            "{name} must not be specified for AWS integration configuration with Subtype: {subtype}"
        )));
    }
    let parameters = &integration.request_parameters;
    if action.required.iter().any(|name| !parameters.contains_key(*name)) {
        return Err(Fault::bad_request(format!(
            "Operation: {subtype} requires enabling passthrough, or defining all of the following parameters: [{}]",
            action.required.join(", ")
        )));
    }
    let is_known = |name: &str| {
        name == "Region" || action.required.contains(&name) || action.optional.contains(&name)
    };
    if let Some(name) = parameters.keys().find(|name| !is_known(name)) {
        return Err(Fault::bad_request(format!(
            "Parameter: {name} does not fit schema for Operation: {subtype}."
        )));
    }
    parameters.values().try_for_each(|value| mapping::check_request_value(value))?;
    mapping::check_responses(&integration.response_parameters)
}
