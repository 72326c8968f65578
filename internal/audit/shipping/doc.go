// Package shipping brings the decision records of many nodes to one place, and proves them where they arrive. It owns the piece,
// which is whole lines of one segment of one node's record; the contract of the place where pieces lie (a Depot); the Shipper,
// which puts them there; and the Collector, which takes those of other nodes and makes ordinary record folders of them.
//
// The depot is believed in nothing: whoever can write there can write anything. Every line is held against the chain before it, every
// segment against the end of the one before, and the signed checkpoints of a node against its lines, before a byte goes into a record
// folder. What does not verify is kept aside, told with node, segment and line, and never indexed. A piece that is there is never
// overwritten: another one in its place is a contradiction and an alarm. The names of nodes come from elsewhere, too, and become
// folders: they are held to one narrow form first.
//
// It refuses to hold up a request: it reads what is durable, behind the server, in bounded memory. The attacks it answers: the line that
// is changed, dropped or added on its way or in the depot; the node that comes back with an older disk and would write its history
// anew; the name of a node that leads out of its folder. What it cannot answer: lines that a node never shipped; the loss that a node
// which dies may cause is the time between two rounds and what was not durable.
package shipping
