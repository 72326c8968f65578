package snippet

import "fmt"

// BeyondError says that the programs cannot do what a profile asks for. It is not the profile's fault: `countersign call`, the Go
// client and the signing proxy do all that profiles can say.
type BeyondError struct {
	// Profile is the profile's name; Construct is what it uses, as it stands in the profile.
	Profile, Construct string
}

// Error names the construct.
func (e *BeyondError) Error() string {
	return fmt.Sprintf("the code snippets cannot do what %s needs: %s", e.Profile, e.Construct)
}

// Hint says what to do instead.
func (e *BeyondError) Hint() string {
	return "let `countersign signing-proxy` sign for your program, whatever its language: it does every profile"
}

// beyond makes the error of a construct; the profile's name is filled in at the end.
func beyond(format string, args ...any) error {
	return &BeyondError{Construct: fmt.Sprintf(format, args...)}
}
