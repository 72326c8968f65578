package doortest

// inMiddleware are the differences of the check in a service's own process, with the gateway's reader in front.
func inMiddleware() []group {
	return []group{ofOneEnvironment()}
}

// ofOneEnvironment: a server of one environment alone (`countersign serve --environment`) says the same.
func ofOneEnvironment() group {
	return group{"The check serves one environment and reads that part of the register alone, so that a key of another one is unknown to it. Its caller is told the same 401; only the record's reason is less exact.",
		[]Difference{made("key of another environment", 401, "unknown_credential", false)}}
}

// inMiddlewareAlone are those without the reader: what net/http answers, or repairs, before any handler runs.
func inMiddlewareAlone() []group {
	return []group{
		ofOneEnvironment(),
		{"net/http refuses it by itself before any handler runs. Nothing passes; the answer is net/http's own text, and nothing is recorded.", []Difference{
			made("no slash at the start", 400, "", false), made("invalid escape", 400, "", false), made("half an escape", 400, "", false), made("control byte", 400, "", false),
			made("DEL", 400, "", false), made("space", 400, "", false), made("chunked twice", 501, "", false), made("chunked and identity", 501, "", false),
			made("xchunked", 501, "", false), made("two lengths", 400, "", false), made("list of lengths", 400, "", false), made("length with a sign", 400, "", false),
			made("negative length", 400, "", false), made("hexadecimal length", 400, "", false), made("length without digits", 400, "", false),
			made("bare CR in a value", 400, "", false), made("space before the colon", 400, "", false), made("field without a colon", 400, "", false),
			made("NUL in a value", 400, "", false), made("two hosts", 400, "", false), made("no host", 400, "", false), made("host with a user", 400, "", false),
			made("two spaces", 400, "", false), made("tab in the request line", 400, "", false), made("unknown expectation", 417, "", false)}},
		{"net/http finds the fault while the body is read, or leaves the target to be judged: refused with another reason, and recorded.", []Difference{
			made("absolute form", 400, "malformed_target", false), made("absolute form of another host", 400, "malformed_target", false), made("target over 8 KiB", 400, "malformed_target", false),
			made("bare LF behind a chunk's size", 400, "malformed_body", false), made("chunk's size with 0x", 400, "malformed_body", false),
			made("chunk's size with a sign", 400, "malformed_body", false), made("chunk longer than its size", 400, "malformed_body", false)}},
		{"net/http ignores the encoding under HTTP/1.0 and takes the request for one without a body, which its signature is not of.", []Difference{
			made("chunks under HTTP/1.0", 401, "bad_signature", false)}},
		{"net/http repairs it before any handler runs, and no trace of it is left to refuse. What is verified is what the service gets, so that no service is deceived by it alone; a proxy in front that reads the bytes in another way could be. Listener refuses them all.", []Difference{
			made("length beside chunks", 200, "allowed", true), made("chunks beside length 0", 200, "allowed", true), made("two equal lengths", 200, "allowed", true),
			made("chunk extension", 200, "allowed", true), made("trailer that is folded", 200, "allowed", true), made("bare LF", 200, "allowed", true),
			made("bare LF behind the request line", 200, "allowed", true), made("folded field", 200, "allowed", true), made("folded credential", 200, "allowed", true)}},
	}
}
