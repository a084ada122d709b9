package status

// playerEntries returns the entries of NetStream that a player makes itself.
func playerEntries() []Entry {
	var all []Entry
	for _, e := range []struct {
		code           Code
		level, meaning string
	}{
		{BufferEmpty, LevelStatus, "The player has no data left to play. The user control event StreamBufferEmpty (31) supports it."},
		{BufferFull, LevelStatus, "The player has enough data to play. The user control event StreamBufferReady (32) supports it."},
		{BufferFlush, LevelStatus, "All data was received; the player plays what remains in its buffer."},
		{VideoDimensionChange, LevelStatus, "The size of the picture is known or changed."},
		{DRMUpdateNeeded, LevelStatus, "The player's content protection module must be updated."},
		{MulticastStreamReset, LevelStatus, "A peer-to-peer multicast stream was published anew. RTMFP only."},
		{SecondScreenStart, LevelStatus, "Playing on a second screen began."},
		{SecondScreenStop, LevelStatus, "Playing on a second screen ended."},
		{NetStreamConnectSuccess, LevelStatus, "A peer-to-peer connection succeeded. RTMFP only; the property stream holds the NetStream."},
		{NetStreamConnectRejected, LevelError, "A peer-to-peer connection was refused. RTMFP only."},
		{NetStreamConnectFailed, LevelError, "A peer-to-peer connection failed. RTMFP only."},
		{NetStreamConnectClosed, LevelStatus, "A peer-to-peer connection ended. RTMFP only."},
	} {
		extra := ""
		if e.code == NetStreamConnectSuccess || e.code == NetStreamConnectRejected ||
			e.code == NetStreamConnectFailed || e.code == NetStreamConnectClosed {
			extra = "stream"
		}
		all = append(all, Entry{Code: e.code, Level: e.level, Meaning: e.meaning, Extra: extra,
			Carrier: ClientOnly, Sender: FromClient, Source: srcAS3})
	}
	return all
}

// otherEntries returns the entries of SharedObject, Application and NetGroup.
func otherEntries() []Entry {
	return append(append(sharedObjectEntries(), applicationEntries()...), netGroupEntries()...)
}

func sharedObjectEntries() []Entry {
	refused := func(c Code, description, meaning string) Entry {
		return Entry{Code: c, Level: LevelError, Description: description, Meaning: meaning, Carrier: ObjectStatus, Sender: FromServer,
			Sent: true, Source: srcAS3}
	}
	local := func(c Code, level, meaning string) Entry {
		return Entry{Code: c, Level: level, Meaning: meaning, Carrier: ClientOnly, Sender: FromClient, Source: srcAS3}
	}
	return []Entry{
		refused(SharedObjectNoReadAccess, "No read access to the shared object %s.", "The client may not read the shared object."),
		refused(SharedObjectNoWriteAccess, "No write access to the shared object %s.", "The client may not change the shared object; the present value follows."),
		refused(SharedObjectBadPersistence, "The shared object %s exists with the other persistence.", "The shared object exists with the other persistence flag."),
		refused(SharedObjectObjectCreationFailed, "The shared object %s cannot be created.", "The server could not create the shared object."),
		local(SharedObjectUriMismatch, LevelError, "The address of the shared object does not match that of the connection."),
		local(SharedObjectFlushSuccess, LevelStatus, "The user allowed the storage that flush() asked for."),
		local(SharedObjectFlushFailed, LevelError, "The user refused the storage that flush() asked for."),
	}
}

func applicationEntries() []Entry {
	script := func(c Code, level, extra, meaning string) Entry {
		return Entry{Code: c, Level: level, Extra: extra, Meaning: meaning,
			Carrier: ScriptOnly, Sender: FromScript, Source: srcSSAS}
	}
	const place = "filename, lineno, linebuf"
	return []Entry{
		script(ApplicationScriptError, LevelError, place, "A script failed."),
		script(ApplicationScriptWarning, LevelWarning, place, "A script was found doubtful."),
		script(ApplicationResourceLowMemory, LevelWarning, "", "The application has little memory left."),
		script(ApplicationShutdown, LevelStatus, "", "The application stops because it was shut down (onAppStop)."),
		script(ApplicationGC, LevelStatus, "", "The application stops because nobody uses it (onAppStop)."),
	}
}

func netGroupEntries() []Entry {
	group := func(c Code, level, meaning string) Entry {
		return Entry{Code: c, Level: level, Meaning: meaning + " RTMFP only.",
			Carrier: ClientOnly, Sender: FromClient, Source: srcAS3}
	}
	return []Entry{
		group(NetGroupConnectSuccess, LevelStatus, "Joining the group succeeded."),
		group(NetGroupConnectSucccess, LevelStatus, "The spelling of NetGroup.Connect.Success in the reference."),
		group(NetGroupConnectFailed, LevelError, "Joining the group failed."),
		group(NetGroupConnectRejected, LevelError, "Joining the group was refused."),
		group(NetGroupLocalCoverageNotify, LevelStatus, "The part of the address space for which this member answers changed."),
		group(NetGroupMulticastStreamPublishNotify, LevelStatus, "A stream was found in the group."),
		group(NetGroupMulticastStreamUnpublishNotify, LevelStatus, "A stream left the group."),
		group(NetGroupNeighborConnect, LevelStatus, "A neighbour connected."),
		group(NetGroupNeighborDisconnect, LevelStatus, "A neighbour left."),
		group(NetGroupPostingNotify, LevelStatus, "A posting arrived."),
		group(NetGroupReplicationFetchFailed, LevelStatus, "Fetching an object failed."),
		group(NetGroupReplicationFetchResult, LevelStatus, "A fetched object arrived."),
		group(NetGroupReplicationFetchSendNotify, LevelStatus, "A fetch request is about to be sent to a neighbour."),
		group(NetGroupReplicationRequest, LevelStatus, "A neighbour asked for an object."),
		group(NetGroupSendToNotify, LevelStatus, "A directed message arrived."),
	}
}
