import flash.events.NetStatusEvent;
import flash.external.ExternalInterface;
import flash.net.NetConnection;
import flash.net.ObjectEncoding;
import flash.net.Responder;
import flash.utils.ByteArray;

/** A class with an alias, so that it keeps its name on the wire. **/
class Spot {
	public var x:Float;
	public var y:Float;

	public function new() {}
}

/** Calls the gateway in every way a movie can, one step after the other, and tells the page what it saw, a line for each event. **/
class Movie {
	static var gateway:String;
	static var elsewhere:String;
	static var rtmp:String;

	static function main() {
		var given:Dynamic = flash.Lib.current.loaderInfo.parameters;
		gateway = given.gateway;
		elsewhere = given.elsewhere;
		rtmp = given.rtmp;
		untyped __global__["flash.net.registerClassAlias"]("com.example.Spot", Spot);
		untyped __global__["flash.net.registerClassAlias"]("flex.messaging.messages.RemotingMessage", Remoting);
		run([results, batch, values, faults, credentials, tooDeep, encoding3, amf3, session, flex, anotherHost, noGateway, overRTMP]);
	}

	static function say(line:String) {
		ExternalInterface.call("said", line);
	}

	/** Runs the steps; each calls what it is given when it has seen everything it waits for. **/
	static function run(steps:Array<(Void->Void)->Void>) {
		var step = steps.shift();
		if (step == null) {
			say("done");
			return;
		}
		try {
			step(() -> run(steps));
		} catch (e:flash.errors.Error) {
			say("error " + e.message);
			run(steps);
		}
	}

	/** A responder that says what came, and then calls next. **/
	static function responder(name:String, next:Void->Void):Responder {
		return new Responder(v -> {
			say(name + " result " + show(v));
			next();
		}, v -> {
			say(name + " status " + show(v));
			next();
		});
	}

	/** Calls next when it has been called n times. **/
	static function after(n:Int, next:Void->Void):Void->Void {
		return () -> if (--n == 0) next();
	}

	static function connection(name:String, url:String):NetConnection {
		var nc = new NetConnection();
		nc.addEventListener(NetStatusEvent.NET_STATUS, e -> say(name + " netStatus " + show(e.info)));
		nc.connect(url);
		return nc;
	}

	static function results(next:Void->Void) {
		var nc = connection("results", gateway);
		say("results connected " + nc.connected);
		nc.call("live.ping", responder("ping", next));
	}

	/** Three calls in one frame, the second of which fails. **/
	static function batch(next:Void->Void) {
		var nc = connection("batch", gateway + "/desk/room");
		var all = after(3, next);
		nc.call("count", responder("first", all));
		nc.call("missing", responder("second", all));
		nc.call("count", responder("third", all));
	}

	static function values(next:Void->Void) {
		var nc = connection("values", gateway + "/live");
		var spot = new Spot();
		spot.x = 1.5;
		spot.y = -2;
		var all = after(4, next);
		nc.call("echo", responder("scalars", all), "ä€😀", 1.5, true, null, false);
		nc.call("echo", responder("array", all), ["a", [1, [2]], {b: null}]);
		nc.call("echo", responder("date", all), Date.fromTime(1234567890123.0));
		nc.call("echo", responder("typed", all), spot);
	}

	static function faults(next:Void->Void) {
		var nc = connection("faults", gateway);
		var all = after(4, next);
		nc.call("live.nothing", responder("no method", all));
		nc.call("nowhere.ping", responder("no application", all));
		nc.call("members.ping", responder("no credentials", all));
		nc.call("desk.fail", responder("failing", all));
	}

	static function credentials(next:Void->Void) {
		var nc = connection("credentials", gateway + "/members");
		nc.addHeader("Credentials", true, {userid: "ann", password: "se cret&/="});
		nc.call("ping", responder("credentials", next));
	}

	static function tooDeep(next:Void->Void) {
		var nc = connection("too deep", gateway + "/live");
		var deep:Dynamic = "bottom";
		for (_ in 0...40)
			deep = {below: deep};
		nc.call("echo", responder("too deep", next), deep);
	}

	/** A NetConnection that wants AMF3. **/
	static function encoding3(next:Void->Void) {
		var nc = new NetConnection();
		nc.objectEncoding = ObjectEncoding.AMF3;
		nc.connect(gateway + "/live");
		nc.call("echo", responder("objectEncoding 3", next), {list: [1, 2], when: Date.fromTime(0)});
	}

