package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// set gives v the value that a text means.
func set(v reflect.Value, text, path string) error {
	var err error
	switch dst := v.Addr().Interface().(type) {
	case *string:
		*dst = text
	case *bool:
		*dst, err = parseBool(text)
	case *int:
		*dst, err = strconv.Atoi(strings.ReplaceAll(text, "_", ""))
	case *float64:
		*dst, err = strconv.ParseFloat(text, 64)
	case *Size:
		*dst, err = ParseSize(text)
	case *Bitrate:
		*dst, err = ParseBitrate(text)
	case *Duration:
		*dst, err = ParseDuration(text)
	case *Networks, *[]string:
		return setList(v, []string{text}, path)
	default:
		return fieldErrorf(path, "has keys of its own: %s", strings.Join(keys(v.Type()), ", "))
	}
	switch {
	case err == nil:
		return nil
	case v.Type() == reflect.TypeFor[Size](), v.Type() == reflect.TypeFor[Bitrate](), v.Type() == reflect.TypeFor[Duration]():
		return fieldErrorf(path, "%v", err)
	}
	return fieldErrorf(path, "%q is not what is wanted: %s", text, wanted(v))
}

func parseBool(text string) (bool, error) {
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, strconv.ErrSyntax
}

func setList(v reflect.Value, words []string, path string) (err error) {
	switch dst := v.Addr().Interface().(type) {
	case *[]string:
		*dst = words
	case *Networks:
		if *dst, err = ParseNetworks(words...); err != nil {
			return fieldErrorf(path, "%v", err)
		}
	default:
		return fieldErrorf(path, "is no list, but %s", wanted(v))
	}
	return nil
}

// wanted says what kind of value v takes.
func wanted(v reflect.Value) string {
	switch v.Interface().(type) {
	case bool:
		return "true or false"
	case int:
		return "a whole number"
	case float64:
		return "a number"
	case Size:
		return "a size such as 64KiB"
	case Bitrate:
		return "a bit rate such as 6M"
	case Duration:
		return "a length of time such as 5s"
	case Networks:
		return "a list of networks"
	case []string:
		return "a list"
	case string:
		return "a text"
	}
	return "a mapping"
}

// keys are the keys of a section, in the order of its fields.
func keys(t reflect.Type) []string {
	if t.Kind() != reflect.Struct {
		return []string{"any name"}
	}
	var names []string
	for i := range t.NumField() {
		names = append(names, t.Field(i).Tag.Get("yaml"))
	}
	return names
}

// unknownKey names the nearest key that the section has, or the section that has that key.
func unknownKey(t reflect.Type, key, at string) error {
	best, distance := "", max(len(key)/2+1, 3)
	for _, k := range keys(t) {
		if d := editDistance(key, k); d < distance {
			best, distance = join(parentOf(at), k), d
		}
	}
	if best == "" {
		best = elsewhere(reflect.TypeFor[Config](), key, "")
	}
	if best == "" {
		return fieldErrorf(at, "no such key, want one of %s", strings.Join(shorten(keys(t)), ", "))
	}
	return fieldErrorf(at, "no such key, did you mean %s?", best)
}

// elsewhere finds a key in another section.
func elsewhere(t reflect.Type, key, path string) string {
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("yaml")
		at := join(path, name)
		if name == key {
			return at
		}
		if f := t.Field(i).Type; f.Kind() == reflect.Struct && f != reflect.TypeFor[Networks]() {
			if found := elsewhere(f, key, at); found != "" {
				return found
			}
		}
	}
	return ""
}

func shorten(names []string) []string {
	const most = 12
	if len(names) <= most {
		return names
	}
	return append(append([]string{}, names[:most]...), fmt.Sprintf("… (%d more, see docs/config.md)", len(names)-most))
}

// editDistance is Levenshtein's.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
