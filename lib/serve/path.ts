/** Paths of routes. Names in braces stand for one part of a path: `/checks/{id}`. Pure. */

const NAME = /^\{(\w+)\}$/;

/**
 * What a path has in the places that a template names; undefined when it is another path.
 *
 * Gateways differ in whether they decode a path: a part that is still encoded is decoded, which does no harm to values that have no "%".
 */
export function matchPath(template: string, path: string): ReadonlyMap<string, string> | undefined {
  const [wanted, found] = [template.split('/'), path.split('/')];
  if (wanted.length !== found.length) return undefined;
  const values = new Map<string, string>();
  for (const [i, part] of wanted.entries()) {
    const name = NAME.exec(part)?.[1];
    const value = found[i] ?? '';
    if (name === undefined ? part !== value : value === '') return undefined;
    if (name !== undefined) values.set(name, decoded(value));
  }
  return values;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // It was not encoded.
    return part;
  }
}