	/** Ruffle's NetConnection writes AMF0 whatever objectEncoding says, so the packet is made here; its values are Ruffle's own AMF3. **/
	static function amf3(next:Void->Void) {
		var spot = new Spot();
		spot.x = 0.5;
		spot.y = 3;
		var bytes = new ByteArray();
		bytes.writeUTFBytes("bytes");
		var p = call("echo", [spot, Date.fromTime(1234567890123.0), ["a", 7, -1, null], {n: 268435456, t: true}, bytes]);
		p.call("nothing", []);
		ask(gateway + "/live", p, next, answer -> {
			say("amf3 version " + answer.version);
			for (b in answer.bodies)
				say("amf3 " + b.target + " " + show(b.value));
			next();
		});
	}

	/** Calls and hands the answer to then; with an error it says so and goes on. **/
	static function ask(url:String, p:Packet, next:Void->Void, then:Packet->Void) {
		p.send(url, then, error -> {
			say("error " + error);
			next();
		});
	}

	static function call(target:String, args:Array<Dynamic>):Packet {
		var p = new Packet();
		p.call(target, args);
		return p;
	}

	/** Obeys AppendToGatewayUrl, which Ruffle's NetConnection does not. **/
	static function session(next:Void->Void) {
		var url = gateway + "/desk";
		ask(url, call("remember", ["blue"]), next, first -> {
			var suffix = "";
			for (h in first.headers) {
				if (h.name == "AppendToGatewayUrl")
					suffix = h.value;
				else
					say("session header " + h.name + " " + show(h.value));
			}
			ask(url + suffix, call("recall", []), next, again -> {
				say("session recalls " + show(again.bodies[0].value));
				ask(url, call("recall", []), next, other -> {
					say("another recalls " + show(other.bodies[0].value));
					next();
				});
			});
		});
	}

	static function flex(next:Void->Void) {
		ask(gateway, call("null", [new Remoting("live", "echo", ["from Flex"])]), next, answer -> {
			var m = answer.bodies[0].value;
			say("flex " + answer.bodies[0].target + " " + show(m.body) + " for " + m.correlationId);
			ask(gateway, call("null", [new Remoting("live", "nothing", [])]), next, refused -> {
				m = refused.bodies[0].value;
				say("flex " + refused.bodies[0].target + " " + m.faultCode + " " + m.faultString);
				next();
			});
		});
	}

	/** The gateway by another name, which is another origin: it lets this page's host call. **/
	static function anotherHost(next:Void->Void) {
		connection("another host", elsewhere).call("live.ping", responder("another host", next));
	}

	static function noGateway(next:Void->Void) {
		var nc = new NetConnection();
		nc.addEventListener(NetStatusEvent.NET_STATUS, e -> {
			say("no gateway netStatus " + show(e.info));
			next();
		});
		nc.connect(gateway + "/../no-such-place");
		nc.call("live.ping", responder("no gateway", () -> {}));
	}

	/** What Ruffle makes of RTMP. **/
	static function overRTMP(next:Void->Void) {
		var nc = connection("rtmp", rtmp);
		say("rtmp connected " + nc.connected);
		try {
			nc.call("ping", responder("rtmp", () -> {}));
		} catch (e:flash.errors.Error)
			say("rtmp error " + e.message);
		next();
	}

	/** A value in words; members are sorted, for they have no order. **/
	static function show(v:Dynamic):String {
		if (v == null)
			return "null";
		if (Std.isOfType(v, Date))
			return "Date(" + (v : Date).getTime() + ")";
		if (Std.isOfType(v, String))
			return '"' + v + '"';
		if (Std.isOfType(v, Array))
			return "[" + (v : Array<Dynamic>).map(show).join(", ") + "]";
		if (Std.isOfType(v, ByteArray))
			return "ByteArray(" + (v : ByteArray).toString() + ")";
		if (Std.isOfType(v, Float) || Std.isOfType(v, Bool))
			return Std.string(v);
		if (Std.isOfType(v, Spot))
			return "Spot(" + v.x + ", " + v.y + ")";
		var names = Reflect.fields(v);
		names.sort(Reflect.compare);
		return "{" + names.map(n -> n + ": " + show(Reflect.field(v, n))).join(", ") + "}";
	}
}
