package status

// Code is the code of an information object. It is what programs compare; the
// description is for people.
type Code string

// NetConnection: the connection and remote calls.
const (
	ConnectSuccess          Code = "NetConnection.Connect.Success"
	ConnectRejected         Code = "NetConnection.Connect.Rejected"
	ConnectInvalidApp       Code = "NetConnection.Connect.InvalidApp"
	ConnectFailed           Code = "NetConnection.Connect.Failed"
	ConnectClosed           Code = "NetConnection.Connect.Closed"
	ConnectAppShutdown      Code = "NetConnection.Connect.AppShutdown"
	ConnectIdleTimeOut      Code = "NetConnection.Connect.IdleTimeOut"
	ConnectIdleTimeoutAlias Code = "NetConnection.Connect.IdleTimeout"
	ConnectIdle             Code = "NetConnection.Connect.Idle"
	ConnectNetworkChange    Code = "NetConnection.Connect.NetworkChange"
	ConnectReconnectRequest Code = "NetConnection.Connect.ReconnectRequest"
	CallFailed              Code = "NetConnection.Call.Failed"
	CallBadVersion          Code = "NetConnection.Call.BadVersion"
	CallProhibited          Code = "NetConnection.Call.Prohibited"
	CallSuccess             Code = "NetConnection.Call.Success"
	AdminCommandFailed      Code = "NetConnection.Admin.Command.Failed"
	ProxyNotResponding      Code = "NetConnection.Proxy.NotResponding"
)

// NetStream: playing.
const (
	PlayReset                 Code = "NetStream.Play.Reset"
	PlayStart                 Code = "NetStream.Play.Start"
	PlayStop                  Code = "NetStream.Play.Stop"
	PlayStreamNotFound        Code = "NetStream.Play.StreamNotFound"
	PlayFailed                Code = "NetStream.Play.Failed"
	PlayPublishNotify         Code = "NetStream.Play.PublishNotify"
	PlayUnpublishNotify       Code = "NetStream.Play.UnpublishNotify"
	PlayInsufficientBW        Code = "NetStream.Play.InsufficientBW"
	PlayComplete              Code = "NetStream.Play.Complete"
	PlaySwitch                Code = "NetStream.Play.Switch"
	PlayTransition            Code = "NetStream.Play.Transition"
	PlayTransitionComplete    Code = "NetStream.Play.TransitionComplete"
	PlayFileStructureInvalid  Code = "NetStream.Play.FileStructureInvalid"
	PlayNoSupportedTrackFound Code = "NetStream.Play.NoSupportedTrackFound"
	PauseNotify               Code = "NetStream.Pause.Notify"
	UnpauseNotify             Code = "NetStream.Unpause.Notify"
	SeekNotify                Code = "NetStream.Seek.Notify"
	SeekFailed                Code = "NetStream.Seek.Failed"
	SeekInvalidTime           Code = "NetStream.Seek.InvalidTime"
	StepNotify                Code = "NetStream.Step.Notify"
)

// NetStream: publishing, recording and the rest a server sends.
const (
	PublishStart            Code = "NetStream.Publish.Start"
	PublishBadName          Code = "NetStream.Publish.BadName"
	PublishDenied           Code = "NetStream.Publish.Denied"
	PublishRejected         Code = "NetStream.Publish.Rejected"
	PublishIdle             Code = "NetStream.Publish.Idle"
	UnpublishSuccess        Code = "NetStream.Unpublish.Success"
	RecordStart             Code = "NetStream.Record.Start"
	RecordStop              Code = "NetStream.Record.Stop"
	RecordNoAccess          Code = "NetStream.Record.NoAccess"
	RecordFailed            Code = "NetStream.Record.Failed"
	RecordAlreadyExists     Code = "NetStream.Record.AlreadyExists"
	RecordDiskQuotaExceeded Code = "NetStream.Record.DiskQuotaExceeded"
	ClearSuccess            Code = "NetStream.Clear.Success"
	ClearFailed             Code = "NetStream.Clear.Failed"
	StreamFailed            Code = "NetStream.Failed"
	InvalidArg              Code = "NetStream.InvalidArg"
	DataStart               Code = "NetStream.Data.Start"
)

// NetStream: made by the player itself, never received from a server.
const (
	BufferEmpty              Code = "NetStream.Buffer.Empty"
	BufferFull               Code = "NetStream.Buffer.Full"
	BufferFlush              Code = "NetStream.Buffer.Flush"
	VideoDimensionChange     Code = "NetStream.Video.DimensionChange"
	DRMUpdateNeeded          Code = "NetStream.DRM.UpdateNeeded"
	MulticastStreamReset     Code = "NetStream.MulticastStream.Reset"
	SecondScreenStart        Code = "NetStream.SecondScreen.Start"
	SecondScreenStop         Code = "NetStream.SecondScreen.Stop"
	NetStreamConnectSuccess  Code = "NetStream.Connect.Success"
	NetStreamConnectRejected Code = "NetStream.Connect.Rejected"
	NetStreamConnectFailed   Code = "NetStream.Connect.Failed"
	NetStreamConnectClosed   Code = "NetStream.Connect.Closed"
)

// SharedObject.
const (
	SharedObjectNoReadAccess         Code = "SharedObject.NoReadAccess"
	SharedObjectNoWriteAccess        Code = "SharedObject.NoWriteAccess"
	SharedObjectBadPersistence       Code = "SharedObject.BadPersistence"
	SharedObjectObjectCreationFailed Code = "SharedObject.ObjectCreationFailed"
	SharedObjectUriMismatch          Code = "SharedObject.UriMismatch"
	SharedObjectFlushSuccess         Code = "SharedObject.Flush.Success"
	SharedObjectFlushFailed          Code = "SharedObject.Flush.Failed"
)

// Application: told to server-side scripts only.
const (
	ApplicationScriptError       Code = "Application.Script.Error"
	ApplicationScriptWarning     Code = "Application.Script.Warning"
	ApplicationResourceLowMemory Code = "Application.Resource.LowMemory"
	ApplicationShutdown          Code = "Application.Shutdown"
	ApplicationGC                Code = "Application.GC"
)

// NetGroup: RTMFP only.
const (
	NetGroupConnectSuccess                 Code = "NetGroup.Connect.Success"
	NetGroupConnectSucccess                Code = "NetGroup.Connect.Succcess"
	NetGroupConnectFailed                  Code = "NetGroup.Connect.Failed"
	NetGroupConnectRejected                Code = "NetGroup.Connect.Rejected"
	NetGroupLocalCoverageNotify            Code = "NetGroup.LocalCoverage.Notify"
	NetGroupMulticastStreamPublishNotify   Code = "NetGroup.MulticastStream.PublishNotify"
	NetGroupMulticastStreamUnpublishNotify Code = "NetGroup.MulticastStream.UnpublishNotify"
	NetGroupNeighborConnect                Code = "NetGroup.Neighbor.Connect"
	NetGroupNeighborDisconnect             Code = "NetGroup.Neighbor.Disconnect"
	NetGroupPostingNotify                  Code = "NetGroup.Posting.Notify"
	NetGroupReplicationFetchFailed         Code = "NetGroup.Replication.Fetch.Failed"
	NetGroupReplicationFetchResult         Code = "NetGroup.Replication.Fetch.Result"
	NetGroupReplicationFetchSendNotify     Code = "NetGroup.Replication.Fetch.SendNotify"
	NetGroupReplicationRequest             Code = "NetGroup.Replication.Request"
	NetGroupSendToNotify                   Code = "NetGroup.SendTo.Notify"
)
