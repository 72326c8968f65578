// Command countersign is the front door of a partner API and the partner's own tool for it: one program for the server, the
// operator and the integrator. This package holds flags and wiring only; every subcommand has a file of its own. It refuses
// unknown flags and arguments, and takes no secret from the command line, where other users of the machine could read it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() { signal.Reset(os.Interrupt) }) // a second Ctrl-C ends the program at once
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
