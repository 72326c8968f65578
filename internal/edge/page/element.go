package page

import "fmt"

// Field is one control of a form with its label, hint and error, for the templates "field", "textarea", "choice", "radios",
// "checks", "check" and "upload". The template function of the same name makes one: {{template "field" (field .Form "login"
// "Login" "hint" "Like an email address." "required" true "max" 100)}}.
type Field struct {
	Form     *Form
	Name     string // of the control; and its id, with Prefix before it
	Label    string
	Hint     string
	Type     string // of an input: text (the default), email, number, date, datetime-local, search, url, file
	Required bool
	Max      int    // characters; 0 means no bound
	Rows     int    // of a textarea; 0 means 4
	Prefix   string // before the id, when two forms of a page have a field of one name
	Accept   string // of an upload
	Auto     string // autocomplete; "" means off
	Mono     bool   // for ids, addresses and bytes
	Options  []Option
	Place    string // placeholder: an example, never the label
	Pattern  string
	Least    string // least number or date
	Most     string // greatest number or date
}

// Option is one answer of a choice.
type Option struct{ Value, Text, Hint string }

// ID is the id of the control.
func (f Field) ID() string { return f.Prefix + f.Name }

// Value is what the control begins with.
func (f Field) Value() string { return f.Form.Value(f.Name) }

// Error is what is wrong with what was typed.
func (f Field) Error() string { return f.Form.Error(f.Name) }

// Has tells whether value is chosen.
func (f Field) Has(value string) bool { return f.Form.Has(f.Name, value) }

// Described lists the ids of what describes the control, "" for nothing.
func (f Field) Described() string {
	s := ""
	if f.Hint != "" {
		s = f.ID() + "-hint"
	}
	if f.Error() != "" {
		if s != "" {
			s += " "
		}
		s += f.ID() + "-error"
	}
	return s
}

// makeField is the template function "field"; choices take "options" as well.
func makeField(form *Form, name, label string, pairs ...any) (Field, error) {
	f := Field{Form: form, Name: name, Label: label, Type: "text", Auto: "off", Rows: 4}
	into := map[string]any{
		"hint": &f.Hint, "type": &f.Type, "required": &f.Required, "max": &f.Max, "rows": &f.Rows, "prefix": &f.Prefix,
		"accept": &f.Accept, "auto": &f.Auto, "mono": &f.Mono, "options": &f.Options, "place": &f.Place, "pattern": &f.Pattern,
		"least": &f.Least, "most": &f.Most,
	}
	return f, fill(into, pairs)
}

// fill sets values by name and refuses a name or a type that there is not: a slip in a template is found by its first test.
func fill(into map[string]any, pairs []any) error {
	if len(pairs)%2 != 0 {
		return fmt.Errorf("the options are not pairs of name and value")
	}
	for i := 0; i < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		ok := false
		switch to := into[name].(type) {
		case *string:
			*to, ok = pairs[i+1].(string)
		case *bool:
			*to, ok = pairs[i+1].(bool)
		case *int:
			*to, ok = pairs[i+1].(int)
		case *[]Option:
			*to, ok = pairs[i+1].([]Option)
		case **Form:
			*to, ok = pairs[i+1].(*Form)
		}
		if !ok {
			return fmt.Errorf("no option %q of type %T", name, pairs[i+1])
		}
	}
	return nil
}

// Empty is the Data of the template "empty": there is nothing yet, why, and what to do about it.
type Empty struct{ Text, Why, Href, Action string }

// makeEmpty is the template function "empty": text, and then why, address and name of the action, as far as there are.
func makeEmpty(text string, more ...string) Empty {
	all := append(more, "", "", "")
	return Empty{Text: text, Why: all[0], Href: all[1], Action: all[2]}
}

// Tabs is the Data of the template "tabs": pages beside each other. Label tells them from other navigations of the page.
type Tabs struct {
	Label string
	Items []Item
}

// Pager is the Data of the template "pager": addresses of the page before and after; "" for none.
type Pager struct{ First, Next string }

// Confirm is the Data of the template "confirm": a form of one button.
type Confirm struct {
	Form    *Form  // for its key
	Action  string // where it posts to
	Button  string
	Label   string // what a screen reader says instead, when many rows have the same button
	Danger  bool
	Quiet   bool
	Name    string // one hidden field, when given
	Value   string
	ETag    string // version of what was shown, sent along as "etag"
	Confirm string // the words of a box that must be ticked first; "" for none
}

// makeConfirm is the template function "confirm".
func makeConfirm(form *Form, action, button string, pairs ...any) (Confirm, error) {
	c := Confirm{Form: form, Action: action, Button: button}
	into := map[string]any{"label": &c.Label, "danger": &c.Danger, "quiet": &c.Quiet, "name": &c.Name, "value": &c.Value,
		"etag": &c.ETag, "confirm": &c.Confirm}
	return c, fill(into, pairs)
}

// Secret is the Data of the template "secret": something that is shown once. File is the name that the download gets.
type Secret struct{ Label, Value, File string }

// makeSecret is the template function "secret".
func makeSecret(label, value, file string) Secret { return Secret{label, value, file} }
