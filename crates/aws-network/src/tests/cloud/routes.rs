//! Routes and associations of the small EC2's route tables.

use std::collections::BTreeMap;

use aws_env::scripted::Reply;

use super::{Ec2, Thing, answer, error, lower_first};

impl Ec2 {
    pub(super) fn change_routes(&mut self, operation: &str, given: &BTreeMap<String, String>) -> Reply {
        let association = format!("rtbassoc-{}", self.made);
        self.made += 1;
        if let Some(old) = given.get("AssociationId") {
            let mut subnet = None;
            for table in &mut self.things {
                table.list("associationSet").retain(|one| {
                    let found = one["routeTableAssociationId"] == *old;
                    if found {
                        subnet = one.get("subnetId").cloned();
                    }
                    !found
                });
            }
            let Some(subnet) = subnet else { return error("InvalidAssociationID.NotFound", "gone") };
            if operation == "ReplaceRouteTableAssociation" {
                self.associate(&given["RouteTableId"], &subnet, association);
            }
            return answer(operation, "<return>true</return>");
        }
        let table = &given["RouteTableId"];
        if operation == "AssociateRouteTable" {
            let subnet = &given["SubnetId"];
            let follows = |thing: &Thing| {
                thing
                    .lists
                    .get("associationSet")
                    .is_some_and(|all| all.iter().any(|one| one.get("subnetId") == Some(subnet)))
            };
            if self.things.iter().any(follows) {
                return error("Resource.AlreadyAssociated", "the subnet has a route table already");
            }
            self.associate(table, subnet, association);
            return answer(operation, "<return>true</return>");
        }
        let routes = self.things.iter_mut().find(|thing| thing.id == *table).unwrap().list("routeSet");
        let destination =
            given.get("DestinationCidrBlock").unwrap_or_else(|| &given["DestinationIpv6CidrBlock"]);
        let there = routes.iter().position(|route| route.values().any(|value| value == destination));
        match (operation, there) {
            ("CreateRoute", Some(_)) => return error("RouteAlreadyExists", "there is a route already"),
            ("ReplaceRoute" | "DeleteRoute", None) => return error("InvalidRoute.NotFound", "no route"),
            ("DeleteRoute", Some(place)) => drop(routes.remove(place)),
            (_, there) => {
                there.map(|place| routes.remove(place));
                let mut route = BTreeMap::from([("origin".to_owned(), "CreateRoute".to_owned())]);
                for (name, value) in
                    given.iter().filter(|(name, _)| name.ends_with("Block") || name.ends_with("GatewayId"))
                {
                    route.insert(lower_first(name), value.clone());
                }
                routes.push(route);
            }
        }
        answer(operation, "<return>true</return>")
    }

    fn associate(&mut self, table: &str, subnet: &str, id: String) {
        let thing = self.things.iter_mut().find(|thing| thing.id == table).unwrap();
        thing.list("associationSet").push(BTreeMap::from([
            ("routeTableAssociationId".to_owned(), id),
            ("routeTableId".to_owned(), table.to_owned()),
            ("subnetId".to_owned(), subnet.to_owned()),
        ]));
    }
}
