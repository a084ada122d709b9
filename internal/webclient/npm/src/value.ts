// What AMF can carry, in values that JavaScript has, and in classes for what it has not.

/**
 * A value of AMF0 or AMF3. undefined and null are not the same. A Uint8Array is a ByteArray; Int32Array, Uint32Array and Float64Array
 * are Vector.<int>, Vector.<uint> and Vector.<Number>; a Map is a Dictionary. What only AMF3 has is written behind the switch to it
 * on any connection. Objects that are read have no prototype, so that a member may have any name.
 */
export type Value = undefined | null | boolean | number | string | Date | Uint8Array | Int32Array | Uint32Array | Float64Array
  | Value[] | Map<Value, Value> | TypedObject | ECMAArray | Vector | XML | Externalizable | { [key: string]: Value };

/** Named values. */
export type Members = { [key: string]: Value };

/** Which members of a class AMF3 names once for all its objects, and whether there may be others. */
export interface Traits { readonly sealed: readonly string[]; readonly dynamic: boolean; }

/** An object with a class name. Classes are names here: nothing is ever instantiated. Without traits all members are dynamic. */
export class TypedObject {
  constructor(readonly className: string, readonly members: Members, readonly traits?: Traits) {}
}

/** An array of Flash with named members beside its elements. (An ECMA array of AMF0 is read as a plain object.) */
export class ECMAArray {
  constructor(readonly dense: Value[], readonly members: Members) {}
}

/** Vector of anything but numbers: a class name, "" or "*" for any, and the elements. */
export class Vector {
  constructor(readonly type: string, readonly items: Value[], readonly fixed = false) {}
}

/** The text of an XML value, never parsed: legacy is XMLDocument, else E4X. */
export class XML {
  constructor(readonly text: string, readonly legacy = false) {}
  toString(): string { return this.text; }
}

/** An object of a class that writes its own body. Which classes can be read and written is said by externalizableClasses. */
export class Externalizable {
  constructor(readonly className: string, readonly members: Members) {}
}

const arrayCollection = "flex.messaging.io.ArrayCollection";

/** Flex's ArrayCollection or ArrayList: its elements are in source. */
export class ArrayCollection extends Externalizable {
  constructor(source: Value[] = [], className: string = arrayCollection) { super(className, { source }); }
  get source(): Value[] { return Array.isArray(this.members.source) ? this.members.source : []; }
  get length(): number { return this.source.length; }
  [Symbol.iterator](): Iterator<Value> { return this.source[Symbol.iterator](); }
}

/** Why bytes could not be read, or a value not written. */
export class AMFError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "AMFError";
  }
}

/** Bounds of all values of one message together, read or written; the server has smaller ones. @internal */
export const limits = { depth: 128, nodes: 100_000, bytes: (16 << 20) - 1 };
