package problem

import "countersign.dev/internal/access"

// Row is one line of the table, for docs and consoles. Messages show their placeholders.
type Row struct {
	Reason        access.Reason
	Status        int
	Telling       Telling // on signed APIs
	SignedCode    string  // empty where nothing is written
	SignedMessage string
	TokenCodes    []TokenCode // none where nothing is written
	Cause, Cure   string      // for the reader of the docs, never sent
}

// TokenCode is a numeric code of the token family with its message.
type TokenCode struct {
	Code    int
	Message string
}

// Rows is the whole table in the order of the pipeline. Each call returns new slices.
func Rows() []Row {
	var rows []Row
	for _, reason := range access.Reasons() {
		if int(reason) >= len(table) || table[reason].status == 0 {
			continue
		}
		r := table[reason]
		line := Row{Reason: reason, Status: r.status, Telling: r.telling, Cause: r.cause, Cure: r.cure}
		switch r.telling {
		case Exact:
			line.SignedCode, line.SignedMessage = r.signedCode, r.message
		case Uniform:
			line.SignedCode, line.SignedMessage = uniformCode, uniformMessage
		}
		if r.telling != Silent {
			line.TokenCodes = tokenCodes(reason, r)
		}
		rows = append(rows, line)
	}
	return rows
}

func tokenCodes(reason access.Reason, r row) []TokenCode {
	codes := []TokenCode{{r.tokenCode, r.tokenText(r.message)}}
	if reason == access.MissingHeader {
		codes = append(codes, TokenCode{missingToken.row.tokenCode, missingToken.row.tokenMessage})
	}
	return codes
}
