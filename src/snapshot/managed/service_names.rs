//! Names of AWS services: what each is called in signatures, and how its actions are asked for.
//!
//! From botocore's models (`endpointPrefix`, `signingName`, `targetPrefix`, `jsonVersion`); a service
//! that is in no table here is called what its host is called, and asked in the query protocol.

/// How the actions of a service that speaks JSON are asked for.
pub(super) struct JsonService {
    /// As URIs name it.
    name: &'static str,
    /// What comes before the action in `X-Amz-Target`.
    pub(super) target: &'static str,
    /// Of `application/x-amz-json-…`.
    pub(super) version: &'static str,
}

/// The service of that name, if its actions are asked for in JSON. SQS is none: Amazon asks it by
/// query parameters unless an integration says otherwise.
pub(super) fn json_service(name: &str) -> Option<&'static JsonService> {
    let found = JSON.binary_search_by(|known| known.name.cmp(name));
    found.ok().and_then(|index| JSON.get(index))
}

/// What a service is called in signatures. `name` may have a subdomain in front.
pub(super) fn signing_name(name: &str) -> &str {
    let known = |name: &str| {
        let found = SIGNED_AS.binary_search_by(|(known, _)| (*known).cmp(name));
        found.ok().and_then(|index| SIGNED_AS.get(index)).map(|(_, signed)| *signed)
    };
    let last = name.rsplit('.').next().unwrap_or(name);
    known(name).or_else(|| known(last)).unwrap_or(last)
}

/// Whether a service has one endpoint for all regions; it is signed for `us-east-1`.
pub(super) fn is_global(name: &str) -> bool {
    ["cloudfront", "iam", "importexport", "route53", "savingsplans"].contains(&name)
}

const fn json(name: &'static str, target: &'static str, version: &'static str) -> JsonService {
    JsonService { name, target, version }
}

