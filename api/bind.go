package api

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"time"
)

// binder reads the parameters of a request. The first that cannot be read is its error; one that is absent stays zero.
type binder struct {
	r      *http.Request
	values url.Values
	err    error
}

func (b *binder) path(name string, into any) { b.set(name, b.r.PathValue(name), true, into) }

func (b *binder) query(name string, into any) {
	if b.values == nil {
		b.values = b.r.URL.Query()
	}
	b.set(name, b.values.Get(name), b.values.Has(name), into)
}

func (b *binder) header(name string, into any) {
	text := b.r.Header.Get(name)
	b.set(name, text, text != "", into)
}

func (b *binder) set(name, text string, present bool, into any) {
	if !present || b.err != nil {
		return
	}
	v := reflect.ValueOf(into).Elem()
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if err := assign(v, text); err != nil {
		b.err = fmt.Errorf("parameter %s: %w", name, err)
	}
}

func assign(v reflect.Value, text string) error {
	if _, ok := v.Interface().(time.Time); ok {
		at, err := time.Parse(time.RFC3339Nano, text)
		v.Set(reflect.ValueOf(at))
		return err
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		return nil
	case reflect.Bool:
		is, err := strconv.ParseBool(text)
		v.SetBool(is)
		return err
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		v.SetInt(n)
		return err
	}
	return fmt.Errorf("a %s cannot be read from text", v.Kind())
}
