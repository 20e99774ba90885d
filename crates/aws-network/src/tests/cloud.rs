//! A small EC2 in memory: it keeps what is made, and answers with a fault where one is due. It knows no filters, so a
//! family that relied on them alone would take others' resources for its own.

mod routes;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use aws_env::scripted::{Reply, Request, Script};
use percent_encoding::percent_decode_str;

/// A resource: its fields, and its lists of items with fields of their own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Thing {
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) lists: BTreeMap<&'static str, Vec<BTreeMap<String, String>>>,
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Default)]
pub(crate) struct Ec2 {
    pub(crate) things: Vec<Thing>,
    /// Answered once each, in this order for each operation.
    pub(crate) faults: Vec<(&'static str, Reply)>,
    /// Operations that take effect, once each, without that anybody hears of it.
    pub(crate) lost: Vec<&'static str>,
    /// How many more listings show what is made or deleted slowly as it was.
    pub(crate) busy: u32,
    pub(crate) made: u32,
}

/// Kind, the list that describes it, the field with its id, the prefix of its ids, and the error where it is not there.
const KINDS: [(&str, &str, &str, &str, &str); 7] = [
    ("Vpc", "vpcSet", "vpcId", "vpc", "InvalidVpcID.NotFound"),
    ("Subnet", "subnetSet", "subnetId", "subnet", "InvalidSubnetID.NotFound"),
    (
        "InternetGateway",
        "internetGatewaySet",
        "internetGatewayId",
        "igw",
        "InvalidInternetGatewayID.NotFound",
    ),
    ("RouteTable", "routeTableSet", "routeTableId", "rtb", "InvalidRouteTableID.NotFound"),
    ("Address", "addressesSet", "allocationId", "eipalloc", "InvalidAllocationID.NotFound"),
    ("NatGateway", "natGatewaySet", "natGatewayId", "nat", "NatGatewayNotFound"),
    (
        "NetworkInterface",
        "networkInterfaceSet",
        "networkInterfaceId",
        "eni",
        "InvalidNetworkInterfaceID.NotFound",
    ),
];

pub(crate) fn error(code: &str, message: &str) -> Reply {
    let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    Reply::xml(400, format!("<Response><Errors>{error}</Errors><RequestID>0</RequestID></Response>"))
}

pub(crate) fn depended_on() -> Reply {
    error("DependencyViolation", "The resource has dependencies and cannot be deleted.")
}

/// A response of this operation with this inside.
pub(crate) fn answer(operation: &str, inside: &str) -> Reply {
    Reply::xml(200, format!("<{operation}Response>{inside}</{operation}Response>"))
}

/// The parameters of a request.
pub(crate) fn parameters(request: &Request) -> BTreeMap<String, String> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let pairs = request.body.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

/// The calls that change something.
pub(crate) fn mutations(script: &Script) -> Vec<String> {
    script.operations().into_iter().filter(|operation| !operation.starts_with("Describe")).collect()
}

impl Thing {
    pub(crate) fn new(kind: &'static str, id: &str, fields: &[(&str, &str)]) -> Self {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { kind, id: id.to_owned(), fields: fields.collect(), ..Self::default() }
    }

    pub(crate) fn tagged(self, tags: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { tags: tags.into_iter().collect(), ..self }
    }

    pub(crate) fn with(mut self, list: &'static str, item: &[(&str, &str)]) -> Self {
        let item = item.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.lists.entry(list).or_default().push(item.collect());
        self
    }

    fn xml(&self) -> String {
        let lists = self.lists.iter().map(|(name, items)| {
            let items: String = items.iter().map(|item| format!("<item>{}</item>", fields(item))).collect();
            format!("<{name}>{items}</{name}>")
        });
        let tags = self
            .tags
            .iter()
            .map(|(key, value)| format!("<item><key>{key}</key><value>{value}</value></item>"));
        let id = kind(self.kind).2;
        format!(
            "<{id}>{}</{id}>{}{}<tagSet>{}</tagSet>",
            self.id,
            fields(&self.fields),
            lists.collect::<String>(),
            tags.collect::<String>()
        )
    }

