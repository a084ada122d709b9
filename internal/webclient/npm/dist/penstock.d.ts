export { decodeAMF0, encodeAMF0 } from "./amf0.js";
export { decodeAMF3, encodeAMF3 } from "./amf3.js";
export { ProtocolError } from "./chunk.js";
export { NetConnection, type NetConnectionEvents, type NetConnectionOptions } from "./connection.js";
export { Emitter, NetStatusError, type ClientMethods, type DataMessage, type InformationObject, type Listener } from "./events.js";
export { externalizableClasses } from "./flex.js";
export { SharedObject, type Change, type SharedObjectEvents } from "./sharedobject.js";
export { NetStream, type NetStreamEvents } from "./stream.js";
export { AMFError, ArrayCollection, ECMAArray, Externalizable, TypedObject, Vector, XML, type Members, type Traits, type Value } from "./value.js";
