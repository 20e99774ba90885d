//! Of each family, resources whose life calls what the family may call, and how they are changed in between.

use end_to_end::DEFAULTS;

/// A family, and resources of it.
pub(crate) struct Case {
    /// The family's kind.
    pub(crate) kind: &'static str,
    /// The resources, in the order in which they are made.
    pub(crate) subjects: &'static [&'static str],
    /// What else has to be there.
    pub(crate) besides: &'static [&'static str],
    /// Whether it is about lease and history, not about the family.
    pub(crate) lease: bool,
    /// Whether somebody takes the boundary from the role before it is changed.
    pub(crate) unbound: bool,
    /// The configuration.
    pub(crate) knobs: &'static str,
    /// What the code wants of them next, one version after the other: key, field, value.
    pub(crate) updates: &'static [&'static [(&'static str, &'static str, &'static str)]],
}

const fn case(kind: &'static str, subjects: &'static [&'static str]) -> Case {
    Case { kind, subjects, besides: &[], lease: false, unbound: false, knobs: DEFAULTS, updates: &[] }
}

impl Case {
    const fn then(self, updates: &'static [&'static [(&'static str, &'static str, &'static str)]]) -> Self {
        Self { updates, ..self }
    }

    const fn nat(self) -> Self {
        Self { knobs: "[environments.local.network]\negress = \"nat\"\n", ..self }
    }

    const fn with(self, besides: &'static [&'static str]) -> Self {
        Self { besides, ..self }
    }
}

pub(crate) const CASES: &[Case] = &[
    case("AWS::ECS::Service", &["eventstore/service"]).then(&[&[(
        "eventstore/service",
        "/enableEcsManagedTags",
        "false",
    )]]),
    case("AWS::Lambda::EventSourceMapping", &["ingest/event-source-mapping"]).then(&[&[(
        "ingest/event-source-mapping",
        "/batchSize",
        "5",
    )]]),
    case("AWS::Lambda::Function", &["ingest/function"]).then(&[
        &[
            ("ingest/function", "/memorySizeMiB", "512"),
            ("ingest/function", "/reservedConcurrentExecutions", "3"),
        ],
        &[("ingest/function", "/reservedConcurrentExecutions", "null")],
        &[("ingest/function", "/codeSha256", "\"{relay}\"")],
    ]),
    case("AWS::EFS::MountTarget", &["stateful/file-system-mount-targets"])
        .with(&["relay/security-group"])
        .then(&[&[(
            "stateful/file-system-mount-targets",
            "/securityGroupIds",
            "[\"${relay/security-group}\"]",
        )]]),
    case("AWS::Backup::BackupPlan", &["stateful/backup-plan"]).then(&[
        &[("stateful/backup-plan", "/rule/deleteAfterDays", "40")],
        &[("stateful/backup-plan", "/selection/name", "\"other\"")],
    ]),
    case("AWS::ECS::TaskDefinition", &["eventstore/task-definition"]).then(&[&[(
        "eventstore/task-definition",
        "/memoryMib",
        "8192",
    )]]),
    case("AWS::EC2::NatGateway", &["network/nat-gateway"]).nat(),
    case("AWS::EC2::RouteTable", &["network/private-route-table"])
        .nat()
        .with(&["network/internet-gateway", "network/public-route-table", "stateful/public-subnet-1"])
        .then(&[
            &[("network/private-route-table", "/routes", "{\"0.0.0.0/0\": \"${network/internet-gateway}\"}")],
            &[
                ("network/private-route-table", "/routes", "{}"),
                (
                    "network/private-route-table",
                    "/subnetIds",
                    "[\"${stateful/private-subnet-1}\", \"${stateful/public-subnet-1}\"]",
                ),
            ],
        ]),
    case("AWS::EC2::VPCEndpoint", &["network/sqs-endpoint"]).then(&[&[(
        "network/sqs-endpoint",
        "/privateDnsEnabled",
        "false",
    )]]),
    case("AWS::EC2::SecurityGroupEgress", &["relay/relay-to-endpoints-443-egress"]).then(&[&[(
        "relay/relay-to-endpoints-443-egress",
        "/description",
        "\"other\"",
    )]]),
    case("AWS::EC2::SecurityGroupIngress", &["relay/relay-to-endpoints-443-ingress"]).then(&[&[(
        "relay/relay-to-endpoints-443-ingress",
        "/description",
        "\"other\"",
    )]]),
    case("AWS::EC2::SecurityGroup", &["relay/security-group"]),
    case("AWS::EC2::Subnet", &["stateful/public-subnet-1"]).then(&[&[(
        "stateful/public-subnet-1",
        "/mapPublicIpOnLaunch",
        "true",
    )]]),
    case("AWS::EC2::InternetGateway", &["network/internet-gateway"]),
    case("AWS::EC2::EIP", &["network/nat-address"]).nat(),
    case("AWS::EC2::VPC", &["stateful/vpc"]).then(&[&[("stateful/vpc", "/enableDnsHostnames", "false")]]),
    case("AWS::ServiceDiscovery::Service", &["eventstore/discovery"]).then(&[&[(
        "eventstore/discovery",
        "/description",
        "\"other\"",
    )]]),
    case("AWS::ServiceDiscovery::PrivateDnsNamespace", &["eventstore/namespace"]).then(&[&[(
        "eventstore/namespace",
        "/description",
        "\"other\"",
    )]]),
    case("AWS::EFS::AccessPoint", &["stateful/data-access-point"]),
    case("AWS::EFS::FileSystem", &["stateful/file-system"]).then(&[
        &[
            ("stateful/file-system", "/throughputMode", "\"bursting\""),
            ("stateful/file-system", "/transitionToInfrequentAccess", "\"AFTER_30_DAYS\""),
        ],
        &[("stateful/file-system", "/policy", "null"), ("stateful/file-system", "/automaticBackups", "true")],
    ]),
    case("AWS::ECS::Cluster", &["eventstore/cluster"]).then(&[&[(
        "eventstore/cluster",
        "/containerInsights",
        "\"disabled\"",
    )]]),
    case("AWS::DynamoDB::Table", &["stateful/journal"]).then(&[
        &[
            ("stateful/journal", "/timeToLiveAttributeName", "\"Until\""),
            ("stateful/journal", "/deletionProtectionEnabled", "false"),
        ],
        &[("stateful/journal", "/pointInTimeRecovery", "null")],
    ]),
    Case { lease: true, ..case("AWS::DynamoDB::Table", &["deployments/table"]) },
    case("AWS::SecretsManager::Secret", &["stateful/eventstore-certificate", "stateful/eventstore-trust"])
        .then(&[&[
            ("stateful/eventstore-trust", "/description", "\"other\""),
            ("stateful/eventstore-certificate", "/content/certificate/names", "[\"localhost\"]"),
        ]]),
    Case { unbound: true, ..case("AWS::IAM::Role", &["ingest/role"]) }.then(&[
        &[
            ("ingest/role", "/description", "\"other\""),
            ("ingest/role", "/managedPolicyArns", "[\"arn:aws:iam::aws:policy/ReadOnlyAccess\"]"),
        ],
        &[
            ("ingest/role", "/policies", "{}"),
            (
                "ingest/role",
                "/assumeRolePolicyDocument/Statement/0/Principal/Service/0",
                "\"ecs-tasks.amazonaws.com\"",
            ),
        ],
    ]),
    case("AWS::IAM::ServiceLinkedRole", &["stateful/ecs-service-linked-role"]),
    case("AWS::SQS::Queue", &["stateful/dead-letter-queue"]).then(&[&[(
        "stateful/dead-letter-queue",
        "/delaySeconds",
        "1",
    )]]),
    case("AWS::SNS::Topic", &["alarms/topic"]).then(&[
        &[
            ("alarms/topic", "/emailAddresses", "[\"ops@example.com\"]"),
            ("alarms/topic", "/kmsMasterKeyId", "\"alias/other\""),
        ],
        &[("alarms/topic", "/emailAddresses", "[]")],
    ]),
    case("AWS::CloudWatch::Alarm", &["alarms/dead-letters-alarm"]).then(&[&[(
        "alarms/dead-letters-alarm",
        "/threshold",
        "3.0",
    )]]),
    case("AWS::CloudWatch::Dashboard", &["alarms/dashboard"]),
    case("AWS::Logs::LogGroup", &["ingest/log-group"]).then(&[&[(
        "ingest/log-group",
        "/retentionInDays",
        "null",
    )]]),
    case("AWS::Logs::MetricFilter", &["alarms/eventstore-errors"]).then(&[&[(
        "alarms/eventstore-errors",
        "/filterPattern",
        "\"ERROR\"",
    )]]),
    case("AWS::Backup::BackupVault", &["stateful/backup-vault"]),
];