/// Sorted by name.
static JSON: &[JsonService] = &[
    json("acm", "CertificateManager", "1.1"),
    json("acm-pca", "ACMPrivateCA", "1.1"),
    json("aco-automation", "ComputeOptimizerAutomationService", "1.0"),
    json("agreement-marketplace", "AWSMPCommerceService_v20200301", "1.0"),
    json("airflow-serverless", "AmazonMWAAServerless", "1.0"),
    json("aoss", "OpenSearchServerless", "1.0"),
    json("api.ecr", "AmazonEC2ContainerRegistry_V20150921", "1.1"),
    json("api.ecr-public", "SpencerFrontendService", "1.1"),
    json("api.pricing", "AWSPriceListService", "1.1"),
    json("api.sagemaker", "SageMaker", "1.1"),
    json("api.tunneling.iot", "IoTSecuredTunneling", "1.1"),
    json("application-autoscaling", "AnyScaleFrontendService", "1.1"),
    json("applicationinsights", "EC2WindowsBarleyService", "1.1"),
    json("apprunner", "AppRunner", "1.0"),
    json("appstream2", "PhotonAdminProxyService", "1.1"),
    json("arc-region-switch", "ArcRegionSwitch", "1.0"),
    json("athena", "AmazonAthena", "1.1"),
    json("autoscaling-plans", "AnyScaleScalingPlannerFrontendService", "1.1"),
    json("b2bi", "B2BI", "1.0"),
    json("backup-gateway", "BackupOnPremises_v20210101", "1.0"),
    json("bcm-dashboards", "AWSBCMDashboardsService", "1.0"),
    json("bcm-data-exports", "AWSBillingAndCostManagementDataExports", "1.1"),
    json("bcm-pricing-calculator", "AWSBCMPricingCalculator", "1.0"),
    json("bcm-recommended-actions", "AWSBillingAndCostManagementRecommendedActions", "1.0"),
    json("bedrock-data-automation-runtime", "AmazonBedrockKeystoneRuntimeService", "1.1"),
    json("billing", "AWSBilling", "1.0"),
    json("budgets", "AWSBudgetServiceGateway", "1.1"),
    json("cassandra", "KeyspacesService", "1.0"),
    json("cassandra-streams", "KeyspacesStreams", "1.0"),
    json("ce", "AWSInsightsIndexService", "1.1"),
    json("cloud9", "AWSCloud9WorkspaceManagementService", "1.1"),
    json("cloudcontrolapi", "CloudApiService", "1.0"),
    json("cloudhsm", "CloudHsmFrontendService", "1.1"),
    json("cloudhsmv2", "BaldrApiService", "1.1"),
    json("cloudtrail", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101", "1.1"),
    json("codebuild", "CodeBuild_20161006", "1.1"),
    json("codecommit", "CodeCommit_20150413", "1.1"),
    json("codeconnections", "com.amazonaws.codeconnections.CodeConnections_20231201", "1.0"),
    json("codedeploy", "CodeDeploy_20141006", "1.1"),
    json("codepipeline", "CodePipeline_20150709", "1.1"),
    json(
        "codestar-connections",
        "com.amazonaws.codestar.connections.CodeStar_connections_20191201",
        "1.0",
    ),
    json("cognito-identity", "AWSCognitoIdentityService", "1.1"),
    json("cognito-idp", "AWSCognitoIdentityProviderService", "1.1"),
    json("comprehend", "Comprehend_20171127", "1.1"),
    json("comprehendmedical", "ComprehendMedical_20181030", "1.1"),
    json("compute-optimizer", "ComputeOptimizerService", "1.0"),
    json("config", "StarlingDoveService", "1.1"),
    json("controlplane.payment-cryptography", "PaymentCryptographyControlPlane", "1.0"),
    json("cost-optimization-hub", "CostOptimizationHubService", "1.0"),
    json("cur", "AWSOrigamiServiceGatewayService", "1.1"),
    json("datapipeline", "DataPipeline", "1.1"),
    json("datasync", "FmrsService", "1.1"),
    json("dax", "AmazonDAXV3", "1.1"),
    json("devicefarm", "DeviceFarm_20150623", "1.1"),
    json("directconnect", "OvertureService", "1.1"),
    json("discovery", "AWSPoseidonService_V2015_11_01", "1.1"),
    json("dms", "AmazonDMSv20160101", "1.1"),
    json("ds", "DirectoryService_20150416", "1.1"),
    json("dynamodb", "DynamoDB_20120810", "1.0"),
    json("ec2-instance-connect", "AWSEC2InstanceConnectService", "1.1"),
    json("ecs", "AmazonEC2ContainerServiceV20141113", "1.1"),
    json("elasticmapreduce", "ElasticMapReduce", "1.1"),
    json("entitlement.marketplace", "AWSMPEntitlementService", "1.1"),
    json("events", "AWSEvents", "1.1"),
    json("evs", "AmazonElasticVMwareService", "1.0"),
    json("firehose", "Firehose_20150804", "1.1"),
    json("fms", "AWSFMS_20180101", "1.1"),
    json("forecast", "AmazonForecast", "1.1"),
    json("forecastquery", "AmazonForecastRuntime", "1.1"),
    json("frauddetector", "AWSHawksNestServiceFacade", "1.1"),
    json("freetier", "AWSFreeTierService", "1.0"),
    json("fsx", "AWSSimbaAPIService_v20180301", "1.1"),
    json("gamelift", "GameLift", "1.1"),
    json("globalaccelerator", "GlobalAccelerator_V20180706", "1.1"),
    json("glue", "AWSGlue", "1.1"),
    json("health", "AWSHealth_20160804", "1.1"),
    json("healthlake", "HealthLake", "1.0"),
    json("identitystore", "AWSIdentityStore", "1.1"),
    json("ingest.timestream", "Timestream_20181101", "1.0"),
    json("inspector", "InspectorService", "1.1"),
    json("interconnect", "Interconnect", "1.0"),
    json("invoicing", "Invoicing", "1.0"),
    json("iotfleetwise", "IoTAutobahnControlPlane", "1.0"),
    json("iotthingsgraph", "IotThingsGraphFrontEndService", "1.1"),
    json("kendra", "AWSKendraFrontendService", "1.1"),
    json("kendra-ranking", "AWSKendraRerankingFrontendService", "1.0"),
    json("kinesis", "Kinesis_20131202", "1.1"),
    json("kinesisanalytics", "KinesisAnalytics_20180523", "1.1"),
    json("kms", "TrentService", "1.1"),
    json("license-manager", "AWSLicenseManager", "1.1"),
    json("lightsail", "Lightsail_20161128", "1.1"),
    json("logs", "Logs_20140328", "1.1"),
    json("lookoutequipment", "AWSLookoutEquipmentFrontendService", "1.0"),
    json("machinelearning", "AmazonML_20141212", "1.1"),
    json("mail-manager", "MailManagerSvc", "1.0"),
    json("marketplacecommerceanalytics", "MarketplaceCommerceAnalytics20150701", "1.1"),
    json("mediastore", "MediaStore_20170901", "1.1"),
    json("memory-db", "AmazonMemoryDB", "1.1"),
    json("metering.marketplace", "AWSMPMeteringService", "1.1"),
    json("mgh", "AWSMigrationHub", "1.1"),
    json("migrationhub-config", "AWSMigrationHubMultiAccountService", "1.1"),
    json("mturk-requester", "MTurkRequesterServiceV20170117", "1.1"),
    json("network-firewall", "NetworkFirewall_20201112", "1.0"),
    json("odb", "Odb", "1.0"),
    json("organizations", "AWSOrganizationsV20161128", "1.1"),
    json("partnercentral-account", "PartnerCentralAccount", "1.0"),
    json("partnercentral-benefits", "PartnerCentralBenefitsService", "1.0"),
    json("partnercentral-channel", "PartnerCentralChannel", "1.0"),
    json("partnercentral-selling", "AWSPartnerCentralSelling", "1.0"),
    json("pcs", "AWSParallelComputingService", "1.0"),
    json("personalize", "AmazonPersonalize", "1.1"),
    json("pi", "PerformanceInsightsv20180227", "1.1"),
    json("proton", "AwsProton20200720", "1.0"),
    json("query.timestream", "Timestream_20181101", "1.0"),
    json("redshift-data", "RedshiftData", "1.1"),
    json("redshift-serverless", "RedshiftServerless", "1.1"),
    json("rekognition", "RekognitionService", "1.1"),
    json("route53-recovery-cluster", "ToggleCustomerAPI", "1.0"),
    json("route53domains", "Route53Domains_v20140515", "1.1"),
    json("route53resolver", "Route53Resolver", "1.1"),
    json("secretsmanager", "secretsmanager", "1.1"),
    json("servicecatalog", "AWS242ServiceCatalogService", "1.1"),
    json("servicediscovery", "Route53AutoNaming_v20170314", "1.1"),
    json("servicequotas", "ServiceQuotasV20190624", "1.1"),
    json("shield", "AWSShield_20160616", "1.1"),
    json("sms-voice", "PinpointSMSVoiceV2", "1.0"),
    json("snowball", "AWSIESnowballJobManagementService", "1.1"),
    json("ssm", "AmazonSSM", "1.1"),
    json("ssm-contacts", "SSMContacts", "1.1"),
    json("sso", "SWBExternalService", "1.1"),
    json("states", "AWSStepFunctions", "1.0"),
    json("storagegateway", "StorageGateway_20130630", "1.1"),
    json("streams.dynamodb", "DynamoDBStreams_20120810", "1.0"),
    json("support", "AWSSupport_20130415", "1.1"),
    json("swf", "SimpleWorkflowService", "1.0"),
    json("tagging", "ResourceGroupsTaggingAPI_20170126", "1.1"),
    json("textract", "Textract", "1.1"),
    json("timestream-influxdb", "AmazonTimestreamInfluxDB", "1.0"),
    json("transcribe", "Transcribe", "1.1"),
    json("transfer", "TransferService", "1.1"),
    json("translate", "AWSShineFrontendService_20170701", "1.1"),
    json("verifiedpermissions", "VerifiedPermissions", "1.0"),
    json("voiceid", "VoiceID", "1.0"),
    json("waf", "AWSWAF_20150824", "1.1"),
    json("waf-regional", "AWSWAF_Regional_20161128", "1.1"),
    json("wafv2", "AWSWAF_20190729", "1.1"),
    json("workmail", "WorkMailService", "1.1"),
    json("workspaces", "WorkspacesService", "1.1"),
    json("workspaces-instances", "EUCMIFrontendAPIService", "1.0"),
];

/// Sorted by name. Those that are called what their host is called are not here.
static SIGNED_AS: &[(&str, &str)] = &[
    ("a2i-runtime.sagemaker", "sagemaker"),
    ("admin.wickr", "wickr"),
    ("agreement-marketplace", "aws-marketplace"),
    ("api.detective", "detective"),
    ("api.ecr", "ecr"),
    ("api.ecr-public", "ecr-public"),
    ("api.iotdeviceadvisor", "iotdeviceadvisor"),
    ("api.iotmanagedintegrations", "iotmanagedintegrations"),
    ("api.iotwireless", "iotwireless"),
    ("api.mediatailor", "mediatailor"),
    ("api.pricing", "pricing"),
    ("api.sagemaker", "sagemaker"),
    ("api.tunneling.iot", "IoTSecuredTunneling"),
    ("appconfigdata", "appconfig"),
    ("appstream2", "appstream"),
    ("bedrock-agent", "bedrock"),
    ("bedrock-agent-runtime", "bedrock"),
    ("bedrock-agentcore-control", "bedrock-agentcore"),
    ("bedrock-data-automation", "bedrock"),
    ("bedrock-data-automation-runtime", "bedrock"),
    ("bedrock-runtime", "bedrock"),
    ("cassandra-streams", "cassandra"),
    ("catalog.marketplace", "aws-marketplace"),
    ("cloudhsmv2", "cloudhsm"),
    ("cloudsearchdomain", "cloudsearch"),
    ("contact-lens", "connect"),
    ("controlplane.payment-cryptography", "payment-cryptography"),
    ("data-ats.iot", "iotdata"),
    ("data-signer", "signer"),
    ("data.iotevents", "ioteventsdata"),
    ("data.jobs.iot", "iot-jobs-data"),
    ("data.mediastore", "mediastore"),
    ("data.qapps", "qapps"),
    ("dataplane.payment-cryptography", "payment-cryptography"),
    ("deployment-marketplace", "aws-marketplace"),
    ("discovery-marketplace", "aws-marketplace"),
    ("edge.sagemaker", "sagemaker"),
    ("email", "ses"),
    ("entitlement.marketplace", "aws-marketplace"),
    ("featurestore-runtime.sagemaker", "sagemaker"),
    ("forecastquery", "forecast"),
    ("identity-chime", "chime"),
    ("ingest.timestream", "timestream"),
    ("iotdata", "iotdata"),
    ("ivsrealtime", "ivs"),
    ("mail-manager", "ses"),
    ("media-pipelines-chime", "chime"),
    ("meetings-chime", "chime"),
    ("memory-db", "memorydb"),
    ("messaging-chime", "chime"),
    ("metering.marketplace", "aws-marketplace"),
    ("metrics.sagemaker", "sagemaker"),
    ("migrationhub-config", "mgh"),
    ("models-v2-lex", "lex"),
    ("models.lex", "lex"),
    ("oidc", "sso-oauth"),
    ("participant.connect", "execute-api"),
    ("personalize-events", "personalize"),
    ("personalize-runtime", "personalize"),
    ("pinpoint", "mobiletargeting"),
    ("portal.sso", "awsssoportal"),
    ("query.timestream", "timestream"),
    ("reporting-marketplace", "aws-marketplace"),
    ("runtime-v2-lex", "lex"),
    ("runtime.lex", "lex"),
    ("runtime.sagemaker", "sagemaker"),
    ("s3-control", "s3"),
    ("servicecatalog-appregistry", "servicecatalog"),
    ("sms-voice.pinpoint", "sms-voice"),
    ("streams.dynamodb", "dynamodb"),
    ("voice-chime", "chime"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        assert!(JSON.is_sorted_by(|a, b| a.name < b.name));
        assert!(SIGNED_AS.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn services_are_found_by_their_names() {
        for (name, signed) in [
            ("dynamodb", "dynamodb"),
            ("streams.dynamodb", "dynamodb"),
            ("email", "ses"),
            ("runtime.sagemaker", "sagemaker"),
            ("bucket.s3", "s3"),
            ("something-new", "something-new"),
        ] {
            assert_eq!(signing_name(name), signed, "{name}");
        }
        let target = |name| json_service(name).map(|it| (it.target, it.version));
        assert_eq!(target("states"), Some(("AWSStepFunctions", "1.0")));
        assert_eq!(target("events"), Some(("AWSEvents", "1.1")));
        assert_eq!(target("sqs"), None);
        assert_eq!(target("sns"), None);
    }
}
