// Package checkpoint owns the signed statements of what a record was at a point in time, and the books they are written
// into, in another place than the record. It exists because a chain by itself cannot show that its tail was cut or that all
// of it was written anew: whoever can write the record can compute a chain that fits. It refuses to sign what contradicts
// the statement before it, so that a record that was rolled back is noticed when the next one is due; to use a private key
// that others can read (security rule 39); and to take a statement of which any byte was changed. The attack it answers:
// the operator of the machine, or whoever became that, who takes back what the record says.
package checkpoint
