//! EC2's security groups, rules and interfaces in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use aws_env::scripted::{Reply, Request, Script};

use super::{answer, error, parameters, sent_tags, tag_set, values};

type Tags = BTreeMap<String, String>;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) vpc_id: String,
    pub(super) description: String,
    pub(super) tags: Tags,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) group: String,
    pub(super) is_egress: bool,
    pub(super) protocol: String,
    pub(super) ports: (String, String),
    /// By the name that it has in a description of the rule.
    pub(super) peer: (String, String),
    pub(super) description: String,
    pub(super) tags: Tags,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Interface {
    pub(super) id: String,
    pub(super) group: String,
    pub(super) description: String,
    pub(super) status: String,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) groups: Vec<Group>,
    pub(super) rules: Vec<Rule>,
    pub(super) interfaces: Vec<Interface>,
    /// What the next request of an operation is answered instead.
    pub(super) faults: Vec<(&'static str, Reply)>,
    pub(super) made: usize,
}

/// A group of our VPC.
pub(super) fn group(id: &str, name: &str, tags: Tags) -> Group {
    let (vpc_id, description) = ("vpc-1".to_owned(), "Of a test".to_owned());
    Group { id: id.to_owned(), name: name.to_owned(), vpc_id, description, tags }
}

/// A rule for TCP on port 2113.
pub(super) fn rule(id: &str, group: &str, is_egress: bool, peer: (&str, &str), tags: Tags) -> Rule {
    Rule {
        id: id.to_owned(),
        group: group.to_owned(),
        is_egress,
        protocol: "tcp".to_owned(),
        ports: ("2113".to_owned(), "2113".to_owned()),
        peer: (peer.0.to_owned(), peer.1.to_owned()),
        description: "by hand".to_owned(),
        tags,
    }
}

/// The rule that lets everything out.
pub(super) fn default_egress(id: &str, group: &str, peer: (&str, &str), tags: Tags) -> Rule {
    let ports = ("-1".to_owned(), "-1".to_owned());
    Rule { protocol: "-1".to_owned(), ports, ..rule(id, group, true, peer, tags) }
}

pub(super) const IPV4: (&str, &str) = ("cidrIpv4", "0.0.0.0/0");
pub(super) const IPV6: (&str, &str) = ("cidrIpv6", "::/0");

#[derive(Clone, Default)]
pub(super) struct Cloud(Arc<Mutex<State>>);

impl Cloud {
    pub(super) fn new(state: State) -> (Self, Script) {
        let cloud = Self(Arc::new(Mutex::new(state)));
        let script = Script::new({
            let cloud = cloud.clone();
            move |request| cloud.state().answer(request)
        });
        (cloud, script)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn rules(&self) -> Vec<String> {
        self.state().rules.iter().map(|rule| rule.id.clone()).collect()
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Reply {
        let operation = request.operation.as_str();
        if let Some(fault) = self.faults.iter().position(|(of, _)| *of == operation) {
            return self.faults.remove(fault).1;
        }
        let given = parameters(request);
        let done = match operation {
            "CreateSecurityGroup" => self.create_group(&given),
            "DeleteSecurityGroup" => self.delete_group(&given["GroupId"]),
            "DescribeSecurityGroups" => self.describe_groups(&given),
            "DescribeSecurityGroupRules" => self.describe_rules(&given),
            "DescribeNetworkInterfaces" => Ok(self.describe_interfaces()),
            "DeleteNetworkInterface" => {
                self.interfaces.retain(|interface| interface.id != given["NetworkInterfaceId"]);
                Ok(String::new())
            }
            "AuthorizeSecurityGroupIngress" => self.authorize(&given, false),
            "AuthorizeSecurityGroupEgress" => self.authorize(&given, true),
            "RevokeSecurityGroupIngress" => self.revoke(&given, false),
            "RevokeSecurityGroupEgress" => self.revoke(&given, true),
            "ModifySecurityGroupRules" => self.modify(&given),
            "CreateTags" => self.tag(&given),
            other => panic!("{other} is not expected"),
        };
        match done {
            Ok(inside) => answer(operation, &inside),
            Err(code) => error(code, "so says the test"),
        }
    }

    fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}-new{}", self.made)
    }

