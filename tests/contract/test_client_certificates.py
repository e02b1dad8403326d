"""Client certificates, which the gateway shows to back ends."""

import ssl

import pytest

UNKNOWN = "Invalid Client Certificate identifier specified"


def test_all_of_it(v1, answer_of, patch, missing):
    made = v1.generate_client_certificate(description="d", tags={"a": "1"})
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    id = made["clientCertificateId"]
    assert len(id) == 6
    assert (made["description"], made["tags"]) == ("d", {"a": "1"})
    # It is a certificate, and the private key is nowhere in the answer.
    assert ssl.PEM_cert_to_DER_cert(made["pemEncodedCertificate"])
    assert "PRIVATE" not in str(made)
    assert 364 <= (made["expirationDate"] - made["createdDate"]).days <= 366
    shown = v1.get_client_certificate(clientCertificateId=id)
    assert answer_of(shown) == answer_of(made)
    changed = v1.update_client_certificate(
        clientCertificateId=id, patchOperations=patch(("replace", "/description", "changed"))
    )
    assert changed["description"] == "changed"
    with pytest.raises(v1.exceptions.BadRequestException):
        v1.update_client_certificate(clientCertificateId=id, patchOperations=patch(("replace", "/x", "y")))
    other = v1.generate_client_certificate()["clientCertificateId"]
    pages = v1.get_paginator("get_client_certificates").paginate(PaginationConfig={"PageSize": 1})
    assert {id, other} <= {item["clientCertificateId"] for page in pages for item in page["items"]}
    assert v1.delete_client_certificate(clientCertificateId=id)["ResponseMetadata"]["HTTPStatusCode"] == 202
    missing(UNKNOWN, v1.get_client_certificate, clientCertificateId=id)
    missing(UNKNOWN, v1.delete_client_certificate, clientCertificateId=id)
    missing(UNKNOWN, v1.update_client_certificate, clientCertificateId=id, patchOperations=[])


def test_one_in_use_stays(v1, mock):
    api, _ = mock
    v1.create_deployment(restApiId=api, stageName="prod")
    id = v1.generate_client_certificate()["clientCertificateId"]
    operation = [{"op": "replace", "path": "/clientCertificateId", "value": id}]
    v1.update_stage(restApiId=api, stageName="prod", patchOperations=operation)
    with pytest.raises(v1.exceptions.ClientError) as refusal:
        v1.delete_client_certificate(clientCertificateId=id)
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 409)
    operation[0]["value"] = ""
    assert "clientCertificateId" not in v1.update_stage(restApiId=api, stageName="prod", patchOperations=operation)
    v1.delete_client_certificate(clientCertificateId=id)
