package status

// connectionEntries returns the entries of NetConnection.
func connectionEntries() []Entry {
	return append(connectEntries(), callEntries()...)
}

func connectEntries() []Entry {
	return []Entry{
		{Code: ConnectSuccess, Level: LevelStatus, Description: "Connection succeeded.",
			Meaning: "The application accepted the connection. Flash Player makes one itself, with level and code only, for connect(null).",
			Carrier: Result, Sender: FromBoth, Extra: "objectEncoding, data", XStatus: 200, Sent: true, Source: srcFMS45},
		{Code: ConnectRejected, Level: LevelError, Description: "Connection failed.",
			Meaning: "The application or the server refused the connection; a close command follows. A refusal by the server itself has a description of the form [ Server.Reject ] : … and no further property. A redirect carries ex with code 302 and the address. x-status is 302 for an unavailable application, 401 when the application refused, 403 for the access module, 404 for an unknown application, 409 for a limit, 413 for the licence.",
			Carrier: ErrorResult, Sender: FromServer, Extra: "application, ex", XStatus: 401, Sent: true, Source: srcAMS5},
		{Code: ConnectInvalidApp, Level: LevelError, Description: "Application (%s) is not valid.",
			Meaning: "The name of the application cannot be used. Documented, but no capture has it: for an unknown application FMS sends NetConnection.Connect.Rejected.",
			Carrier: ErrorResult, Sender: FromServer, XStatus: 404, Sent: true, Source: srcWiki + and + srcOurs},
		{Code: ConnectFailed, Level: LevelError, Description: "Connection failed.",
			Meaning: "The connection attempt failed. Flash Player makes it when the socket or the handshake fails or closes before an answer; a server may send it when its application failed.",
			Carrier: ErrorResult, Sender: FromBoth, XStatus: 500, Sent: true, Source: srcFlash + and + srcOurs},
		{Code: ConnectClosed, Level: LevelStatus, Description: "Connection closed.",
			Meaning: "The connection has ended. Flash Player raises it by itself; the server sends it first to clients that are no Flash Player, because nothing in them would.",
			Carrier: OnStatus, Sender: FromBoth, Sent: true, Source: srcFlash + and + srcOurs},
		{Code: ConnectAppShutdown, Level: LevelError, Description: "Application %s is shutting down.",
			Meaning: "The application is being unloaded or the server stops; a close command follows. In answer to a connect that waits it travels in _error.",
			Carrier: OnStatus, Sender: FromServer, Sent: true, Source: srcAS3 + and + srcOurs},
		{Code: ConnectIdleTimeOut, Level: LevelStatus, Description: "Connection was idle for too long.",
			Meaning: "The server ends a connection on which nothing happened; a close command follows. This is the spelling that clients test.",
			Carrier: OnStatus, Sender: FromServer, XStatus: 432, Sent: true, Source: srcAS3 + and + srcOurs},
		{Code: ConnectIdleTimeoutAlias, Level: LevelStatus,
			Meaning: "Another spelling of NetConnection.Connect.IdleTimeOut in the same reference.",
			Carrier: OnStatus, Sender: FromServer, XStatus: 432, Source: srcAS3},
		{Code: ConnectIdle, Level: LevelStatus,
			Meaning: "The name that the configuration guide gives to NetConnection.Connect.IdleTimeOut.",
			Carrier: OnStatus, Sender: FromServer, XStatus: 432, Source: srcGuide},
		{Code: ConnectNetworkChange, Level: LevelStatus,
			Meaning: "The network interface of the player's machine changed.",
			Carrier: ClientOnly, Sender: FromClient, Source: srcAS3},
		{Code: ConnectReconnectRequest, Level: LevelStatus, Description: "Please reconnect.",
			Meaning: "The server asks the client to connect anew, to tcUrl or else to the same address; it is served until it has moved. Only for clients that declare capsEx bit 1. The description is free text.",
			Carrier: OnStatus, Sender: FromServer, Extra: "tcUrl", Sent: true, Source: srcERTMP + and + srcOurs},
		{Code: ProxyNotResponding, Level: LevelError,
			Meaning: "The proxy behind the server gives no answer.",
			Carrier: OnStatus, Sender: FromServer, Source: srcERTMP},
	}
}

func callEntries() []Entry {
	return []Entry{
		{Code: CallFailed, Level: LevelError, Description: "Method not found (%s).",
			Meaning: "The remote method does not exist or failed; for a failure the text is Failed to execute method (name). Flash Player answers with code and level only, in this order, and makes the object itself for remoting over HTTP.",
			Carrier: ErrorResult, Sender: FromBoth, Sent: true, Source: srcFMSLog},
		{Code: CallBadVersion, Level: LevelError, Description: "The command could not be decoded.",
			Meaning: "A player raises it for a packet in a format that it cannot read. The server answers it to a command that cannot be decoded, and to an AMF version other than 0 and 3.",
			Carrier: ErrorResult, Sender: FromBoth, XStatus: 400, Sent: true, Source: srcAS3 + and + srcOurs},
		{Code: CallProhibited, Level: LevelError, Description: "This method may not be called from here.",
			Meaning: "A player raises it when its security rules forbid a call to another domain. The server answers it to a call of a method that is not for this client.",
			Carrier: ErrorResult, Sender: FromBoth, XStatus: 403, Sent: true, Source: srcAS3 + and + srcOurs},
		{Code: CallSuccess, Level: LevelStatus,
			Meaning: "An administration command succeeded.",
			Carrier: AdminReply, Sender: FromServer, Extra: "timestamp", Source: srcSSAS},
		{Code: AdminCommandFailed, Level: LevelError,
			Meaning: "An administration command failed.",
			Carrier: AdminReply, Sender: FromServer, Extra: "timestamp", Source: srcSSAS},
	}
}