    fn create_group(&mut self, given: &Tags) -> Result<String, &'static str> {
        let twin = |group: &&Group| group.name == given["GroupName"] && group.vpc_id == given["VpcId"];
        if self.groups.iter().find(twin).is_some() {
            return Err("InvalidGroup.Duplicate");
        }
        let id = self.id("sg");
        self.groups.push(Group {
            id: id.clone(),
            name: given["GroupName"].clone(),
            vpc_id: given["VpcId"].clone(),
            description: given["GroupDescription"].clone(),
            tags: sent_tags(given, "TagSpecification.1."),
        });
        for peer in [IPV4, IPV6] {
            let rule_id = self.id("sgr");
            self.rules.push(default_egress(&rule_id, &id, peer, Tags::new()));
        }
        Ok(format!("<groupId>{id}</groupId>"))
    }

    fn delete_group(&mut self, id: &str) -> Result<String, &'static str> {
        if self.groups.iter().all(|group| group.id != id) {
            return Err("InvalidGroup.NotFound");
        }
        let refers = |rule: &Rule| rule.peer.1 == id && rule.group != id;
        if self.rules.iter().any(refers) || self.interfaces.iter().any(|interface| interface.group == id) {
            return Err("DependencyViolation");
        }
        self.groups.retain(|group| group.id != id);
        self.rules.retain(|rule| rule.group != id);
        Ok(String::new())
    }

    fn describe_groups(&self, given: &Tags) -> Result<String, &'static str> {
        let ids = values(given, "GroupId");
        if ids.iter().any(|id| self.groups.iter().all(|group| group.id != *id)) {
            return Err("InvalidGroup.NotFound");
        }
        let shown = self.groups.iter().filter(|group| {
            (ids.is_empty() || ids.contains(&group.id))
                && passes(given, "group-id", &group.id)
                && passes(given, "group-name", &group.name)
                && passes(given, "vpc-id", &group.vpc_id)
        });
        let items: String = shown.map(|group| self.describe_group(group)).collect();
        Ok(format!("<securityGroupInfo>{items}</securityGroupInfo>"))
    }

    fn describe_group(&self, group: &Group) -> String {
        let Group { id, name, vpc_id, description, tags } = group;
        let permission = |rule: &Rule| {
            let range = match rule.peer.0.as_str() {
                "cidrIpv4" => format!("<ipRanges><item><cidrIp>{}</cidrIp></item></ipRanges>", rule.peer.1),
                _ => format!("<ipv6Ranges><item><cidrIpv6>{}</cidrIpv6></item></ipv6Ranges>", rule.peer.1),
            };
            format!("<item><ipProtocol>{}</ipProtocol>{range}</item>", rule.protocol)
        };
        let of_group = self.rules.iter().filter(|rule| rule.group == *id && rule.is_egress);
        let egress: String =
            of_group.filter(|rule| rule.peer.0.starts_with("cidr")).map(permission).collect();
        format!(
            "<item><groupId>{id}</groupId><groupName>{name}</groupName><vpcId>{vpc_id}</vpcId>\
             <groupDescription>{description}</groupDescription>\
             <ipPermissionsEgress>{egress}</ipPermissionsEgress>{}</item>",
            tag_set(tags)
        )
    }

    fn describe_rules(&self, given: &Tags) -> Result<String, &'static str> {
        let ids = values(given, "SecurityGroupRuleId");
        if ids.iter().any(|id| self.rules.iter().all(|rule| rule.id != *id)) {
            return Err("InvalidSecurityGroupRuleId.NotFound");
        }
        let tag = |rule: &Rule, name: &str| rule.tags.get(name).cloned().unwrap_or_default();
        let shown = self.rules.iter().filter(|rule| {
            (ids.is_empty() || ids.contains(&rule.id))
                && passes(given, "group-id", &rule.group)
                && ["headwater:project", "headwater:env"]
                    .iter()
                    .all(|name| passes(given, &format!("tag:{name}"), &tag(rule, name)))
        });
        Ok(rule_set(shown))
    }

    fn describe_interfaces(&self) -> String {
        let item = |Interface { id, group, description, status }: &Interface| {
            format!(
                "<item><networkInterfaceId>{id}</networkInterfaceId><description>{description}</description>\
                 <status>{status}</status><groupSet><item><groupId>{group}</groupId></item></groupSet></item>"
            )
        };
        let items: String = self.interfaces.iter().map(item).collect();
        format!("<networkInterfaceSet>{items}</networkInterfaceSet>")
    }

    fn authorize(&mut self, given: &Tags, is_egress: bool) -> Result<String, &'static str> {
        let of = |name: &str| given.get(&format!("IpPermissions.1.{name}")).cloned();
        if self.groups.iter().all(|group| group.id != given["GroupId"]) {
            return Err("InvalidGroup.NotFound");
        }
        let peers = [
            ("group", "Groups.1.GroupId", "Groups.1.Description"),
            ("cidrIpv4", "IpRanges.1.CidrIp", "IpRanges.1.Description"),
            ("cidrIpv6", "Ipv6Ranges.1.CidrIpv6", "Ipv6Ranges.1.Description"),
            ("prefixListId", "PrefixListIds.1.PrefixListId", "PrefixListIds.1.Description"),
        ];
        let mut sent = peers.iter().filter_map(|(name, peer, text)| Some((*name, of(peer)?, of(text)?)));
        let (name, peer, description) = sent.next().unwrap();
        assert_eq!(sent.next(), None, "one permission has one peer");
        let mut rule = rule("", &given["GroupId"], is_egress, (name, &peer), Tags::new());
        rule.protocol = of("IpProtocol").unwrap();
        rule.ports = (of("FromPort").unwrap(), of("ToPort").unwrap());
        let same = |other: &Rule| {
            let Rule { id, description, tags, .. } = other.clone();
            *other == Rule { id, description, tags, ..rule.clone() }
        };
        if self.rules.iter().any(same) {
            return Err("InvalidPermission.Duplicate");
        }
        let id = self.id("sgr");
        self.rules.push(Rule { id, description, tags: sent_tags(given, "TagSpecification.1."), ..rule });
        Ok(rule_set(self.rules.last()))
    }

    fn revoke(&mut self, given: &Tags, is_egress: bool) -> Result<String, &'static str> {
        let ids = values(given, "SecurityGroupRuleId");
        let is_meant = |rule: &Rule| {
            ids.contains(&rule.id) && rule.group == given["GroupId"] && rule.is_egress == is_egress
        };
        if self.rules.iter().filter(|rule| is_meant(rule)).count() < ids.len() {
            return Err("InvalidSecurityGroupRuleId.NotFound");
        }
        self.rules.retain(|rule| !is_meant(rule));
        Ok(String::new())
    }

    fn modify(&mut self, given: &Tags) -> Result<String, &'static str> {
        let id = &given["SecurityGroupRule.1.SecurityGroupRuleId"];
        let rule = self.rules.iter_mut().find(|rule| rule.id == *id);
        let rule = rule.ok_or("InvalidSecurityGroupRuleId.NotFound")?;
        rule.description = given["SecurityGroupRule.1.SecurityGroupRule.Description"].clone();
        Ok(String::new())
    }

    fn tag(&mut self, given: &Tags) -> Result<String, &'static str> {
        let id = &given["ResourceId.1"];
        let groups = self.groups.iter_mut().map(|group| (&group.id, &mut group.tags));
        let rules = self.rules.iter_mut().map(|rule| (&rule.id, &mut rule.tags));
        let (_, tags) = groups.chain(rules).find(|(of, _)| *of == id).ok_or("InvalidID.NotFound")?;
        tags.extend(sent_tags(given, ""));
        Ok(String::new())
    }
}

