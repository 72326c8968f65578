// Package ops is the operators' listener: /livez, /readyz and /metrics. It is apart from every API listener, so that no
// health check and no User-Agent ever opens a door (security rule 23); it is on loopback unless told otherwise, and it
// tells counts and states, never a secret, a key id, a partner's name or an address. What is not ready is told with its
// cause in one line, which may name the row of the register that is at fault, or a file.
package ops
