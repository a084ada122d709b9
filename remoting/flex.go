package remoting

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"penstock/amf"
	"penstock/status"
)

// Classes of Flex messaging (RemoteObject, PyAMF), by their names on the wire.
const (
	flexPackage  = "flex.messaging.messages."
	flexRemoting = flexPackage + "RemotingMessage"
	flexCommand  = flexPackage + "CommandMessage"
	flexAck      = flexPackage + "AcknowledgeMessage"
	flexError    = flexPackage + "ErrorMessage"
)

// Operations of a CommandMessage that are answered; the others are of messaging, which is not there.
const (
	flexPing   = 5
	flexLogin  = 8
	flexLogout = 9
)

// flexAuthentication is the fault code by which Flex knows that a log-in failed.
const flexAuthentication status.Code = "Client.Authentication"

// flexRequest is a message of Flex in a call.
type flexRequest struct {
	class string
	props *amf.Object
}

// flexMessage is the message that a call consists of; nil when it is another call.
func flexMessage(v amf.Value) *flexRequest {
	if args := arguments(v); len(args) == 1 {
		switch m := args[0].(type) {
		case *amf.Object:
			if m != nil && strings.HasPrefix(m.Class, flexPackage) {
				return &flexRequest{m.Class, m}
			}
		case *amf.Externalizable:
			if m == nil {
				return nil
			}
			switch m.Class {
			case "DSC", flexPackage + "CommandMessageExt":
				return &flexRequest{flexCommand, &amf.Object{Props: m.Props}}
			case "DSA", "DSK", flexPackage + "AsyncMessageExt", flexPackage + "AcknowledgeMessageExt":
				return &flexRequest{m.Class, &amf.Object{Props: m.Props}}
			}
		}
	}
	return nil
}

func (m *flexRequest) get(name string) amf.Value {
	v, _ := m.props.Get(name)
	return v
}

// operation is the number of a CommandMessage's, -1 without one; small messages leave out 0.
func (m *flexRequest) operation() int {
	switch v := m.get("operation").(type) {
	case int32:
		return int(v)
	case float64:
		return int(v)
	}
	return -1
}

// id is an identifier of the message, which small messages have as 16 bytes.
func (m *flexRequest) id(name string) string {
	if s := m.props.String(name); s != "" {
		return s
	}
	if b, ok := m.get(name + "Bytes").(*amf.ByteArray); ok && b != nil && len(b.Data) == 16 {
		return uuid([16]byte(b.Data))
	}
	return ""
}

// header is a member of the message's headers.
func (m *flexRequest) header(name string) string {
	props, _ := amf.PropsOf(m.get("headers"))
	return (&amf.Object{Props: props}).String(name)
}

// flex answers a message of Flex: calls and what RemoteObject needs to make them, no messaging.
func (b *batch) flex(call Body, m *flexRequest) Body {
	switch op := m.operation(); {
	case m.class == flexRemoting:
		return b.flexCall(call, m)
	case m.class == flexCommand && op == flexPing:
		id := m.header("DSId")
		if id == "" || id == "nil" {
			id = newUUID()
		}
		return result(call, m.acknowledge(nil, amf.Prop{Key: "DSMessagingVersion", Value: 1.0}, amf.Prop{Key: "DSId", Value: id}))
	case m.class == flexCommand && op == flexLogin:
		return b.flexLogin(call, m)
	case m.class == flexCommand && op == flexLogout:
		b.leave(b.flexApplication(m))
		return result(call, m.acknowledge("success"))
	}
	s := status.New(status.CallProhibited, "There is no messaging here: RemoteObject, ping, log-in and log-out are answered.")
	b.h.refused(b.r, b.flexApplication(m), m.class, s)
	return m.fault(call, s, "")
}

// flexApplication is the application of the path or, without one, of the message's destination.
func (b *batch) flexApplication(m *flexRequest) string {
	if b.app != "" {
		return b.app
	}
	return m.props.String("destination")
}

func (b *batch) flexCall(call Body, m *flexRequest) Body {
	method, query := m.props.String("operation"), b.query
	if source := m.props.String("source"); source != "" {
		method = source + "." + method
	}
	if user, password, ok := flexUser(m.header("DSRemoteCredentials")); ok {
		query = withUser(query, user, password)
	}
	application := b.flexApplication(m)
	if application == "" {
		s := status.Newf(status.CallFailed, "Method not found (%s).", method)
		b.h.refused(b.r, "", method, s)
		return m.fault(call, s, "The destination has to be the application's name, or the URL /gateway/APPLICATION.")
	}
	v, err := b.invoke(application, query, method, arguments(m.get("body")))
	if err != nil {
		s, details := reason(err)
		return m.fault(call, s, details)
	}
	return result(call, m.acknowledge(v))
}

// flexLogin connects with a user, and keeps the connection: Flex sends user and password only once.
func (b *batch) flexLogin(call Body, m *flexRequest) Body {
	application := b.flexApplication(m)
	user, password, ok := flexUser(m.props.String("body"))
	if !ok || application == "" {
		s := status.New(flexAuthentication, "A log-in is user and password at the URL /gateway/APPLICATION.")
		b.h.refused(b.r, application, "login", s)
		return m.fault(call, s, "")
	}
	c := b.connect(application, withUser(b.query, user, password))
	if c.err != nil {
		s, _ := status.Of(c.err)
		text := "The application cannot be reached."
		if s != nil {
			text = s.Description
		}
		return m.fault(call, status.New(flexAuthentication, text), text)
	}
	c.mu.Lock()
	c.keep = true
	c.mu.Unlock()
	return result(call, m.acknowledge("success"))
}

// flexUser takes apart the base64 of USER:PASSWORD.
func flexUser(text string) (user, password string, ok bool) {
	if text == "" {
		return "", "", false
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(b), ":")
}

// acknowledge is the answer to the message.
func (m *flexRequest) acknowledge(body amf.Value, headers ...amf.Prop) *amf.Object {
	return m.answer(flexAck, body, headers)
}

// fault is the answer to a message that was refused.
func (m *flexRequest) fault(call Body, s *status.Status, details string) Body {
	o := m.answer(flexError, nil, nil,
		amf.Prop{Key: "extendedData", Value: s.Object()}, amf.Prop{Key: "faultCode", Value: string(s.Code)},
		amf.Prop{Key: "faultDetail", Value: details}, amf.Prop{Key: "faultString", Value: s.Description}, amf.Prop{Key: "rootCause", Value: nil})
	return Body{Target: call.Response + "/onStatus", Response: "null", Value: o}
}

// answer is a message that answers another.
func (m *flexRequest) answer(class string, body amf.Value, headers []amf.Prop, more ...amf.Prop) *amf.Object {
	client := m.id("clientId")
	if client == "" {
		client = newUUID()
	}
	props := append([]amf.Prop{
		{Key: "body", Value: body}, {Key: "clientId", Value: client}, {Key: "correlationId", Value: m.id("messageId")},
		{Key: "destination", Value: m.get("destination")}, {Key: "headers", Value: amf.NewObject(headers...)},
		{Key: "messageId", Value: newUUID()}, {Key: "timeToLive", Value: 0.0}, {Key: "timestamp", Value: float64(time.Now().UnixMilli())},
	}, more...)
	slices.SortFunc(props, func(a, b amf.Prop) int { return strings.Compare(a.Key, b.Key) }) // as Flex and PyAMF have them
	return &amf.Object{Class: class, Static: true, Sealed: len(props), Props: props}
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return uuid(b)
}

// uuid is an identifier as Flex writes it.
func uuid(b [16]byte) string {
	return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
