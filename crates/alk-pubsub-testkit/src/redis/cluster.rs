//! A cluster of three masters, each with a replica.

use super::process::{Server, free_port, wait_until};
use super::resp::Reply;

const SLOTS: u16 = 16_384;

/// Six servers that are a cluster: three masters with a replica each.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    /// Starts one that notices a dead node after a second, and waits until it is whole.
    #[must_use]
    pub fn start() -> Self {
        let nodes: Vec<(Server, u16)> = (0..6).map(|_| node()).collect();
        for (number, (node, _)) in (1..).zip(&nodes) {
            node.tell(&["CLUSTER", "SET-CONFIG-EPOCH", &i32::to_string(&number)]);
        }
        for (number, (master, _)) in (0..).zip(&nodes[..3]) {
            let from = SLOTS / 3 * number;
            let to = if number == 2 { SLOTS - 1 } else { SLOTS / 3 * (number + 1) - 1 };
            master.tell(&["CLUSTER", "ADDSLOTSRANGE", &from.to_string(), &to.to_string()]);
        }
        for (node, bus) in &nodes[1..] {
            let (port, bus) = (node.port().to_string(), bus.to_string());
            nodes[0].0.tell(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        let nodes: Vec<_> = nodes.into_iter().map(|(node, _)| node).collect();
        wait_until("all nodes know each other", || {
            nodes.iter().all(|node| {
                let known = node.command(&["CLUSTER", "NODES"]).text();
                known.lines().count() == 6 && !known.contains("handshake")
            })
        });
        let cluster = Self { nodes };
        for number in 0..3 {
            let master = cluster.id(number);
            cluster.nodes[number + 3].tell(&["CLUSTER", "REPLICATE", &master]);
        }
        cluster.wait_until_whole();
        cluster
    }

    /// Waits until all slots are served, all replicas that run follow, and all nodes that run are linked with each other,
    /// without which a message that is published at one does not reach the others.
    pub fn wait_until_whole(&self) {
        wait_until("the cluster is whole", || {
            let ids: Vec<_> = self.running().map(|node| node.command(&["CLUSTER", "MYID"]).text()).collect();
            self.running().zip(&ids).all(|(node, id)| {
                let replication = node.command(&["INFO", "replication"]).text();
                node.command(&["CLUSTER", "INFO"]).text().contains("cluster_state:ok")
                    && (replication.contains("role:master") || replication.contains("master_link_status:up"))
                    && is_linked_with(node, ids.iter().filter(|other| *other != id))
            }) && self.owners_agree()
        });
    }

    fn owners_agree(&self) -> bool {
        let owners = |node: &Server| {
            let mut owners = slots(node);
            owners.sort_unstable();
            owners
        };
        let mut all = self.running().map(owners);
        all.next().is_some_and(|first| all.all(|other| other == first))
    }

    fn running(&self) -> impl Iterator<Item = &Server> {
        self.nodes.iter().filter(|node| node.pid().is_some())
    }

    /// All nodes; the first three began as masters, and the others as their replicas, in this order.
    #[must_use]
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// The id that a node has in the cluster.
    #[must_use]
    pub fn id(&self, node: usize) -> String {
        self.nodes[node].command(&["CLUSTER", "MYID"]).text()
    }

    /// The node that has a slot now.
    #[must_use]
    pub fn owner(&self, slot: u16) -> usize {
        let node = self.running().next().expect("a node runs");
        let found = slots(node).into_iter().find(|(from, to, _)| (*from..=*to).contains(&i64::from(slot)));
        let (_, _, port) = found.expect("all slots are served");
        self.nodes.iter().position(|node| i64::from(node.port()) == port).expect("it is one of ours")
    }

    /// Gives a slot, which has no keys, to another master.
    pub fn move_slot(&self, slot: u16, to: usize) {
        let (from, slot) = (self.owner(slot), slot.to_string());
        let (from_id, to_id) = (self.id(from), self.id(to));
        self.nodes[to].tell(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]);
        self.nodes[from].tell(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
        // The new owner is told first, so that there always is one.
        for node in std::iter::once(to).chain((0..6).filter(|node| *node != to)) {
            let _ = self.nodes[node].command(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]);
        }
        self.wait_until_whole();
    }

    /// Gives all slots of a master, which have no keys, to another.
    pub fn move_all_slots(&self, from: usize, to: usize) {
        let port = i64::from(self.nodes[from].port());
        let ranges = slots(&self.nodes[from]).into_iter().filter(|(_, _, owner)| *owner == port);
        let moving: Vec<_> =
            ranges.flat_map(|(from, to, _)| from..=to).map(|slot| slot.to_string()).collect();
        let (from_id, to_id) = (self.id(from), self.id(to));
        // Who imports a slot gets the right to claim it.
        let importing: Vec<_> =
            moving.iter().map(|slot| ["CLUSTER", "SETSLOT", slot, "IMPORTING", &from_id]).collect();
        self.nodes[to].tell_all(importing.iter().map(|command| &command[..]));
        let commands: Vec<_> =
            moving.iter().map(|slot| ["CLUSTER", "SETSLOT", slot, "NODE", &to_id]).collect();
        for node in std::iter::once(to).chain((0..6).filter(|node| *node != to)) {
            self.nodes[node].tell_all(commands.iter().map(|command| &command[..]));
        }
        self.wait_until_whole();
    }

    /// A URL that names two of its nodes.
    #[must_use]
    pub fn url(&self) -> String {
        let ports: Vec<_> = self.nodes.iter().map(Server::port).collect();
        format!(
            "redis-cluster://127.0.0.1:{}?node=127.0.0.1:{}&node=127.0.0.1:{}",
            ports[0], ports[1], ports[2]
        )
    }
}

/// Whether a node has links with these, in both directions.
fn is_linked_with<'a>(node: &Server, mut others: impl Iterator<Item = &'a String>) -> bool {
    let links = node.command(&["CLUSTER", "LINKS"]);
    // Each begins with `direction`, its value, `node`, its value.
    let links: Vec<_> = links
        .list()
        .iter()
        .filter_map(|link| Some((link.list().get(1)?.text(), link.list().get(3)?.text())))
        .collect();
    others.all(|other| {
        ["to", "from"].iter().all(|way| links.iter().any(|link| (&*link.0, &link.1) == (*way, other)))
    })
}

/// The ranges of slots that a node knows of, each with the port of its master.
fn slots(node: &Server) -> Vec<(i64, i64, i64)> {
    let reply = node.command(&["CLUSTER", "SLOTS"]);
    let range = |range: &Reply| {
        let range = range.list();
        Some((range.first()?.number()?, range.get(1)?.number()?, range.get(2)?.list().get(1)?.number()?))
    };
    reply.list().iter().filter_map(range).collect()
}

fn node() -> (Server, u16) {
    let (server, bus) = (Server::prepare(), free_port());
    let (port, bus_port) = (server.port().to_string(), bus.to_string());
    let server = server.launch([
        "--port",
        &port,
        "--cluster-enabled",
        "yes",
        "--cluster-port",
        &bus_port,
        "--cluster-node-timeout",
        "1000",
        "--cluster-replica-validity-factor",
        "0",
        "--repl-diskless-sync-delay",
        "0",
    ]);
    (server, bus)
}
