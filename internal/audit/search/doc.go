// Package search finds decisions among millions: by request id, partner, credential, environment, API, reason, outcome,
// address or prefix, and time. It owns the reading of a decision line, the index files beside the segments, and the export.
//
// An index is never a source of truth. It is derived from the segments, versioned and checksummed, made again when it is
// missing, stale or damaged, and every line that is returned was read from the record itself and compared with the question
// once more. What it refuses: lines that are not one flat JSON object, files that are symbolic links, numbers in an index
// that point outside it. The attacks it answers: the forged or torn index that invents a decision, the line with two
// meanings, and the cell of an export that a spreadsheet would run as a formula.
//
// What it does not answer: whoever may write in the index folder can make a forged index hide a decision. Evidence is what
// a verification of the chain and an export without the index show (Query.Scan).
package search
