import flash.events.Event;
import flash.events.IOErrorEvent;
import flash.events.SecurityErrorEvent;
import flash.net.ObjectEncoding;
import flash.net.URLLoader;
import flash.net.URLLoaderDataFormat;
import flash.net.URLRequest;
import flash.net.URLRequestMethod;
import flash.utils.ByteArray;

typedef Body = {target:String, value:Dynamic}
typedef Header = {name:String, value:Dynamic}

/** A packet of AMF remoting whose values are AMF3, as Flash Player sends it when objectEncoding is AMF3. **/
class Packet {
	public var version = 3;
	public var headers:Array<Header> = [];
	public var bodies:Array<Body> = [];

	public function new() {}

	public function call(target:String, args:Array<Dynamic>) {
		bodies.push({target: target, value: args});
	}

	/** POSTs the packet. **/
	public function send(url:String, done:Packet->Void, failed:String->Void) {
		var request = new URLRequest(url);
		request.method = URLRequestMethod.POST;
		request.contentType = "application/x-amf";
		request.data = bytes();
		var loader = new URLLoader();
		loader.dataFormat = URLLoaderDataFormat.BINARY;
		loader.addEventListener(Event.COMPLETE, _ -> done(read(loader.data)));
		loader.addEventListener(IOErrorEvent.IO_ERROR, (e:IOErrorEvent) -> failed(e.text));
		loader.addEventListener(SecurityErrorEvent.SECURITY_ERROR, (e:SecurityErrorEvent) -> failed(e.text));
		loader.load(request);
	}

	function bytes():ByteArray {
		var out = new ByteArray();
		out.objectEncoding = ObjectEncoding.AMF3;
		out.writeShort(version);
		out.writeShort(headers.length);
		for (h in headers) {
			out.writeUTF(h.name);
			out.writeBoolean(false);
			write(out, h.value);
		}
		out.writeShort(bodies.length);
		for (i in 0...bodies.length) {
			out.writeUTF(bodies[i].target);
			out.writeUTF("/" + (i + 1));
			write(out, bodies[i].value);
		}
		return out;
	}

	static function write(out:ByteArray, v:Dynamic) {
		var value = new ByteArray();
		value.objectEncoding = ObjectEncoding.AMF3;
		value.writeByte(0x11); // AMF3 follows
		value.writeObject(v);
		out.writeUnsignedInt(value.length);
		out.writeBytes(value);
	}

	static function read(data:ByteArray):Packet {
		var p = new Packet();
		p.version = data.readUnsignedShort();
		for (_ in 0...data.readUnsignedShort()) {
			var name = data.readUTF();
			data.readBoolean();
			p.headers.push({name: name, value: value(data)});
		}
		for (_ in 0...data.readUnsignedShort()) {
			var target = data.readUTF();
			data.readUTF();
			p.bodies.push({target: target, value: value(data)});
		}
		return p;
	}

	static function value(data:ByteArray):Dynamic {
		var part = new ByteArray();
		data.readBytes(part, 0, data.readUnsignedInt());
		var marker = part.readUnsignedByte();
		if (marker == 0x11) {
			part.objectEncoding = ObjectEncoding.AMF3;
		} else {
			part.objectEncoding = ObjectEncoding.AMF0;
			part.position = 0;
		}
		return part.readObject();
	}
}