    fn list(&mut self, name: &'static str) -> &mut Vec<BTreeMap<String, String>> {
        self.lists.entry(name).or_default()
    }
}

fn fields(fields: &BTreeMap<String, String>) -> String {
    fields.iter().map(|(name, value)| format!("<{name}>{value}</{name}>")).collect()
}

fn kind(name: &str) -> (&'static str, &'static str, &'static str, &'static str, &'static str) {
    *KINDS.iter().find(|kind| kind.0 == name).unwrap()
}

fn lower_first(text: &str) -> String {
    format!("{}{}", text[..1].to_lowercase(), &text[1..])
}

impl Ec2 {
    pub(crate) fn with(things: impl IntoIterator<Item = Thing>) -> Self {
        Self { things: things.into_iter().collect(), ..Self::default() }
    }

    pub(crate) fn failing(mut self, faults: impl IntoIterator<Item = (&'static str, Reply)>) -> Self {
        self.faults.extend(faults);
        self
    }

    pub(crate) fn script(self) -> (Script, Arc<Mutex<Self>>) {
        let state = Arc::new(Mutex::new(self));
        let answering = Arc::clone(&state);
        (Script::new(move |request| answering.lock().unwrap().meet(request)), state)
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Thing> {
        self.things.iter().find(|thing| thing.id == id)
    }

    fn meet(&mut self, request: &Request) -> Reply {
        let lost = self.lost.iter().position(|operation| *operation == request.operation);
        let reply = self.answer(request);
        match lost {
            Some(place) => {
                self.lost.remove(place);
                Reply::reset()
            }
            None => reply,
        }
    }

    fn answer(&mut self, request: &Request) -> Reply {
        let operation = request.operation.as_str();
        if let Some(place) = self.faults.iter().position(|fault| fault.0 == operation) {
            return self.faults.remove(place).1;
        }
        let given = parameters(request);
        let plural = |name: &str| if name == "Address" { "Addresses".to_owned() } else { format!("{name}s") };
        for (name, set, id, ..) in KINDS {
            if operation == format!("Describe{}", plural(name)) {
                return self.describe(operation, name, set);
            }
            if operation == format!("Create{name}") || (name == "Address" && operation == "AllocateAddress") {
                return self.create(operation, name, &given);
            }
            if operation == format!("Delete{name}") || (name == "Address" && operation == "ReleaseAddress") {
                let id = &given[&format!("{}{}", id[..1].to_uppercase(), &id[1..])];
                return self.delete(operation, name, id);
            }
        }
        self.change(operation, &given)
    }

    fn describe(&mut self, operation: &str, name: &str, set: &str) -> Reply {
        let listed = self.things.iter().filter(|thing| thing.kind == name);
        let items: String = listed.map(|thing| format!("<item>{}</item>", thing.xml())).collect();
        self.busy = self.busy.saturating_sub(1);
        if self.busy == 0 {
            for thing in self.things.iter_mut().filter(|thing| thing.kind == "NatGateway") {
                let state = thing.fields.get_mut("state").unwrap();
                match state.as_str() {
                    "pending" => *state = "available".to_owned(),
                    "deleting" => *state = "deleted".to_owned(),
                    _ => {}
                }
            }
        }
        answer(operation, &format!("<{set}>{items}</{set}>"))
    }

    fn create(&mut self, operation: &str, name: &'static str, given: &BTreeMap<String, String>) -> Reply {
        self.made += 1;
        let mut thing =
            Thing { kind: name, id: format!("{}-{}", kind(name).3, self.made), ..Thing::default() };
        let state = if name == "NatGateway" && self.busy > 0 { "pending" } else { "available" };
        thing.fields.insert("state".to_owned(), state.to_owned());
        for (parameter, value) in given {
            match parameter.as_str() {
                "AllocationId" => {
                    let item = BTreeMap::from([("allocationId".to_owned(), value.clone())]);
                    thing.list("natGatewayAddressSet").push(item);
                }
                "VpcId" | "CidrBlock" | "AvailabilityZone" | "SubnetId" => {
                    thing.fields.insert(lower_first(parameter), value.clone());
                }
                tag if tag.starts_with("TagSpecification.1.Tag.") && tag.ends_with("Key") => {
                    thing.tags.insert(value.clone(), given[&tag.replace("Key", "Value")].clone());
                }
                _ => {}
            }
        }
        match name {
            "Address" => {
                thing.fields.insert("publicIp".to_owned(), "192.0.2.1".to_owned());
            }
            "RouteTable" => {
                thing = thing.with(
                    "routeSet",
                    &[
                        ("destinationCidrBlock", "10.0.0.0/16"),
                        ("gatewayId", "local"),
                        ("origin", "CreateRouteTable"),
                    ],
                );
            }
            _ => {}
        }
        let element = lower_first(name);
        let xml = thing.xml();
        let xml = if name == "Address" { xml } else { format!("<{element}>{xml}</{element}>") };
        self.things.push(thing);
        answer(operation, &xml)
    }

    fn delete(&mut self, operation: &str, name: &str, id: &str) -> Reply {
        let Some(place) = self.things.iter().position(|thing| thing.id == id) else {
            return error(kind(name).4, &format!("{id} does not exist"));
        };
        if name == "NatGateway" {
            self.things[place].fields.insert("state".to_owned(), "deleting".to_owned());
        } else {
            self.things.remove(place);
        }
        answer(operation, "<return>true</return>")
    }

    fn change(&mut self, operation: &str, given: &BTreeMap<String, String>) -> Reply {
        match operation {
            "CreateTags" => {
                let id = &given["ResourceId.1"];
                let thing = self.things.iter_mut().find(|thing| thing.id == *id).unwrap();
                for (name, key) in
                    given.iter().filter(|(name, _)| name.starts_with("Tag.") && name.ends_with("Key"))
                {
                    thing.tags.insert(key.clone(), given[&name.replace("Key", "Value")].clone());
                }
            }
            "DescribeAvailabilityZones" => {
                let zone = |name| format!("<item><zoneName>eu-west-1{name}</zoneName></item>");
                let zones: String = ["c", "a", "d"].map(zone).concat();
                return answer(operation, &format!("<availabilityZoneInfo>{zones}</availabilityZoneInfo>"));
            }
            "DescribeVpcAttribute" => {
                let Some(vpc) = self.get(&given["VpcId"]) else {
                    return error("InvalidVpcID.NotFound", "gone");
                };
                let name = &given["Attribute"];
                let default = (name == "enableDnsSupport").to_string();
                let value = vpc.fields.get(name).unwrap_or(&default);
                return answer(operation, &format!("<{name}><value>{value}</value></{name}>"));
            }
            "ModifyVpcAttribute" | "ModifySubnetAttribute" => {
                let id = given.get("VpcId").unwrap_or_else(|| &given["SubnetId"]);
                let (name, value) = given
                    .iter()
                    .find_map(|(name, value)| Some((name.strip_suffix(".Value")?, value)))
                    .unwrap();
                let thing = self.things.iter_mut().find(|thing| thing.id == *id).unwrap();
                thing.fields.insert(lower_first(name), value.clone());
            }
            "AttachInternetGateway" | "DetachInternetGateway" => {
                let gateway = &given["InternetGatewayId"];
                let attached = self.things.iter_mut().find(|thing| thing.id == *gateway).unwrap();
                let attached = attached.list("attachmentSet");
                match (operation, attached.first().map(|to| to["vpcId"].clone())) {
                    ("AttachInternetGateway", Some(to)) => {
                        let text = format!("resource {gateway} is already attached to network {to}");
                        return error("Resource.AlreadyAssociated", &text);
                    }
                    ("AttachInternetGateway", None) => attached.push(BTreeMap::from([
                        ("vpcId".to_owned(), given["VpcId"].clone()),
                        ("state".to_owned(), "available".to_owned()),
                    ])),
                    (_, None) => return error("Gateway.NotAttached", "not attached"),
                    (_, Some(_)) => attached.clear(),
                }
            }
            _ => return self.change_routes(operation, given),
        }
        answer(operation, "<return>true</return>")
    }
}
