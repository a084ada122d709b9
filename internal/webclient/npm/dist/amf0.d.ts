import { Value } from "./value.js";
/** Writes AMF0 values one behind the other. */
export declare function encodeAMF0(...values: Value[]): Uint8Array;
/** Reads all AMF0 values that are there, those behind the switch to AMF3 too. The error is an AMFError. */
export declare function decodeAMF0(b: Uint8Array): Value[];
