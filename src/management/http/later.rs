//! Operations that ringgate does not have yet. They say so, in a form that every client understands.

use super::super::operation::{Operation, read, write};
use super::super::{Answer, Call};
use crate::aws::Fault;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    read("ExportApi", export),
    write("ImportApi", import),
    write("ReimportApi", import),
    write("CreatePortal", portals),
    write("CreatePortalProduct", portals),
    write("CreateProductPage", portals),
    write("CreateProductRestEndpointPage", portals),
    write("DeletePortal", portals),
    write("DeletePortalProduct", portals),
    write("DeletePortalProductSharingPolicy", portals),
    write("DeleteProductPage", portals),
    write("DeleteProductRestEndpointPage", portals),
    write("DisablePortal", portals),
    read("GetPortal", portals),
    read("GetPortalProduct", portals),
    read("GetPortalProductSharingPolicy", portals),
    read("GetProductPage", portals),
    read("GetProductRestEndpointPage", portals),
    read("ListPortalProducts", portals),
    read("ListPortals", portals),
    read("ListProductPages", portals),
    read("ListProductRestEndpointPages", portals),
    write("PreviewPortal", portals),
    write("PublishPortal", portals),
    write("PutPortalProductSharingPolicy", portals),
    write("UpdatePortal", portals),
    write("UpdatePortalProduct", portals),
    write("UpdateProductPage", portals),
    write("UpdateProductRestEndpointPage", portals),
];

fn import(_call: &mut Call<'_>) -> Result<Answer, Fault> {
    Err(Fault::bad_request("ringgate does not import OpenAPI documents into HTTP APIs yet"))
}

fn export(_call: &mut Call<'_>) -> Result<Answer, Fault> {
    Err(Fault::bad_request("ringgate does not export HTTP APIs as OpenAPI documents yet"))
}

fn portals(_call: &mut Call<'_>) -> Result<Answer, Fault> {
    Err(Fault::bad_request("ringgate does not have developer portals yet"))
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::Fixture;
    use super::OPERATIONS;
    use serde_json::json;

    #[test]
    fn each_says_what_is_missing() {
        let mut fixture = Fixture::new();
        for operation in OPERATIONS {
            let fault = fixture.v2(operation.name, json!({})).unwrap_err();
            assert_eq!((fault.status, fault.kind), (400, "BadRequestException"));
            assert!(fault.message.starts_with("ringgate does not"), "{}", fault.message);
        }
    }
}
