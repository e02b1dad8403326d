//! Client certificates: what a stage shows to its back ends, so that they know who calls.
//!
//! Generated here, with a key that never leaves the store: self-signed, because a back end is given
//! the certificate itself and trusts that one.

use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::patch::{self, Family, Op};
use super::super::{Answer, Call, answer, tagging};
use crate::aws::Fault;
use crate::resources::account::ClientCertificate;
use crate::resources::http::Api;
use crate::resources::rest::{Map, RestApi};
use crate::resources::{Timestamp, http_stage, rest_stage};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize,
};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("GenerateClientCertificate", generate),
    read("GetClientCertificate", get),
    read("GetClientCertificates", list),
    write("UpdateClientCertificate", update),
    write("DeleteClientCertificate", delete),
];

const PATCH: Family = Family::Listed { add: &[], remove: &[], replace: &["/description"] };

/// Seconds that a certificate is valid: 365 days, as Amazon's are.
const VALID_SECONDS: i64 = 365 * 24 * 60 * 60;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct GenerateInput {
    description: Option<String>,
    tags: Map,
}

fn generate(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let input: GenerateInput = call.input()?;
    tagging::check(&input.tags)?;
    let id = call.ids.short();
    let expires = Timestamp(call.now.0 + VALID_SECONDS);
    let (certificate, key) = self_signed(&id, call.now, expires).map_err(|error| {
        tracing::error!(%error, "a client certificate cannot be generated");
        Fault::internal()
    })?;
    let made = ClientCertificate {
        client_certificate_id: id.clone(),
        description: input.description.filter(|text| !text.is_empty()),
        pem_encoded_certificate: certificate,
        private_key: key,
        created_date: call.now,
        expiration_date: expires,
        tags: input.tags,
    };
    let answer = Answer::Json(shown(&made)?);
    call.draft.put("", &id, made);
    Ok(answer)
}

/// A certificate and its key, PEM. RSA of 2048 bits as Amazon's: back ends may know nothing newer.
///
/// Finding the primes takes 0.1 s in the median and 0.5 s at worst (200 keys on a busy host), in which
/// no other write goes on. A stage needs one a year, so spare keys made beforehand are not worth having;
/// what is served is not held up, as shards know nothing of writes.
fn self_signed(id: &str, from: Timestamp, to: Timestamp) -> Result<(String, String), rcgen::Error> {
    let moment = |time: Timestamp| {
        let seconds = u64::try_from(time.0).unwrap_or_default();
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "ringgate");
    name.push(DnType::CommonName, format!("client certificate {id}"));
    let mut parameters = CertificateParams::default();
    parameters.not_before = moment(from);
    parameters.not_after = moment(to);
    parameters.distinguished_name = name;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = parameters.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// A certificate without its key.
fn shown(certificate: &ClientCertificate) -> Result<Value, Fault> {
    let mut document = answer::document(certificate)?;
    if let Some(members) = document.as_object_mut() {
        members.shift_remove("privateKey");
    }
    Ok(document)
}

/// The certificate that a call names.
///
/// # Errors
/// 404: there is none of that id.
pub(super) fn find(call: &Call<'_>) -> Result<Arc<ClientCertificate>, Fault> {
    let found = call.draft.get::<ClientCertificate>("", call.text("clientCertificateId"));
    found.ok_or_else(|| Fault::not_found("Invalid Client Certificate identifier specified"))
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    Ok(Answer::Json(shown(&*find(call)?)?))
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let certificates =
        Page::v1(call).take(call, "", |it: &ClientCertificate| &it.client_certificate_id, shown)?;
    Ok(page::v1(certificates))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut changed = (*find(call)?).clone();
    for operation in patch::operations(call)? {
        match (operation.path.as_deref().unwrap_or("null"), operation.op) {
            ("/description", Op::Replace) => changed.description = operation.non_empty(),
            _ => return Err(PATCH.bad_path(&operation)),
        }
    }
    let answer = Answer::Json(shown(&changed)?);
    let id = changed.client_certificate_id.clone();
    call.draft.put("", &id, changed);
    Ok(answer)
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let found = find(call)?;
    let id = &found.client_certificate_id;
    let users = users(call, id);
    if !users.is_empty() {
        return Err(Fault::bad_request(format!(
            "Cannot delete client certificate '{id}', is referenced in stages: [{}]",
            users.join(", ")
        )));
    }
    call.draft.remove::<ClientCertificate>("", id);
    Ok(Answer::Empty)
}

/// The stages that show a certificate.
fn users(call: &Call<'_>, id: &str) -> Vec<String> {
    let mut users = Vec::new();
    for api in call.draft.list::<RestApi>("") {
        for stage in call.draft.list::<rest_stage::Stage>(&api.id) {
            if stage.client_certificate_id.as_deref() == Some(id) {
                users.push(format!("{}:{}", api.id, stage.stage_name));
            }
        }
    }
    for api in call.draft.list::<Api>("") {
        for stage in call.draft.list::<http_stage::Stage>(&api.api_id) {
            if stage.client_certificate_id.as_deref() == Some(id) {
                users.push(format!("{}:{}", api.api_id, stage.stage_name));
            }
        }
    }
    users
}

#[cfg(test)]
#[path = "client_certificate_tests.rs"]
mod tests;
