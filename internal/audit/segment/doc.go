// Package segment owns the decision record: a folder of segment files whose lines are chained by hashes (design decision 6),
// its writer, its reader and its verifier. It refuses to make a request wait for a disk unless it was told to (Sync), to go on
// behind a damaged line as if nothing were missing, to lose a line without saying so, and to remove a segment without a line
// that tells it. The attacks it answers: the line that is changed, dropped, moved or added afterwards; the tail that is cut
// and the record that is written anew, as far as checkpoints reach, and where they do not reach, the claim that all is well;
// and the full disk that is made full so that nobody sees what comes next.
package segment
