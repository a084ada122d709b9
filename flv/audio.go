package flv

// ParseAudio classifies an audio payload.
func ParseAudio(body []byte) (Info, error) { return Info{Kind: TagAudio, Empty: len(body) == 0}, nil }
