package flv

// ParseVideo classifies a video payload.
func ParseVideo(body []byte) (Info, error) { return Info{Kind: TagVideo, Empty: len(body) == 0}, nil }
