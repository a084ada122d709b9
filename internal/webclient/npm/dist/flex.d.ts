/** The classes whose bodies can be read and written. */
export declare const externalizableClasses: readonly string[];
