/**
 * NetConnection, NetStream and SharedObject for web pages, as Flash Player had them: RTMP over WebSocket.
 * @packageDocumentation
 */
export { AMFError, TypedObject, type Value } from "./amf.js";
export { ProtocolError } from "./chunk.js";
export { NetConnection, NetStatusError, type ClientMethods, type InformationObject, type NetConnectionOptions } from "./connection.js";
export { SharedObject, type Change } from "./sharedobject.js";
export { NetStream } from "./stream.js";