/// Whether a value passes the filter of that name, where the request has one.
fn passes(given: &Tags, name: &str, value: &str) -> bool {
    let named = |n: &usize| given.get(&format!("Filter.{n}.Name")).map(String::as_str) == Some(name);
    (1..5)
        .find(named)
        .is_none_or(|n| values(given, &format!("Filter.{n}.Value")).iter().any(|one| one == value))
}

fn rule_set<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> String {
    let item = |rule: &Rule| {
        let Rule { id, group, is_egress, protocol, ports: (from, to), peer, description, tags } = rule;
        let peer = match peer.0.as_str() {
            "group" => format!("<referencedGroupInfo><groupId>{}</groupId></referencedGroupInfo>", peer.1),
            name => format!("<{name}>{}</{name}>", peer.1),
        };
        format!(
            "<item><securityGroupRuleId>{id}</securityGroupRuleId><groupId>{group}</groupId>\
             <isEgress>{is_egress}</isEgress><ipProtocol>{protocol}</ipProtocol><fromPort>{from}</fromPort>\
             <toPort>{to}</toPort>{peer}<description>{description}</description>{}</item>",
            tag_set(tags)
        )
    };
    let items: String = rules.into_iter().map(item).collect();
    format!("<securityGroupRuleSet>{items}</securityGroupRuleSet>")
}
