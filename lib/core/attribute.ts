/**
 * DynamoDB JSON, as it travels on DynamoDB's own wire and in stream events: numbers are text, binaries are base64
 * text. It stays that from end to end, so that nothing is converted, and no digit or byte can be lost on the way.
 */

/** One attribute's value in DynamoDB JSON. */
export type AttributeValue =
  | { readonly S: string }
  | { readonly N: string }
  | { readonly B: string }
  | { readonly BOOL: boolean }
  | { readonly NULL: true }
  | { readonly SS: readonly string[] }
  | { readonly NS: readonly string[] }
  | { readonly BS: readonly string[] }
  | { readonly L: readonly AttributeValue[] }
  | { readonly M: Item };

/** An item, or a map attribute: attribute name → value. */
export type Item = { readonly [name: string]: AttributeValue };

/** The key attributes of an item. */
export type Key = Item;

/** The ten types of DynamoDB. */
export const ATTRIBUTE_TYPES = ['S', 'N', 'B', 'BOOL', 'NULL', 'SS', 'NS', 'BS', 'L', 'M'] as const;
export type AttributeType = (typeof ATTRIBUTE_TYPES)[number];

/** The one attribute that is ours, on every item. Never shown by the API, never written by its callers. */
export const RESERVED = '_s';

/**
 * The types that a value names, for error messages: never what it holds, since items are their owner's. What is no
 * type of DynamoDB is shown as "?"; what is no object at all by its JavaScript type.
 */
export function typeNames(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return [value === null ? 'null' : typeof value];
  return Object.keys(value)
    .slice(0, ATTRIBUTE_TYPES.length)
    .map((name) => ((ATTRIBUTE_TYPES as readonly string[]).includes(name) ? name : '?'));
}

/** The text of a string, number or binary value; undefined for other types and for nothing. */
export const text = (value: AttributeValue | undefined, type: 'S' | 'N' | 'B'): string | undefined => {
  const found = (value as Record<string, unknown> | undefined)?.[type];
  return typeof found === 'string' ? found : undefined;
};

/** The map inside a map value, or undefined. */
export const mapOf = (value: AttributeValue | undefined): Item | undefined => (value !== undefined && 'M' in value ? value.M : undefined);
