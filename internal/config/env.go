package config

import (
	"reflect"
	"strings"
)

// EnvPrefix begins the names of environment variables: PENSTOCK_RTMP_LISTEN sets rtmp.listen. All keys but those under apps
// can be set so; lists are separated by commas.
const EnvPrefix = "PENSTOCK_"

// ApplyEnv sets what the environment names, over what the file says, and validates the result.
func (c *Config) ApplyEnv(lookup func(name string) (string, bool)) error {
	if err := applyEnv(reflect.ValueOf(c).Elem(), "", lookup); err != nil {
		return err
	}
	return c.Validate()
}

func applyEnv(v reflect.Value, path string, lookup func(string) (string, bool)) error {
	for i := range v.NumField() {
		f := v.Field(i)
		at := join(path, v.Type().Field(i).Tag.Get("yaml"))
		_, networks := f.Interface().(Networks)
		switch {
		case f.Kind() == reflect.Map:
			continue
		case f.Kind() == reflect.Struct && !networks:
			if err := applyEnv(f, at, lookup); err != nil {
				return err
			}
			continue
		}
		name := EnvPrefix + strings.ToUpper(strings.ReplaceAll(at, ".", "_"))
		text, ok := lookup(name)
		if !ok {
			continue
		}
		var err error
		if networks {
			err = setList(f, strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }), name)
		} else {
			err = set(f, text, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
