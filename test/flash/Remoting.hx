/** What Flex's RemoteObject sends. **/
class Remoting {
	public var body:Dynamic;
	public var clientId:Dynamic;
	public var destination:String;
	public var headers:Dynamic;
	public var messageId:String;
	public var operation:String;
	public var source:Dynamic;
	public var timeToLive:Float;
	public var timestamp:Float;

	public function new(destination:String, operation:String, args:Array<Dynamic>) {
		this.destination = destination;
		this.operation = operation;
		body = args;
		messageId = "4C1D95B2-0E2A-4A58-9F5B-1B7A5E0F6C11";
		headers = {DSEndpoint: "gateway", DSId: "nil"};
	}
}
