package snippet_test

import (
	"net/http"
	"testing"

	"countersign.dev/internal/snippet"
)

// hostile are bodies that try to end the literal that they stand in, to begin an interpolation or a comment, or to show their
// characters in another order than they have.
var hostile = []string{
	"\n \"\"\" ''' ` \\ \\n \\u0041 \\x41 \\101 #{`id`} ${HOME} $HOME $(id) `id` {{.}} %s %d %% */ /* -- // <?php ?> <%= 1 %> <<EOF\nEOF\n@imports@\n\n",
	"\t\x01\x1b[31m\x7f\u202e\u2028\u2029\u0085\u200b\U000e0041 'x' \\001",
	"end\\", `"`, "'", `'\''`, "#$0 #@a #{1}", "@file", "-n", "\n", `\`,
}

// TestHostileTexts: what is in a body, a target or a header arrives, and does nothing else.
func TestHostileTexts(t *testing.T) {
	const name = "finci/lf"
	p, alternative := load(t, name)
	s, err := p.Alternative(alternative)
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range snippet.Names() {
		if runners[language].tool == "" {
			continue
		}
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			need(t, runners[language].tool)
			v := newVerifier(t)
			bodies := hostile
			if language == "java" {
				v.trust(t)
				bodies = bodies[:4] // it starts slowly
			}
			env := "API_SECRET=" + v.hold(t, s)
			for _, body := range bodies {
				v.takesRequest(t, language, name, snippet.Request{Method: "PUT", URL: v.URL + "/a'b$(c)*;&/%27%22!~?$HOME&;=@:%5c", Body: []byte(body),
					Header: http.Header{"X-Mine": {"\"'$(id)`id`\\#{1}%s"}}}, env)
			}
			v.takesRequest(t, language, name, snippet.Request{Method: "GET", URL: v.URL + "/x"}, env)
			v.takesRequest(t, language, name, snippet.Request{Method: "POST", URL: v.URL + "/x"}, env)
		})
	}
}
