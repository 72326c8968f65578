// Package bench measures countersign beside the work of others: an SDK's own signer, a bare reverse proxy. It is a module of its own, so that nobody who uses
// countersign gets what is needed here. Every figure is a ratio within one run, each piece of work timed in turns with its yardstick; nothing asserts a time.
package bench
