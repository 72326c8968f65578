package config

import (
	"regexp"
	"strings"

	"countersign.dev/profile/library"
)

var profileName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}(/[a-z0-9][a-z0-9._-]{0,63})?$`)

// profileSetting is one text, the name of a shipped profile, or a mapping.
func (d *decoder) profileSetting(key string, at **Profile, about string) setting {
	s := optional(key, at, d.profile, about).like("finci")
	var short Profile
	s.leaf = bind(&short, plain("profile", "", profileName.String(), func(text string) (Profile, string, string) {
		if strings.HasSuffix(text, ".yaml") || strings.HasSuffix(text, ".yml") || strings.HasPrefix(text, "/") || strings.HasPrefix(text, ".") {
			return Profile{}, quote(text) + " is not the name of a shipped profile", "write {file: " + text + "} for a file of your own"
		}
		if _, err := library.Load(text); err != nil {
			return Profile{}, err.Error(), "shipped: " + strings.Join(library.Names(), ", ")
		}
		name, alternative, _ := strings.Cut(text, "/")
		*at = &Profile{Name: name, Alternative: alternative}
		return **at, "", ""
	}, func(Profile) string { return "" }))
	return s
}

func (d *decoder) profile(p *Profile) []setting {
	return []setting{
		value("name", &p.Name, word("profile", "write the name of a shipped profile"), "A shipped profile. Not beside `file`.").like("finci"),
		value("file", &p.File, d.path(), "A profile file of your own, in the profile language. Not beside `name`.").like("profiles/ours.yaml"),
		value("alternative", &p.Alternative, word("alternative", "write a name from the profile's list"), "One of the profile's alternatives.").told("the profile's own scheme").like("lf"),
	}
}
