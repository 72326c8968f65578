// Package audit owns the words of the product's two records: the changes of state, one row for each in the transaction of the
// change itself, chained by hashes that cover the rows it touched, and the check of that chain; and the line that is written
// for a decision. Package segment, below it, keeps those lines. It refuses to hold
// what a record must not hold: there is no field for a secret, a signature or a body, a query is kept as a keyed digest
// only, and every text is capped and escaped. The attacks it answers: the quiet change, when somebody approves, unlocks or
// issues and nobody can tell who it was; and the hostile request that forges a line or floods the disk with a long one
// (security rules 4, 33, 34).
package audit
