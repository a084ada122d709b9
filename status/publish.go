package status

// publishEntries returns the entries of NetStream that concern publishing and
// recording.
func publishEntries() []Entry {
	return append(livePublishEntries(), recordEntries()...)
}

func livePublishEntries() []Entry {
	return []Entry{
		{Code: PublishStart, Level: LevelStatus, Description: "%s is now published.",
			Meaning: "Publishing may begin. FMS adds clientid, other servers also details.",
			Carrier: OnStatus, Sender: FromServer, Extra: "clientid", XStatus: 200, Sent: true, Source: srcImitated},
		{Code: PublishBadName, Level: LevelError, Description: "%s is already being published.",
			Meaning: "Another client publishes under this name. Also used for a name that cannot be published.",
			Carrier: OnStatus, Sender: FromServer, Extra: "clientid", XStatus: 409, Sent: true, Source: srcAS3 + and + srcOurs},
		{Code: PublishDenied, Level: LevelError, Description: "Publishing %s is not allowed.",
			Meaning: "Publishing was refused. OBS Studio and GStreamer act on this code.",
			Carrier: OnStatus, Sender: FromServer, Extra: "clientid", XStatus: 401, Sent: true, Source: srcClients + and + srcOurs},
		{Code: PublishRejected, Level: LevelError, Description: "Publishing %s was rejected.",
			Meaning: "Publishing was refused; OBS Studio knows the code.",
			Carrier: OnStatus, Sender: FromServer, Extra: "clientid", XStatus: 401, Source: srcClients + and + srcOurs},
		{Code: PublishIdle, Level: LevelStatus, Description: "%s is idle.",
			Meaning: "The publisher sent nothing for a while.",
			Carrier: OnStatus, Sender: FromServer, Extra: "clientid", Source: srcAS3 + and + srcOurs},
		{Code: UnpublishSuccess, Level: LevelStatus, Description: "%s is now unpublished.",
			Meaning: "Publishing ended at the client's request.",
			Carrier: OnStatus, Sender: FromServer, Extra: "clientid", Sent: true, Source: srcImitated},
	}
}

func recordEntries() []Entry {
	return []Entry{
		{Code: RecordStart, Level: LevelStatus, Description: "Recording %s.",
			Meaning: "Recording began, after NetStream.Publish.Start.",
			Carrier: OnStatus, Sender: FromServer, Extra: "details, clientid", Source: srcAS3 + and + srcOurs},
		{Code: RecordStop, Level: LevelStatus, Description: "Stopped recording %s.",
			Meaning: "Recording ended.",
			Carrier: OnStatus, Sender: FromServer, Extra: "details, clientid", Source: srcAS3 + and + srcOurs},
		{Code: RecordNoAccess, Level: LevelError, Description: "Recording %s is not allowed.",
			Meaning: "The stream may not be recorded: no write access, or its file is read-only.",
			Carrier: OnStatus, Sender: FromServer, Extra: "details, clientid", Sent: true, Source: srcAS3 + and + srcOurs},
		{Code: RecordFailed, Level: LevelError, Description: "Failed to record %s.",
			Meaning: "Recording failed.",
			Carrier: OnStatus, Sender: FromServer, Extra: "details, clientid", Source: srcAS3 + and + srcOurs},
		{Code: RecordAlreadyExists, Level: LevelStatus,
			Meaning: "The stream being recorded shares its file with another through a virtual directory.",
			Carrier: OnStatus, Sender: FromServer, Extra: "details, clientid", Source: srcSSAS},
		{Code: RecordDiskQuotaExceeded, Level: LevelError, Description: "Disk quota exceeded while recording %s.",
			Meaning: "The disk quota for recordings is used up.",
			Carrier: OnStatus, Sender: FromServer, Extra: "details, clientid", Source: srcClients + and + srcOurs},
		{Code: ClearSuccess, Level: LevelStatus,
			Meaning: "A script deleted a recorded stream.",
			Carrier: ScriptOnly, Sender: FromScript, Source: srcSSAS},
		{Code: ClearFailed, Level: LevelError,
			Meaning: "A script could not delete a recorded stream.",
			Carrier: ScriptOnly, Sender: FromScript, Source: srcSSAS},
	}
}
