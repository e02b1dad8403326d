//! Code: zips as they are uploaded, kept by their hash as long as something runs them.

use super::configuration::{Given, answer};
use super::fault::{changed_since, invalid, no_function, too_large};
use super::of_file::change;
use super::place::{Place, arn};
use super::{version, zip};
use crate::aws::Fault;
use crate::management::operation::Operation;
use crate::management::{Answer, Call};
use crate::resources::State;
use crate::resources::function::{Configuration, Function, FunctionCode, FunctionVersion, owner};
use crate::snapshot::managed::UsedCode;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

pub(super) static OPERATIONS: &[Operation] = &[change("UpdateFunctionCode", update)];

/// Bytes of a zip that is uploaded: Lambda's limit.
pub const ZIP_BYTES_MAX: usize = 50 * 1024 * 1024;

/// Bytes of a call that brings a zip: Base64 is a third larger, and there is more in it. Lambda's own
/// number.
pub const CALL_BYTES_MAX: usize = 70_167_211;

/// Bytes of a zip's content: Lambda's limit.
const UNPACKED_BYTES_MAX: u64 = 262_144_000;

/// Where code comes from.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Source {
    zip_file: Option<String>,
    s3_bucket: Option<String>,
    s3_key: Option<String>,
    image_uri: Option<String>,
}

/// Whether a call may bring a zip, judged by its method and path before anything is read of it.
pub fn may_bring_code(method: &str, path: &str) -> bool {
    let path = path.trim_end_matches('/');
    match path.strip_prefix("/2015-03-31/functions") {
        Some("") => method == "POST",
        Some(rest) => method == "PUT" && rest.ends_with("/code"),
        None => false,
    }
}

/// The code that a version runs, by its id; `None` when the store does not have it.
pub fn used_by(state: &State, region: &str, configuration: &Configuration) -> Option<UsedCode> {
    let id = id(&configuration.code_sha256);
    let code = state.get::<FunctionCode>(region, &owner(&configuration.function_name), &id)?;
    Some(UsedCode { id: id.into(), code })
}

/// A code's id, by its hash as Lambda shows it.
fn id(code_sha256: &str) -> String {
    let hash = STANDARD.decode(code_sha256).unwrap_or_default();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Takes code from where it comes, and notes it in the configuration.
pub(super) fn take(
    call: &mut Call<'_>,
    source: Source,
    configuration: &mut Configuration,
) -> Result<(), Fault> {
    if source.s3_bucket.is_some() || source.s3_key.is_some() {
        return Err(invalid(
            "ringgate takes code as ZipFile and not from S3: send the zip's content instead of S3Bucket \
             and S3Key (with Terraform, filename instead of s3_bucket and s3_key)",
        ));
    }
    if source.image_uri.is_some() {
        return Err(invalid("ringgate runs no container images: send the code as ZipFile"));
    }
    let Some(text) = source.zip_file.filter(|text| !text.is_empty()) else {
        return Err(invalid("Please provide a source for function code."));
    };
    let unreadable = || {
        invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
    };
    let zip = STANDARD
        .decode(&text)
        .map_err(|_| Fault::serialization("ZipFile is not the Base64 of anything"))?;
    if zip.len() > ZIP_BYTES_MAX {
        return Err(too_large(format!(
            "Request must be smaller than {} bytes for the operation",
            ZIP_BYTES_MAX.div_ceil(3) * 4
        )));
    }
    let directory = zip::directory(&zip).ok_or_else(unreadable)?;
    if directory.entries == 0 {
        return Err(invalid("Uploaded file must be a non-empty zip"));
    }
    if directory.unpacked_bytes > UNPACKED_BYTES_MAX {
        return Err(invalid(format!(
            "Unzipped size must be smaller than {UNPACKED_BYTES_MAX} bytes"
        )));
    }
    configuration.code_sha256 = STANDARD.encode(digest(&SHA256, &zip));
    configuration.code_size = zip.len() as u64;
    let (owner, id) = (owner(&configuration.function_name), id(&configuration.code_sha256));
    if !call.draft.has::<FunctionCode>(&owner, &id) {
        call.draft.put(&owner, &id, FunctionCode { zip: text });
    }
    Ok(())
}

/// Forgets code that nothing runs any more.
pub(super) fn release(call: &mut Call<'_>, function_name: &str, code_sha256: &str) {
    let owner = owner(function_name);
    let is_used = call
        .draft
        .get::<Function>("", function_name)
        .is_some_and(|function| function.latest.code_sha256 == code_sha256)
        || call
            .draft
            .list::<FunctionVersion>(&owner)
            .iter()
            .any(|version| version.configuration.code_sha256 == code_sha256);
    if !is_used {
        call.draft.remove::<FunctionCode>(&owner, &id(code_sha256));
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Update {
    #[serde(flatten)]
    source: Source,
    #[serde(default)]
    publish: bool,
    #[serde(default)]
    dry_run: bool,
    revision_id: Option<String>,
    architectures: Option<Vec<String>>,
}

/// `UpdateFunctionCode`.
fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let name = Place::whole(call)?;
    let found = call.draft.get::<Function>("", &name);
    let mut function = (*found.ok_or_else(|| no_function(&arn(call, &name, None)))?).clone();
    let Update { source, publish, dry_run, revision_id, architectures } = call.input()?;
    if revision_id.is_some_and(|it| it != function.latest.revision_id) {
        return Err(changed_since("GetFunction"));
    }
    let before = function.latest.code_sha256.clone();
    take(call, source, &mut function.latest)?;
    Given { architectures, ..Given::default() }.apply(&mut function.latest, call.settings)?;
    if dry_run {
        let answered = answer(call, &function.latest, None);
        release(call, &name, &function.latest.code_sha256);
        return Ok(Answer::Json(answered));
    }
    function.latest.touch(call);
    let published = publish.then(|| version::publish(call, &mut function, None));
    let answered = match &published {
        Some(published) => answer(call, published, Some(&published.version)),
        None => answer(call, &function.latest, None),
    };
    call.draft.put("", &name, function);
    release(call, &name, &before);
    Ok(Answer::Json(answered))
}
