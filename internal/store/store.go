// Package store owns the faults that every engine of the register can meet, so that callers tell them apart without
// knowing the engine. The engines live below it (sqlite, postgres), beside the one suite that all of them pass (storetest). An
// engine refuses to go on with a file that is damaged, foreign or readable by others, and a change without its change row;
// the attack it answers is the manipulated or half-written file that would otherwise decide who is let in.
package store

import "errors"

// The faults. Errors of engines wrap them and say in plain words which file is concerned and what to do. After any of
// them nothing of the transaction has been applied.
var (
	ErrBusy       = errors.New("the store is locked by another writer")
	ErrReadOnly   = errors.New("the store cannot be written")
	ErrFull       = errors.New("the store's disk is full")
	ErrCorrupt    = errors.New("the store is damaged")
	ErrForeign    = errors.New("not a register that this version can use")
	ErrUnsafe     = errors.New("the store's file or folder is open to others")
	ErrUnrecorded = errors.New("a change without its change row")

	ErrUnreachable = errors.New("the store cannot be reached") // of engines that are servers
	ErrMissing     = errors.New("there is no register")        // where none shall be made
)

// ErrUnknown is the one fault after which a transaction may have been applied: the connection to the store broke while it was being
// made durable, and it could not be asked again.
var ErrUnknown = errors.New("whether the change was made is not known")
