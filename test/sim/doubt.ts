/**
 * What is known to be incomplete: keys, or all of a link, that a person, or later the checker, must have resynced before
 * equality can be asked for. Every entry has its reason; what is not in here must come right by itself.
 */
export class Doubt {
  readonly #all = new Map<string, string>();
  readonly #keys = new Map<string, Map<string, string>>();

  /** Everything of a link. */
  all(link: string, why: string): void {
    if (!this.#all.has(link)) this.#all.set(link, why);
  }
  key(link: string, key: string, why: string): void {
    let keys = this.#keys.get(link);
    if (keys === undefined) {
      keys = new Map();
      this.#keys.set(link, keys);
    }
    if (!keys.has(key)) keys.set(key, why);
  }

  /** Why the link, as a whole, is in doubt. */
  why(link: string): string | undefined {
    return this.#all.get(link);
  }
  keys(link: string): readonly string[] {
    return [...(this.#keys.get(link)?.keys() ?? [])];
  }
  /** Whether a person has written this key at this member. */
  hasKey(member: string, key: string): boolean {
    for (const [link, keys] of this.#keys) if (link.endsWith(`>${member}`) && keys.has(key)) return true;
    return false;
  }
}
