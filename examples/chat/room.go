package main

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/app/instance"
	"penstock/app/rpc"
	"penstock/status"
)

const (
	maxHistory = 50  // lines that whoever comes is shown
	maxPeople  = 100 // in a room
	atOnce     = 5   // messages that may come together; then one a second
	patience   = 10  // messages too many, and who sends them is put out
)

// line is what somebody said or, without a name, what happened.
type line struct {
	Name string    `amf:"name"`
	Text string    `amf:"text"`
	When time.Time `amf:"when"`
}

// person is somebody in a room.
type person struct {
	*app.Client
	name    string
	here    bool      // has been shown the room
	tokens  float64   // messages that may still come at once
	counted time.Time // when they were counted
	tooMany int
}

// room is one instance of the application. Clients call enter, say, whisper and putOut.
type room struct {
	methods *rpc.Methods

	mu      sync.Mutex
	people  []*person // in the order in which they came
	history []line
}

func open(*instance.Instance) *room {
	r := &room{methods: rpc.New()}
	r.methods.Register("enter", r.enter)
	r.methods.Register("say", r.say)
	r.methods.Register("whisper", r.whisper)
	r.methods.Register("putOut", r.putOut)
	return r
}

// Connect lets in who has a name that is free.
func (r *room) Connect(_ context.Context, c *app.Client, args []amf.Value) (app.Session, error) {
	name, _ := append(args, nil)[0].(string)
	if name = strings.Join(strings.Fields(name), " "); name == "" || len(name) > 40 {
		return nil, app.Reject("Say who you are, in at most 40 letters.", nil)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.named(name) != nil:
		return nil, app.Reject(name+" is here already.", nil)
	case len(r.people) >= maxPeople:
		return nil, app.Reject("The room is full.", nil)
	}
	r.people = append(r.people, &person{Client: c, name: name, tokens: atOnce, counted: time.Now()})
	return r.methods, nil
}

// Leave tells the others.
func (r *room) Leave(c *app.Client, _ error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.of(c)
	r.people = slices.DeleteFunc(r.people, func(o *person) bool { return o == p })
	if p != nil && p.here {
		r.add("", p.name+" has left.")
	}
}

// Stop ends the room.
func (r *room) Stop(error) {}

// enter shows the room to who has come, and tells the others.
func (r *room) enter(c *app.Client) []line {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.of(c); !p.here {
		p.here = true
		r.add("", p.name+" has come.")
	}
	return r.history
}

func (r *room) say(c *app.Client, text string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.of(c)
	if err := p.mayTalk(text); err != nil {
		return err
	}
	r.add(p.name, text)
	return nil
}

// whisper calls one client, and returns when that has it.
func (r *room) whisper(ctx context.Context, c *app.Client, to, text string) error {
	r.mu.Lock()
	p, other := r.of(c), r.named(to)
	err := p.mayTalk(text)
	r.mu.Unlock()
	if err != nil {
		return err
	}
	if other == nil {
		return status.New(status.CallFailed, to+" is not here.")
	}
	_, err = other.Call(ctx, "whisper", p.name, text)
	return err
}

// putOut is for who has been in the room for longest.
func (r *room) putOut(c *app.Client, name, why string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	host, other := r.people[0], r.named(name)
	switch {
	case host.Client != c:
		return status.New(status.CallProhibited, "Only "+host.name+" may do that.")
	case other == nil:
		return status.New(status.CallFailed, name+" is not here.")
	}
	other.putOut(host.name + " has put you out: " + why)
	return nil
}

func (p *person) putOut(why string) { p.Disconnect(status.New(status.ConnectClosed, why)) }

// mayTalk refuses a message that is empty or long, and those that come too fast.
func (p *person) mayTalk(text string) error {
	if text = strings.TrimSpace(text); text == "" || len(text) > 500 {
		return status.New(status.CallFailed, "A message has 1 to 500 letters.")
	}
	now := time.Now()
	p.tokens, p.counted = min(atOnce, p.tokens+now.Sub(p.counted).Seconds()), now
	if p.tokens < 1 {
		if p.tooMany++; p.tooMany >= patience {
			p.putOut("You have been put out: too many messages.")
		}
		return status.New(status.CallFailed, "Not so fast: one message a second.")
	}
	p.tokens, p.tooMany = p.tokens-1, 0
	return nil
}

// add shows everyone a line, and who is there. mu is held, so that all see the same order; nothing here waits.
func (r *room) add(name, text string) {
	l := line{name, text, time.Now()}
	r.history = append(r.history, l)
	r.history = slices.Clone(r.history[max(0, len(r.history)-maxHistory):])
	var clients []*app.Client
	var names []string
	for _, p := range r.people {
		if p.here {
			clients, names = append(clients, p.Client), append(names, p.name)
		}
	}
	_, _ = rpc.NotifyAll(clients, "line", l, names)
}

func (r *room) of(c *app.Client) *person {
	return r.find(func(p *person) bool { return p.Client == c })
}
func (r *room) named(name string) *person {
	return r.find(func(p *person) bool { return strings.EqualFold(p.name, name) })
}
func (r *room) find(which func(*person) bool) *person {
	if i := slices.IndexFunc(r.people, which); i >= 0 {
		return r.people[i]
	}
	return nil
}
