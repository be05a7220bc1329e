/**
 * What an Instance answers. Names are those of the wire; members that a newer server adds may be there too.
 */
export {};
