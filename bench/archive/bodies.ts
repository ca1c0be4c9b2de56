/** Many byte strings in one file: each with its length in front (4 bytes, big-endian). Pure. */

export function writeBodies(bodies: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    bodies.flatMap((body) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(body.length);
      return [length, body];
    }),
  );
}

/** @throws RangeError when the file ends within a body. */
export function readBodies(file: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < file.length; ) {
    const length = file.readUInt32BE(at);
    const end = at + 4 + length;
    if (end > file.length) throw new RangeError(`A body of ${length} bytes, of which ${file.length - at - 4} are there.`);
    found.push(file.subarray(at + 4, end));
    at = end;
  }
  return found;
}
