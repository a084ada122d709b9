package explain

import (
	"strings"

	"penstock/app"
)

// ruleWords are words for a rule, by the last part of its name, which are better than those for its cause: they say which
// credential, network or limit it was.
type ruleWords []struct{ rule, why, advice string }

// guessed are rules of credentials that refuse whoever guesses.
var guessed = ruleWords{
	{"keys", "too many wrong stream keys came from that address", "Correct the key in the client, wait a minute, then try again."},
	{"users", "too many wrong passwords came from that address",
		"Correct the user name and the password in the client, wait a minute, then try again."},
}

var credentials = ruleWords{
	{"keys", "the stream key is missing or wrong",
		"Enter the key of this stream in the client: in place of the stream's name, or after it as NAME?key=KEY. A key that works for another stream does not work for this one."},
	{"users", "the user name or the password is missing or wrong", "Enter both again in the client. Upper and lower case are not the same."},
	{"jwt", "the token is missing, has expired, or is for something else", "Get a new token for this stream from whoever gives them out."},
	{"signed_urls", "the address is not signed, has expired, or is for something else",
		"Use a new address: one that is signed holds for a time only, and for one stream."},
	{"encoder_auth", "the encoder did not log in with a user and a password that are known",
		"Enter both in the encoder (OBS: “Use authentication”). An encoder that cannot log in cannot be used here."},
	{"allow_networks", "it is not open to the network where the client is",
		"Let the client come from a network that is let in, or add its network to the rule."},
	{"deny_networks", "it is closed to the network where the client is",
		"Let the client come from elsewhere, or take its network out of the rule."},
	{"origins", "it is not for the web page on which the client is",
		"Use the player on a page of one of the sites that the rule names, or add the site to it."},
}

var limits = ruleWords{
	{"connections_per_ip", "there were too many connections from that address",
		"Close some of them there. Programs behind one router share one address."},
	{"connections_per_user", "that user had too many connections", "Close some of them, or use the credentials of another user."},
	{"connect_rate_per_ip", "connections came too fast from that address",
		"Wait between two attempts: most often a program tries again and again without a pause."},
	{"connect_rate_per_user", "connections of that user came too fast",
		"Wait between two attempts: most often a program tries again and again without a pause."},
	{"connect_rate", "connections came too fast", "Wait a little, then try again."},
	{"connections", "there were too many connections", "Wait until others have left, then try again."},
	{"publishers_per_ip", "too many streams were sent from that address", "Stop one of them first."},
	{"publishers_per_user", "that user sent too many streams", "Stop one of them first."},
	{"publishers", "too many streams were sent to the application", "Wait until another one has ended."},
	{"players_per_ip", "too many streams were played at that address", "Stop a player there. Programs behind one router share one address."},
	{"players_per_user", "that user played too many streams", "Stop one of the players first."},
	{"players", "too many streams were played", "Wait until another player has left."},
	{"players_per_stream", "that stream had too many players", "Wait until another player has left."},
	{"bitrate", "the stream needs more bandwidth than one may have", "Send it with a lower bitrate, which is set in the encoder."},
	{"bitrate_total", "all streams together needed more bandwidth than they may have",
		"Send streams with a lower bitrate, or fewer of them."},
	{"bitrate_per_ip", "the streams from that address needed more bandwidth than they may have",
		"Send streams with a lower bitrate, or fewer of them."},
	{"bitrate_per_user", "the streams of that user needed more bandwidth than they may have",
		"Send streams with a lower bitrate, or fewer of them."},
}

var idle = ruleWords{
	{"connect_timeout", "it connected and then said nothing", "Something that only looks whether the port is open, or a client that hangs."},
	{"activity_timeout", "it connected and then neither published nor played",
		"Start the stream in the client, or close it: connections that do nothing are ended."},
	{"first_media_timeout", "it began to publish and then sent neither picture nor sound",
		"Look at the encoder: its source may have stopped, or its codec is starting slowly."},
	{"publisher_idle_timeout", "the publisher had sent nothing for too long", "Look at the encoder and its network: the stream broke off."},
}

var operators = ruleWords{
	{app.RuleKick, "an operator ended the connection", "Ask whoever looks after the server. It can connect again."},
	{app.RuleRelease, "an operator took the stream's name back",
		"Ask whoever looks after the server. It can publish again when the name is free."},
	{app.RuleUnload, "an operator ended the instance of the application",
		"It can connect again: the next client starts the instance anew."},
	{app.RuleBlock, "an operator has blocked that address", "It is let in again when the block is over or somebody ends it."},
}

// Words are Why and Advice, or better ones where the rule that fired is known.
func Words(c app.Cause, rule string) (why, advice string) {
	why, advice = Why(c), Advice(c)
	var lists []ruleWords
	switch {
	case c == app.CauseLimit:
		lists = []ruleWords{limits}
		if rule != "" {
			advice = "Have less of it at a time. The limit is an option of the configuration, which has the rule's name."
		}
	case c == app.CauseIdle:
		lists = []ruleWords{idle}
	case c == app.CauseOperator:
		lists = []ruleWords{operators}
	case !strings.HasPrefix(rule, "apps."): // the name of a method, or an application's own
	case c == app.CausePolicy:
		lists = []ruleWords{guessed, credentials}
	case c == app.CauseHandler:
		lists = []ruleWords{credentials}
	}
	name := rule[strings.LastIndexByte(rule, '.')+1:]
	for _, list := range lists {
		for _, w := range list {
			if w.rule == name {
				return w.why, w.advice
			}
		}
	}
	return why, advice
}
