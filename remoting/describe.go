package remoting

import (
	"context"

	"penstock/amf"
)

// describeMethod is the method of an application that a caller reaches by the header of the same name, where Options.Describe lets it.
const describeMethod = "DescribeService"

// Service describes methods, as the service browsers of Flash Remoting show them.
type Service struct {
	Version   string     `amf:"version"`
	Address   string     `amf:"address"` // the service's name
	Functions []Function `amf:"functions"`
}

// Function describes one method.
type Function struct {
	Name        string     `amf:"name"`
	Description string     `amf:"description"`
	Version     string     `amf:"version"`
	Returns     string     `amf:"returns"`
	Arguments   []Argument `amf:"arguments"`
}

// Argument describes one argument of a method.
type Argument struct {
	Name        string `amf:"name"`
	Type        string `amf:"type"`
	Required    bool   `amf:"required"`
	Description string `amf:"description"`
}

// Described is a method (app.Method) to be registered as DescribeService: it answers with s. Without such a method an application is
// not described, whatever the gateway allows.
func Described(s Service) func(context.Context, []amf.Value) (amf.Value, error) {
	return func(context.Context, []amf.Value) (amf.Value, error) { return amf.ToValue(s) }
}
