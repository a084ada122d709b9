package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Load reads and validates a file. Its errors are one line: file, line, what is wrong and what to do.
func Load(path string) (*Config, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration: %w", err)
	}
	return Parse(path, b)
}

// Parse is Load for the content of a file of that name.
func Parse(name string, b []byte) (*Config, error) {
	c := Default()
	file, err := parser.ParseBytes(b, 0)
	if err != nil {
		var bad yaml.Error
		if errors.As(err, &bad) && bad.GetToken() != nil {
			return nil, fmt.Errorf("%s:%d: %s", name, bad.GetToken().Position.Line, bad.GetMessage())
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p := parsing{lines: make(map[string]int)}
	for i, doc := range file.Docs {
		if i > 0 {
			return nil, fmt.Errorf("%s: has more than one document, want one", name)
		}
		if doc.Body != nil {
			err = p.value(reflect.ValueOf(c).Elem(), doc.Body, "")
		}
	}
	if err == nil {
		err = c.Validate()
	}
	return c, p.locate(name, err)
}

// parsing is one Parse in progress.
type parsing struct {
	lines map[string]int // path to the line where it is set
}

// locate puts the file's name, and the line when it is known, before an error.
func (p *parsing) locate(name string, err error) error {
	var field *FieldError
	if !errors.As(err, &field) {
		return err
	}
	for path := field.Path; path != ""; path = parentOf(path) {
		if line := p.lines[path]; line > 0 {
			return fmt.Errorf("%s:%d: %w", name, line, err)
		}
	}
	return fmt.Errorf("%s: %w", name, err)
}

func parentOf(path string) string {
	i := strings.LastIndexByte(path, '.')
	return path[:max(i, 0)]
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// value sets v, which holds its default, from a node. null leaves the default.
func (p *parsing) value(v reflect.Value, n ast.Node, path string) error {
	switch n := n.(type) {
	case *ast.NullNode:
		return nil
	case *ast.CommentGroupNode: // a file of comments only
		return nil
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		return fieldErrorf(path, "anchors, aliases and tags are not understood, write the value itself")
	case *ast.MappingNode:
		return p.mapping(v, n.Values, path)
	case *ast.MappingValueNode:
		return p.mapping(v, []*ast.MappingValueNode{n}, path)
	case *ast.SequenceNode:
		words := make([]string, 0, len(n.Values))
		for _, item := range n.Values {
			text, ok := scalar(item)
			if !ok {
				return fieldErrorf(path, "is not a plain list")
			}
			words = append(words, text)
		}
		return setList(v, words, path)
	}
	text, ok := scalar(n)
	if !ok {
		return fieldErrorf(path, "cannot be understood (%v)", n.Type())
	}
	return set(v, text, path)
}

// scalar is the text of a value that is neither a list nor a mapping.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func (p *parsing) mapping(v reflect.Value, values []*ast.MappingValueNode, path string) error {
	for _, kv := range values {
		key := kv.Key.GetToken().Value
		at := join(path, key)
		line := kv.Key.GetToken().Position.Line
		if was := p.lines[at]; was > 0 {
			p.lines[at] = line
			return fieldErrorf(at, "is set twice, first in line %d", was)
		}
		p.lines[at] = line
		if err := p.member(v, kv.Value, key, at); err != nil {
			return err
		}
	}
	return nil
}

// member sets what the key of a mapping names.
func (p *parsing) member(v reflect.Value, n ast.Node, key, at string) error {
	switch {
	case v.Type() == reflect.TypeFor[Networks](), v.Kind() != reflect.Struct && v.Kind() != reflect.Map:
		return fieldErrorf(parentOf(at), "has no keys, but %s", wanted(v))
	case v.Kind() == reflect.Map:
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		item := reflect.New(v.Type().Elem())
		if d, ok := item.Interface().(interface{ setDefaults() }); ok {
			d.setDefaults()
		}
		if err := p.value(item.Elem(), n, at); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key), item.Elem())
		return nil
	}
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("yaml") == key {
			return p.value(v.Field(i), n, at)
		}
	}
	return unknownKey(v.Type(), key, at)
}
