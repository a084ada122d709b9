package script

// state is how far a part of server-side ActionScript is there.
type state string

const (
	done   state = "done"
	partly state = "partly"
	not    state = "not"
)

// feature is a row of docs/scripting.md. What is done is tested by name; what is not says why.
type feature struct {
	name  string
	state state
	tests string // names of tests in this package, or as package.Test; separated by blanks
	words string
}

type chapter struct {
	title    string
	features []feature
}

var compatibility = []chapter{
	{"Application", []feature{
		{"`application.onAppStart`", done, "TestConnect TestSharedObjects", "When the first client of an instance connects."},
		{"`application.onConnect(client, …)`", done, "TestConnect", "`true` accepts, `false` rejects, nothing leaves it open. Without it everybody is accepted."},
		{"`acceptConnection`, `rejectConnection`, `redirectConnection`", done, "TestConnect TestClientsThatLeaveEarly", "Also later. The object of a rejection is `info.application` of the client; its `message` is the description."},
		{"`application.onConnectAccept(client, …)`, `onConnectReject`", done, "TestConnectAcceptReject", "After the handler that accepted or rejected, and before any method of the client, with the arguments of `onConnect`. Where the scripts of the components framework are loaded (`gFrameworkFC`) they are theirs to call."},
		{"`application.onDisconnect(client)`", done, "TestConnect TestClientsThatLeaveEarly TestShutdown", "Once for each client that was accepted, also when it left in that moment or the instance ends."},
		{"`application.onAppStop(info)`", done, "TestShutdown TestInstances TestKeptInstance", "`info.code` is `Application.Shutdown`, `Application.GC`, or `Application.Reload`, which is ours. `false` keeps an instance that nobody uses. It is not called when the script was stopped."},
		{"`application.onPublish`, `onUnpublish`", done, "TestStreams", "`false` from `onPublish` refuses, which is ours. `stream` has `name` and `type`."},
		{"`application.onStatus(info)`", done, "TestTraps TestMemoryHeld", "`Application.Script.Error`, with the text, file and line in `description`; `Application.Resource.LowMemory` when the instance holds three quarters of `limits.script_memory`, as far as that is seen in time."},
		{"`application.broadcastMsg(method, …)`", done, "TestCallsToClients TestManyClients", "In order with `client.call`."},
		{"`application.disconnect(client)`", done, "TestCallsToClients", ""},
		{"`application.shutdown()`", done, "TestShutdown", "After the handler that calls it: `onAppStop`, `NetConnection.Connect.AppShutdown` to the clients, `onDisconnect` for each."},
		{"`application.gc()`", not, "", "There, and does nothing: memory is collected all the time."},
		{"`application.getStats()`", partly, "TestApplicationObject", "`launchTime`, `up_time`, `connected`, `bytes_in`, `bytes_out`; of the clients that are there."},
		{"`application.clearStreams(path)`", not, "", "There, and always `false`: nothing is recorded."},
		{"`application.clearSharedObjects(path)`", done, "TestSharedObjectDetails", "`*` and `?` in the path."},
		{"`application.registerClass(name, constructor)`", done, "TestRegisterClass", "Typed objects that clients send come as instances: the constructor without arguments, then the members, then `onInitialize`; and go out under the name. `null` takes it back; 1000 at the most. Other typed objects come as plain ones. Clients choose which registered constructors are called, and with which members: these should do nothing but set members."},
		{"`application.registerProxy(method, to, proxyMethod)`", done, "TestRegisterProxy", "`to` is a client or a `NetConnection`; the answer goes to whoever called, errors too. `null` takes it back."},
		{"`application.clients`", done, "TestCallsToClients TestManyClients", "A new array each time, in no particular order."},
		{"`application.name`, `hostname`, `server`", done, "TestApplicationObject", "`name` is `application/instance`; `server` is `Penstock`."},
		{"`application.config`, `allowDebug`", done, "TestApplicationConfig TestApplicationObject", "`ApplicationObject/config` of an `Application.xml` in the application's folder: elements by name, texts or what is in them. What else such a file set is in the configuration, see [config.md](config.md). `allowDebug` is `false`."},
		{"`onPeerLookup`, `denyPeerLookup`, `sendPeerRedirect`", not, "", "RTMFP only, which is not spoken here."},
	}},
	{"Client", []feature{
		{"`Client.prototype.method`, `client.method`", done, "TestMethods", "Nothing else can be called: neither what all objects inherit nor the methods below. A missing one is `NetConnection.Call.Failed`, \"Method not found (*name*).\""},
		{"`client.call(method, responder, …)`", done, "TestCallsToClients TestManyClients TestClientThatDoesNotKeepUp", "In order, never before the answer to connect. `onResult`, or `onStatus` for `_error`, a time-out and a client that leaves. `false` when the client has left. A client for which more than 8192 messages wait is ended."},
		{"`client.__resolve(name)`", done, "TestMethods", ""},
		{"`agent`, `ip`, `referrer`, `pageUrl`, `uri`, `protocol`, `secure`, `id`", done, "TestConnect TestApplicationObject", "`protocol` is `rtmp` or `rtmps`, through HTTP also."},
		{"`nearID`, `farID`", not, "", "RTMFP only."},
		{"`readAccess`, `writeAccess`", done, "TestStreams TestTraps server.TestScriptedSharedObjects", "For streams and shared objects, asked each time. The rules of the configuration count as well."},
		{"`audioSampleAccess`, `videoSampleAccess`", not, "", "Players are always told `|RtmpSampleAccess` false, false."},
		{"`virtualKey`", not, "", "There are no virtual directories."},
		{"`client.checkBandwidth()`", done, "TestCheckBandwidth", "Calls the client's `onBWCheck` with nothing, then with 16 KiB and twice as much each time until one takes a quarter of a second, 128 KiB at the most; then `onBWDone(kbit/s, kbit, seconds, latency in ms)`. One at a time."},
		{"`getBandwidthLimit`, `setBandwidthLimit`", not, "", "There: no limit, `0`, and `false`. Rates are limited by the configuration."},
		{"`client.ping()`", partly, "TestCheckBandwidth TestClientsThatLeaveEarly", "Whether the client is there; idle clients are pinged by the server itself."},
		{"`client.getStats()`", partly, "TestCheckBandwidth TestClientsThatLeaveEarly", "`bytes_in`, `bytes_out`, `msg_dropped`."},
		{"`getStreamLength`", not, "", "A question of the client about recordings, of which there are none."},
		{"`remoteMethod`", done, "TestCallsToClients", "As `client.call`."},
		{"`introducePeer`", not, "", "RTMFP only."},
	}},
	{"Stream", []feature{
		{"`Stream.get(name)`", done, "TestStreamPlay TestStreamPlaylist", "64 of an instance at the most. `onStatus` hears, with the name of the other stream in `details`: `NetStream.Publish.Start`, `NetStream.Publish.BadName`, and of `NetStream.Play`: `Start`, `Switch`, `Stop`, `Reset`, `StreamNotFound`, `PublishNotify`, `UnpublishNotify`, `Failed`."},
		{"`stream.play(name, start, length, reset)`", done, "TestStreamPlay TestStreamPlaylist", "A live stream of the instance, now or when it comes, from a key frame on. `reset` `false`, `0` or `2`: after what is played and the 256 that may wait. Then it begins when the length of what comes before is over or its publisher leaves; that goes on until then, 10 s at the most. `length`: seconds from the first frame on, and for how long a stream that is not there is waited for; `-1` and `0`: no end. `start` from `0` on: passed over when nobody publishes it, since nothing is recorded. `false` for the name ends the stream. A circle is refused. Players are told `NetStream.Play.Switch` in `onPlayStatus`."},
		{"`stream.play(…, remoteNC)`", not, "", "Streams of other servers: refused, with `false`."},
		{"`stream.send(handler, …)`", done, "TestStreamPlay", "A data message to everyone who plays the stream."},
		{"`record`, `clear`, `flush`, `length`, `size`, `syncWrite`, `getOnMetaData`", not, "", "Nothing is recorded."},
		{"`setBufferTime`, `setVirtualPath`, `publishQueryString`", not, "", "They are about recordings and about publishing to other servers."},
	}},
	{"SharedObject", []feature{
		{"`SharedObject.get(name, persistent)`", done, "TestSharedObjects", "The same object as the clients of the instance share."},
		{"`SharedObject.get(name, persistent, nc)`", not, "", "Proxied objects of other servers."},
		{"`getProperty`, `setProperty`, `getPropertyNames`, `size`", done, "TestSharedObjects", "`null` removes a property."},
		{"`lock`, `unlock`", done, "TestSharedObjects", "What is changed between them is one message."},
		{"`send`, `handlerName`", done, "TestSharedObjects", "A handler is a function of the object with the name of the message."},
		{"`mark`", partly, "TestSharedObjectDetails", "As `send`: what was changed before comes before it, always."},
		{"`onSync`", done, "TestSharedObjects", "With `code` and `name`."},
		{"`clear`, `close`, `flush`", done, "TestSharedObjects", "`flush` waits for the disk, a second at the most."},
		{"`commit`, `autoCommit`", partly, "TestSharedObjectDetails", "`commit` is `flush`. Changes are always stored soon; `autoCommit = false` does not stop that."},
		{"`version`, `isDirty`, `purge`, `resyncDepth`", done, "TestSharedObjectDetails", ""},
	}},
	{"Server to server, and the rest", []feature{
		{"`NetConnection`: `connect`, `call`, `close`, `onStatus`, `isConnected`, `uri`", done, "TestNetConnection", "To any RTMP server, `rtmp:` and `rtmps:`, 64 of an instance at the most. The other server may call functions that the script has set on the object."},
		{"`NetConnection.addHeader`", not, "", "It is for AMF over HTTP, which scripts cannot call."},
		{"`NetStream` (server to server)", not, "", "Streams are taken to other servers by FFmpeg, or by a program with `rtmp.Client`."},
		{"`File`", done, "TestFiles TestFileDetails", "Within the application's folder, links out of it included in that: `open` (`text` or `utf8`, which are the same, and `binary`; `read`, `readWrite`, `create`, `append`, `readAppend`), `read`, `readln`, `readAll`, `readByte`, `write`, `writeln`, `writeAll`, `writeByte`, `seek`, `position`, `eof`, `flush`, `close`, `list(filter)`, `mkdir`, `remove(recursive)`, `renameTo`, `copyTo`; `exists`, `isFile`, `isDirectory`, `isOpen`, `length`, `type`, `mode`, `canRead`, `canWrite`, `canAppend`, `canReplace`, `lastModified`, `creationTime` (which is the same), `name`. `readBytes(n)` and `write(Uint8Array)` are ours. 4 MiB, 64 open files; a file is replaced as a whole when it is flushed or closed."},
		{"`LoadVars`", done, "TestLoadVars TestMethods TestXMLRequests", "`load`, `send`, `sendAndLoad`, `onData`, `onLoad`, `onHTTPStatus`, `decode`, `toString`, `addRequestHeader`, `contentType`, `getBytesLoaded`. HTTP and HTTPS; 10 s, 1 MiB, 32 requests at a time."},
		{"`XML`, `XMLNode`", done, "TestXML TestXMLRequests xmldoc.TestParse xmldoc.TestLimits", "`parseXML`, `load`, `send`, `sendAndLoad`, `onData`, `onLoad`, `onHTTPStatus`, `addRequestHeader`, `contentType`, `ignoreWhite`, `status`, `loaded`, `getBytesLoaded`, `xmlDecl`, `docTypeDecl`, `createElement`, `createTextNode`, `appendChild`, `insertBefore`, `removeNode`, `cloneNode`, the links between nodes, names and namespaces, `toString`. 4 MiB, 128 levels, 100,000 nodes: what is over has `status` -7. No entity is looked up anywhere. XML that a client sends is an `XML`, and goes back as one."},
		{"`XMLSocket`, `XMLStreams`, `WebService`, `SOAPCall`", not, "", "Sockets of the script's own to anywhere, and a protocol that nobody speaks any more; `LoadVars` and `XML` reach what answers over HTTP, with types and headers of the script's own."},
		{"`ByteArray`", partly, "TestMethods", "A client's is a `Uint8Array`, and a `Uint8Array` or `ArrayBuffer` goes out as one."},
		{"`load(file)`", done, "TestTimersAndLoad", "Within the application's folder."},
		{"`trace(…)`", done, "TestConnect", "A line of the server's log."},
		{"`setInterval`, `clearInterval`", done, "TestTimersAndLoad", "Also `(object, \"method\", ms, …)`; `setTimeout` too. 10 ms at the least, 10,000 timers."},
		{"`NetGroup`, `GroupSpecifier`", not, "", "RTMFP only."},
	}},
	{"Deployment", []feature{
		{"`applications/<app>/main.asc`, instances, `_definst_`", done, "TestFind TestInstances server.TestScriptedApplication e2e.TestScriptedChat", "Also `main.js`. There is one adaptor and one virtual host. A folder `scripts/` is not searched; `load` names its files."},
		{"An application that is not there", done, "server.TestScriptedApplication", "`NetConnection.Connect.Rejected`, \"Application (*name*) is not defined.\""},
		{"`Adaptor.xml`, `Vhost.xml`, `Application.xml`", not, "", "See [config.md](config.md): `limits` for ResourceLimits, `limits.script_idle` for AppInstanceGC, `apps.NAME` for what is allowed."},
		{"Virtual directories and keys", not, "", "Nothing is recorded."},
		{"AllowBroadcast", not, "", "No client can broadcast; a script does what its methods do."},
		{"Ports 80 and 443, tunnelling", done, "e2e.TestRTMPT e2e.TestRTMPTS", "`rtmp.listen`, `rtmp.tls` and RTMPT, for scripted applications as for others."},
		{"The administration port", not, "", "The console and the HTTP API take its place: [console.md](console.md), [api.md](api.md)."},
	}},
	{"RTMPy's applications", []feature{
		{"`startup`, `shutdown`, `onAppStart`, `onAppStop`, `clients`, `name`", done, "TestConnect TestShutdown", "As above; handlers cannot be deferred."},
		{"`onConnect` with a deferred answer", done, "TestConnect", "Return nothing, and call `acceptConnection` or `rejectConnection` later."},
		{"`onConnectAccept`, `onConnectReject`", done, "TestConnectAcceptReject", "As above."},
		{"`acceptConnection`, `rejectConnection`, `disconnect`, `onDisconnect`, `onPublish`, `onUnpublish`", done, "TestConnect TestStreams TestCallsToClients", ""},
		{"Client methods can be called, those of the application cannot", done, "TestMethods", ""},
		{"`buildClient`, `registerApplication`, dynamic look-up", not, "", "For programs in Go: `app.Mux` and `app.Handler`."},
		{"`getStreamByName`, `publishStream`, subscribers", partly, "TestStreamPlay", "`Stream.get`; subscribers are the server's own business."},
		{"`rpc.expose`, `rpc.after`, `CommandResult`", not, "", "A method returns its value; what takes longer answers by `client.call`."},
		{"`connect` that fails", done, "TestConnect TestBrokenScripts", "`_error`, then the connection ends when everything was sent. A script that fails is `NetConnection.Connect.Failed`."},
	}},
}
