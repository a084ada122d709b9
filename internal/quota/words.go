package quota

import (
	"fmt"
	"strconv"

	"penstock/app"
	"penstock/status"
)

func (k kind) option() string { return [...]string{"connections", "publishers", "players"}[k] }

func (k kind) stage() app.Stage {
	return [...]app.Stage{app.StageConnect, app.StagePublish, app.StagePlay}[k]
}

// over is a limit that somebody would go over.
type over struct {
	option string
	level  int
	max    float64
	value  float64 // of bit rates
}

func (o over) key() string { return o.option + [...]string{"", "_per_ip", "_per_user"}[o.level] }

func (q *Quota) exceeded(stage app.Stage, o over) error {
	return &app.Refusal{
		Stage: stage, Cause: app.CauseLimit, Rule: q.path + "." + o.key(),
		Status: status.New(app.Code(stage, app.CauseLimit), "[ Resource.Limit.Exceeded ] : "+o.words(q.app)+", or ask the operator to raise "+o.key()+"."),
	}
}

// words say what the limit is and what whoever met it can do.
func (o over) words(application string) string {
	whose := [...]string{"", " from one address", " of one user"}[o.level]
	switch o.option {
	case "connect_rate":
		return fmt.Sprintf("%s takes %s connections a second%s: wait a moment and try again", application, number(o.max), whose)
	case "bitrate", "bitrate_total":
		if o.option == "bitrate" && o.level == 0 {
			return fmt.Sprintf("%s takes streams of %s bit/s, and this one has %s: lower the bit rate in your encoder", application, number(o.max), number(o.value))
		}
		return fmt.Sprintf("%s takes %s bit/s in all streams%s together, and they have %s: lower the bit rate, or stop another stream",
			application, number(o.max), whose, number(o.value))
	}
	what := map[string]string{"connections": "connection", "publishers": "published stream", "players": "player"}[o.option]
	has, advice := "has it", "stop that first"
	if o.max != 1 {
		what, has, advice = what+"s", "has them", "stop another one first"
	}
	if o.level == 0 {
		advice = "try again later"
	}
	return fmt.Sprintf("%s takes %s %s at once%s, and %s: %s", application, number(o.max), what, whose, has, advice)
}

// number is a number as people read it: 3, 0.5, 800k, 6.2M.
func number(f float64) string {
	for _, u := range []struct {
		name string
		size float64
	}{{"G", 1e9}, {"M", 1e6}, {"k", 1e3}} {
		if f >= u.size {
			return strconv.FormatFloat(float64(int(f/u.size*10+0.5))/10, 'f', -1, 64) + u.name
		}
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}
